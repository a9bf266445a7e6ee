/// An upper bound of a time, in which the parts that nobody declared or measured are missing.
package struct TimeBound: Sendable, Equatable {
    /// The sum of the parts that are known.
    package let known: Duration
    /// Whether every part is known: only then is it a bound.
    package let isComplete: Bool

    static let zero = TimeBound(known: .zero, isComplete: true)
    static let unknown = TimeBound(known: .zero, isComplete: false)

    init(known: Duration, isComplete: Bool) {
        (self.known, self.isComplete) = (known, isComplete)
    }

    /// The bound of a time that is known, or not.
    init(_ time: Duration?) { self.init(known: time ?? .zero, isComplete: time != nil) }

    /// The bound; nil while a part is missing.
    package var value: Duration? { isComplete ? known : nil }

    /// `152ms`, or `unknown`.
    package var text: String { value?.text ?? "unknown" }

    static func + (left: TimeBound, right: TimeBound) -> TimeBound {
        TimeBound(
            known: left.known + right.known, isComplete: left.isComplete && right.isComplete)
    }

    static func * (count: Int, time: TimeBound) -> TimeBound {
        TimeBound(known: time.known * count, isComplete: time.isComplete || count == 0)
    }

    /// The larger one, which is not known while either is not.
    static func larger(_ left: TimeBound, _ right: TimeBound) -> TimeBound {
        TimeBound(
            known: max(left.known, right.known), isComplete: left.isComplete && right.isComplete)
    }

    /// Whether it comes before another one in a search for the largest: what is not known may be
    /// larger than anything.
    static func isSmaller(_ left: TimeBound, _ right: TimeBound) -> Bool {
        left.isComplete == right.isComplete ? left.known < right.known : left.isComplete
    }
}

extension Duration {
    /// `310ms`, `2.4s`.
    package var text: String {
        let milliseconds = self / .milliseconds(1)
        let rounded =
            milliseconds < 10 ? (milliseconds * 10).rounded() / 10 : milliseconds.rounded()
        if rounded >= 10_000 { return "\((milliseconds / 100).rounded() / 10)s" }
        return rounded == rounded.rounded() ? "\(Int(rounded))ms" : "\(rounded)ms"
    }
}
