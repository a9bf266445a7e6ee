import Glibc

/// Ages by size, in steps of about 2 %, so that a week of frames takes no more room than a minute.
package struct AgeHistogram: Sendable, Codable {
    /// How many ages fell into each step; the first step is up to 10 µs.
    private var counts: [Int: Int] = [:]
    package private(set) var count = 0
    package private(set) var maximum: Double = 0

    private static let base = 0.01  // ms
    private static let step = 1.02

    package init() {}

    package mutating func add(nanoseconds: Int64) {
        let milliseconds = max(Double(nanoseconds) / 1e6, 0)
        count += 1
        maximum = max(maximum, milliseconds)
        counts[Self.bin(of: milliseconds), default: 0] += 1
    }

    /// The age in milliseconds that `fraction` of all stay below; nil without any.
    package func percentile(_ fraction: Double) -> Double? {
        guard count > 0 else { return nil }
        let rank = max(1, Int((fraction * Double(count)).rounded(.up)))
        var seen = 0
        for bin in counts.keys.sorted() {
            seen += counts[bin]!
            if seen >= rank { return min(Self.upperEdge(of: bin), maximum) }
        }
        return maximum
    }

    private static func bin(of milliseconds: Double) -> Int {
        guard milliseconds > base else { return 0 }
        return Int((log(milliseconds / base) / log(step)).rounded(.up))
    }

    private static func upperEdge(of bin: Int) -> Double { base * pow(step, Double(bin)) }
}
