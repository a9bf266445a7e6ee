import NodeKit

/// Decides which of several streams is on air, and what is shown while that one is silent.
///
/// A pure value: arrivals and the time go in. Times are nanoseconds of the monotonic clock.
package struct StreamSwitch {
    /// What is done while the chosen input is silent.
    package enum OnSilence: String, CaseIterable {
        /// Nothing is sent.
        case wait
        /// The last picture is sent again.
        case hold
        /// A picture of its own is sent.
        case slate
        /// The first of the other inputs that is not silent is on air; while all are, the slate is, if there
        /// is one, else the last picture.
        case next
    }

    /// What is sent when no input gives anything.
    package enum Filler: Equatable { case hold, slate }

    /// The input that is to be on air.
    package var source: Int
    package var onSilence: OnSilence
    /// An input that gives nothing for so long is silent; nil for two of its own frames.
    package var patience: Int64?
    /// The time between two frames where nothing says what it is.
    private let usualPeriod: Int64
    private let hasSlate: Bool
    private let began: Int64
    /// By input: when a frame came last, and how long each is shown.
    private var arrivals: [Int64?]
    private var periods: [Int64]
    /// When a picture was sent last.
    private var sent: Int64?

    package init(
        inputs: Int, source: Int, onSilence: OnSilence, patience: Int64?, period: Int64,
        hasSlate: Bool, at now: Int64
    ) {
        (self.source, self.onSilence, self.patience) = (source, onSilence, patience)
        (usualPeriod, self.hasSlate, began) = (period, hasSlate, now)
        arrivals = Array(repeating: nil, count: inputs)
        periods = Array(repeating: period, count: inputs)
    }

    /// A frame has come.
    ///
    /// - Returns: whether it goes on air.
    package mutating func take(from input: Int, lasting duration: Int64, at now: Int64) -> Bool {
        if duration > 0 {
            periods[input] = duration
        } else if let last = arrivals[input], now > last {
            periods[input] = min(now - last, 2 * periods[input])
        }
        arrivals[input] = now
        guard input == onAir(at: now) else { return false }
        sent = now
        return true
    }

    /// The input that is on air.
    private func onAir(at now: Int64) -> Int {
        guard onSilence == .next, isSilent(source, at: now) else { return source }
        return arrivals.indices.first { $0 != source && !isSilent($0, at: now) } ?? source
    }

    private func isSilent(_ input: Int, at now: Int64) -> Bool {
        now - (arrivals[input] ?? began) >= bound(input)
    }

    private func bound(_ input: Int) -> Int64 { patience ?? 2 * periods[input] }

    /// What has to be sent now in place of a frame that has not come; called at ``due`` or later.
    package mutating func filler(at now: Int64) -> Filler? {
        guard onSilence != .wait, let due, now >= due else { return nil }
        sent = now
        return onSilence == .hold || !hasSlate ? .hold : .slate
    }

    /// When something has to be sent unless a frame comes before; nil for never.
    package var due: Int64? {
        guard onSilence != .wait else { return nil }
        // With others to fall back on, the one that fell silent last.
        let inputs = onSilence == .next ? Array(arrivals.indices) : [source]
        let heard = inputs.filter { arrivals[$0] != nil }.map { arrivals[$0]! + bound($0) }.max()
        let silent = heard ?? began + bound(source)
        return max(silent, sent.map { $0 + periods[source] } ?? silent)
    }
}
