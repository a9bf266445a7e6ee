import CPosix
import Dataflow
import Wire

/// A change of the graph that is being made.
///
/// All new processes load first, beside what runs: until the last of them is ready, nothing has
/// changed, and a fault leaves everything as it was. Then nodes are replaced, and then the edges
/// change, everywhere at the same frame.
final class Change {
    /// How far it has come.
    enum Step {
        /// New processes load; those that replace others take over once all are ready.
        case loading
        /// Sources are asked to pause between two frames.
        case holding
        /// Nodes are told their edges. Whoever dies now is started again, like anyone.
        case telling
        /// Frames go the new ways; inputs reach the ends of their old edges.
        case moving
    }

    let plan: RunPlan
    /// Called when it is made.
    let accept: () -> Void
    let difference: PlanDifference
    /// Whom to tell what came of it.
    let requester: String
    /// Tells the edges that it makes from those before them.
    let edition: Int
    /// Nodes that are still to be replaced.
    var left: Set<String>
    private(set) var step = Step.loading
    private(set) var stepBegan = posix_monotonic_ns()
    /// By source, the first frame that it has not sent, and whether it will send it.
    var held: [String: (next: UInt64, isOver: Bool)] = [:]
    /// By node, the first frame of its stream that goes the new ways.
    private(set) var frames: [String: UInt64] = [:]
    private var streamFrames: [String: UInt64] = [:]
    /// Nodes that have not answered.
    var awaited: Set<String> = []
    /// Inputs that have not gone on to their new edges.
    var moving: Set<String> = []
    /// What is said when all is done.
    var lastWords = ""

    init(_ planned: PlannedChange, _ difference: PlanDifference, edition: Int, for requester: String) {
        (plan, accept, self.difference) = (planned.plan, planned.accept, difference)
        (self.edition, self.requester) = (edition, requester)
        left = Set(difference.replaced.map(\.name))
    }

    /// Whether nodes know of their new edges: from here on there is no way back.
    var isCommitted: Bool { step == .telling || step == .moving }

    /// Sources that do not come to a frame's end, or nodes that do not answer, in this time will not.
    static let patience: Int64 = 10_000_000_000

    /// Works out where the new ways begin, once all sources pause.
    ///
    /// - Parameter old: the plan that runs.
    /// - Returns: a node whose stream is at its end, so that its edges cannot change any more.
    func findFrames(_ old: RunPlan) -> String? {
        let streams = Streams(of: [old, plan])
        var over: Set<String> = []
        for (source, found) in held {
            let stream = streams.stream(of: source)
            if found.isOver { over.insert(stream) }
            streamFrames[stream] = max(streamFrames[stream] ?? 0, found.next)
        }
        for node in (old.nodes + plan.nodes).map(\.name) {
            let stream = streams.stream(of: node)
            frames[node] = over.contains(stream) ? nil : streamFrames[stream]
        }
        let joining = Set(difference.added.map(\.name))
        return (difference.addedEdges + difference.removedEdges).first { edge in
            !joining.contains(edge.producer) && frames[edge.producer] == nil
                && plan.pace(of: edge.to, or: old) == .frame
        }?.producer
    }

    /// The first frame that goes the new ways, for people.
    var framesText: String {
        let producers = (difference.addedEdges + difference.removedEdges).map(\.producer)
        let numbers = Set(producers.compactMap { frames[$0] }).sorted().map(String.init)
        return "frame\(numbers.count > 1 ? "s" : "") \(numbers.joined(separator: ", "))"
    }

    /// Gives nodes the time again in which the supervisor could not listen.
    func forgive(_ gap: Int64) { stepBegan += gap }

    func advance(to step: Step) {
        self.step = step
        stepBegan = posix_monotonic_ns()
    }
}
