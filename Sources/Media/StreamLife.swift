/// A connection that is made again whenever it breaks. Pure: the thread that sends performs what follows.
package struct StreamLife: Equatable, Sendable {
    package enum State: Equatable, Sendable {
        /// No picture has come at which a stream could begin.
        case waiting
        /// A connection is being made, for the number of times in a row.
        case connecting(attempt: Int)
        case sending(since: Int64)
        /// It broke, or could not be made, and is tried again then.
        case pausing(until: Int64, attempt: Int, reason: String)
        case ended
    }

    package enum Event: Equatable, Sendable {
        /// There is something to begin with.
        case begun
        case connected
        /// A call failed; `jitter`, 0 to 1, spreads clients that lost the same server.
        case failed(String, jitter: Double)
        /// Time has passed.
        case tick
        case finished
    }

    package private(set) var state = State.waiting
    /// How often a connection was made.
    package private(set) var connections = 0
    /// How often there was none: a connection that breaks early does not end such a time.
    package private(set) var outages = 0
    /// Since when there has been no connection that held, and the tries since then.
    private var lostAt: Int64?
    private var attempts = 0

    package init() {}

    /// The shortest and the longest pause between two tries, nanoseconds. In between, a pause is an eighth
    /// of the time since the connection was lost: a server that was gone for 80 s is back within 10 s.
    package static let pauses: ClosedRange<Int64> = 500_000_000...30_000_000_000
    /// A connection that breaks sooner counts as a try that failed, nanoseconds.
    package static let holding: Int64 = 10_000_000_000

    package var isSending: Bool { if case .sending = state { true } else { false } }

    package mutating func apply(_ event: Event, at now: Int64) {
        switch (event, state) {
        case (.begun, .waiting):
            lostAt = now
            state = .connecting(attempt: 1)
        case (.connected, .connecting(let attempt)):
            (attempts, connections) = (attempt, connections + 1)
            state = .sending(since: now)
        case (.failed(let reason, let jitter), .connecting(let attempt)):
            outages = max(outages, 1)
            pause(reason, jitter, attempt + 1, now)
        case (.failed(let reason, let jitter), .sending(let since)):
            if now - since >= Self.holding {
                (lostAt, attempts, outages) = (now, 0, outages + 1)
            } else {
                outages = max(outages, 1)
            }
            pause(reason, jitter, attempts + 1, now)
        case (.tick, .pausing(let until, let attempt, _)) where now >= until:
            state = .connecting(attempt: attempt)
        case (.finished, _): state = .ended
        default: break
        }
    }

    private mutating func pause(_ reason: String, _ jitter: Double, _ attempt: Int, _ now: Int64) {
        let lost = now - (lostAt ?? now)
        let pause = min(max(lost / 8, Self.pauses.lowerBound), Self.pauses.upperBound)
        let spread = Int64(Double(pause) * (0.8 + 0.4 * jitter))
        state = .pausing(
            until: now + min(max(spread, Self.pauses.lowerBound), Self.pauses.upperBound),
            attempt: attempt, reason: reason)
    }

    /// What a person reads of it.
    package func words(of address: String, at now: Int64) -> String {
        switch state {
        case .waiting: return "waiting for the first picture, to send it to \(address)"
        case .connecting(let attempt):
            return "connecting to \(address)"
                + (attempt > 1 ? ", \(Self.ordinal(attempt)) try" : "")
        case .sending(let since):
            return "sending to \(address) for \(Self.time(now - since))"
                + (connections > 1 ? ", \(Self.ordinal(connections)) connection" : "")
        case .pausing(let until, let attempt, let reason):
            return "connecting to \(address), \(Self.ordinal(attempt)) try, in "
                + "\(Self.time(max(until - now, 0))): \(reason)"
        case .ended: return "ended"
        }
    }

    private static func time(_ nanoseconds: Int64) -> String {
        let tenths = nanoseconds / 100_000_000
        return tenths < 100 ? "\(tenths / 10).\(tenths % 10) s" : "\(tenths / 10) s"
    }

    /// `third`, `22nd`.
    package static func ordinal(_ number: Int) -> String {
        let words = [
            "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
            "tenth",
        ]
        if (1...words.count).contains(number) { return words[number - 1] }
        let isTeen = (11...13).contains(number % 100)
        let ending = isTeen ? "th" : [1: "st", 2: "nd", 3: "rd"][number % 10] ?? "th"
        return "\(number)\(ending)"
    }
}
