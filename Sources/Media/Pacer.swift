/// Gives pictures that come unevenly at an even pace: what is due is given, and without one the last again.
///
/// A picture is due some time after it was to be shown, the same for all: as long as nineteen of twenty have
/// been late by in the last seconds, and at most a second more than the most punctual one. That time changes
/// slowly, so that nobody sees it, but for one jump when it has become much shorter. Pure.
package struct Pacer<Picture> {
    /// What became of pictures.
    package struct Counts: Equatable, Sendable {
        package var fresh = 0, repeated = 0, dropped = 0
    }

    package private(set) var counts = Counts()
    private let interval: Int64
    private var waiting: [(picture: Picture, presentation: Int64)] = []
    private var last: Picture?
    /// How late pictures came, with when.
    private var lateness: [(late: Int64, at: Int64)] = []
    /// Added to a picture's time: then it is due. Nil before the first.
    private var delay: Int64?
    private var movedAt: Int64 = 0

    /// Nanoseconds for which lateness is remembered, and what is held at most.
    private static var memory: Int64 { 5_000_000_000 }
    private static var longest: Int64 { 2_000_000_000 }
    /// Nanoseconds by which a picture waits for those that come late, and by how much too long it may wait
    /// before that is set right at once.
    private static var longestWait: Int64 { 1_000_000_000 }
    private static var largestExcess: Int64 { 250_000_000 }

    /// - Parameter interval: nanoseconds between two pictures that are given.
    package init(interval: Int64) { self.interval = interval }

    /// Nanoseconds from a picture's time until it is due; their origins are any.
    package var playoutDelay: Int64 { delay ?? 0 }

    /// Takes a picture.
    ///
    /// - Parameter presentation: when it is to be shown, nanoseconds from any origin.
    package mutating func add(_ picture: Picture, presentation: Int64, at now: Int64) {
        let late = now - presentation
        // A source that began anew counts from elsewhere.
        if let newest = lateness.last, (late - newest.late).magnitude > UInt64(Self.longest) {
            (lateness, delay) = ([], nil)
            counts.dropped += waiting.count
            waiting = []
        }
        lateness.append((late, now))
        lateness.removeAll { now - $0.at > Self.memory }
        follow(now)
        waiting.append((picture, presentation))
        while let first = waiting.first, presentation - first.presentation > Self.longest {
            drop()
        }
    }

    /// The picture to give now; nil before the first has come.
    package mutating func next(at now: Int64) -> Picture? {
        follow(now)
        let time = now - (delay ?? 0)
        // One that is due is given even if a newer one is, too: it is a little late, and all are seen.
        while waiting.count > 1, waiting[1].presentation <= time - interval { drop() }
        if let first = waiting.first, first.presentation <= time {
            counts.fresh += 1
            last = waiting.removeFirst().picture
        } else if last != nil {
            counts.repeated += 1
        }
        return last
    }

    private mutating func drop() {
        waiting.removeFirst()
        counts.dropped += 1
    }

    /// Moves the delay to the lateness of all but one in twenty: by one part in a hundred of the time that has
    /// passed, but at once as long as that is not known well.
    private mutating func follow(_ now: Int64) {
        guard !lateness.isEmpty else { return }
        let sorted = lateness.map(\.late).sorted()
        let usual = sorted[min(sorted.count * 19 / 20, sorted.count - 1)]
        let wanted = min(usual, sorted[0] + Self.longestWait)
        defer { movedAt = now }
        guard let delay, delay - wanted < Self.largestExcess else {
            self.delay = wanted
            return
        }
        guard lateness.last!.at - lateness[0].at > Self.memory / 2 else {
            self.delay = max(wanted, delay)
            return
        }
        let step = max((now - movedAt) / 100, 0)
        self.delay = delay + min(max(wanted - delay, -step), step)
    }
}
