/// The median of what was seen in the last while: a figure that a few outliers do not move. Pure.
package struct RecentMedian: Sendable {
    private let span: Int64
    private var seen: [(time: Int64, value: Int64)] = []

    /// - Parameter span: nanoseconds that are looked back.
    package init(over span: Int64) { self.span = span }

    /// Takes a value in; times grow.
    package mutating func add(_ value: Int64, at time: Int64) {
        seen.append((time, value))
        seen.removeFirst(seen.prefix { $0.time < time - span }.count)
    }

    /// Nil before the first value.
    package var value: Int64? {
        seen.isEmpty ? nil : seen.map(\.value).sorted()[seen.count / 2]
    }
}
