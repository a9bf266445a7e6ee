import CPosix
import Glibc
import Wire

/// One process of a node: the first, one that took over after a crash, or one that is swapped in.
final class Incarnation {
    /// How it calls itself: the node's name, from the second one on with its number, `decoder~2`.
    let id: String
    var planned: RunPlan.PlannedNode
    let process: any NodeProcess
    var began = posix_monotonic_ns()
    /// Whether it was told to go on from the journal, or to begin.
    var isConnected = false
    var saidHello = false
    /// Whether it keeps a journal, so that another process can go on where it ends.
    var recovers = false
    /// Whether it can end in good order for another one to go on.
    var retires = false
    /// Whether its edges can change while it runs.
    var rewires = false
    /// Whether it took over from, or is, one without a journal: its messages count from 0.
    var isFresh = false
    /// By input, the first message that it left to its successor.
    var next: [String: UInt64] = [:]
    var isReady = false
    /// Where consumers on other machines find its outputs.
    var served: String?
    /// When it was last asked for its time, and whether it was told what to make of it.
    var askedAt: Int64 = 0
    var knowsTime = false
    var isDone = false
    var isRetired = false
    var reason: String?
    private(set) var log: [String] = []
    /// Lines and warnings that are shown and logged of it, and messages that are heard, in a second. Our own
    /// nodes send some ten, and a warning for a frame at most.
    var shown = RateLimit(most: 200), heard = RateLimit(most: 5000)
    /// When it last said something.
    var heardAt = posix_monotonic_ns()
    /// When it said that it gave up: it has files to close, and ends by itself.
    var failedAt: Int64?
    /// Whether it was ended for not being heard of.
    var wasSilent = false
    /// When its end was noticed.
    var endedAt: Int64?
    var isJudged = false

    init(_ id: String, _ planned: RunPlan.PlannedNode, _ process: any NodeProcess) {
        self.id = id
        self.planned = planned
        self.process = process
    }

    /// How long a node's last words may take after its end.
    private static let lastWords: Int64 = 1_000_000_000

    /// Whether nothing more is to be expected: last words may arrive after the end itself, and
    /// a program that the node started may hold its output open for ever.
    func isSettled(at now: Int64) -> Bool {
        guard let endedAt else { return false }
        let saidAll = process.outputHasEnded && (isDone || isRetired || process.status != 0)
        return saidAll || now - endedAt > Self.lastWords
    }

    /// Gives it the time again in which the supervisor could not listen.
    func forgive(_ gap: Int64, at now: Int64) {
        heardAt = now
        began += gap
        failedAt = failedAt.map { $0 + gap }
        endedAt = endedAt.map { $0 + gap }
    }

    /// Keeps the last lines for the case that the node fails.
    func keep(_ line: String) {
        log.append(line)
        if log.count > 20 { log.removeFirst() }
    }

    /// In a word, for whoever asks.
    func state(isRunning: Bool) -> String {
        if process.status != nil { return "ended" }
        if !saidHello { return "starting" }
        if !isReady { return "loading" }
        return isRunning ? "running" : "ready"
    }
}
