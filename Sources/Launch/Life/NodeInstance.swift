import CPosix
import Wire

/// One process of a node: the first, one that took over after a crash, or one that is swapped in.
final class NodeInstance {
    /// How it calls itself: the node's name, from the second one on with its number, `decoder~2`.
    let id: String
    var planned: RunPlan.PlannedNode
    let process: any NodeProcess
    private(set) var life: ProcessLife
    /// Whether it was told to go on from the journal, or to begin.
    var isConnected = false
    /// Whether it took over from, or is, one without a journal: its messages count from 0.
    var isFresh = false
    /// By input, the first message that it left to its successor.
    var next: [String: UInt64] = [:]
    /// By input, where it was last told to find the producer.
    var found: [String: String] = [:]
    /// Where it was last told to listen for other machines, and where those find its outputs.
    var listening: String?
    var served: String?
    /// The connection that its messages come over.
    var connection: Int32 = -1
    /// When it was last asked for its time, and whether it was told what to make of it.
    var askedAt: Int64 = 0
    var knowsTime = false
    private(set) var log: [String] = []
    /// Lines and warnings that are shown and logged of it, and messages that are read, in a second. Our own
    /// nodes send some ten, and a warning for a frame at most.
    var shown = RateLimit(most: 200), warned = RateLimit(most: 200), heard = RateLimit(most: 5000)

    init(
        _ id: String, _ planned: RunPlan.PlannedNode, _ process: any NodeProcess,
        _ limits: ProcessLife.Limits
    ) {
        (self.id, self.planned, self.process) = (id, planned, process)
        life = ProcessLife(limits, at: posix_monotonic_ns())
    }

    /// Tells its life what happened now.
    func apply(_ event: ProcessLife.Event) -> [ProcessLife.Effect] {
        life.apply(event, at: posix_monotonic_ns())
    }

    /// Ends it and all that it started with SIGKILL.
    func kill() { if life.kill(posix_monotonic_ns()) == [.kill] { process.killGroup() } }

    /// Keeps the last lines for the case that the node fails.
    func keep(_ line: String) {
        log.append(line)
        if log.count > 20 { log.removeFirst() }
    }

    /// How it ended or what it is at fault for, for a person.
    var cause: String {
        life.fault?.reason ?? process.status.map(NodeFailure.words) ?? "it ended"
    }

    var isDone: Bool { life.final == .done }
}
