import BuiltinNodes
import Dataflow
import NodeKit
import Tensors
import Wire

/// What a node's outputs take of its machine's memory, besides its networks.
///
/// Frames that a consumer may ask for again lie in the node's journal until it has saved what came of
/// them, and large ones pass through shared memory, of which there is as much as is under way at once.
struct EdgeMemory {
    private(set) var bytes = 0
    /// Outputs whose sizes only the files tell.
    private(set) var assumed: [String] = []

    /// - Parameters:
    ///   - rate: frames a second.
    ///   - measured: what a run has shown, by input.
    init(
        of node: CheckedNode, in graph: CheckedGraph, rate: Double,
        measured: [String: TrafficPlan.Measured] = [:]
    ) {
        let edges = Dictionary(grouping: graph.edges(outOf: node.name), by: \.from)
        for (output, edges) in edges.sorted(by: { $0.key.port < $1.key.port }) {
            let seen = edges.compactMap { measured[$0.to.description]?.messageBytes }.max()
            // Sent once: in the journal and in shared memory.
            if let only = BuiltinKinds.bytesSentOnce(by: node.kind, node.settings) {
                bytes += 2 * only
                continue
            }
            let known = TrafficPlan.bytes(of: edges[0]) ?? seen.map { Int($0.rounded()) }
            if known == nil { assumed.append(output.description) }
            let size = known ?? Self.assumedBytes(of: edges[0])
            let held = edges.map { Self.held(on: $0, in: graph, rate) }.max() ?? 0
            let underWay = edges.map(Self.underWay).max() ?? 0
            let isShared = size >= SharedMemory.threshold
            bytes += size * (held + (isShared ? underWay : 0))
        }
    }

    /// Messages of an edge that lie in the journal at most: those under way, the one that is being
    /// made, and those that the consumer has used and would need again.
    private static func held(on edge: CheckedEdge, in graph: CheckedGraph, _ rate: Double) -> Int {
        switch edge.keep {
        case .all:
            let kind = graph.node(edge.to.node)?.kind ?? ""
            return edge.window + 1 + BuiltinKinds.framesUntilSaved(of: kind, rate: rate)
        case .last: return 1
        case .newest, .even: return 0
        }
    }

    /// Messages of an edge that are in shared memory at most: in the window, waiting, being made.
    private static func underWay(on edge: CheckedEdge) -> Int {
        edge.window + 1 + (edge.keep == .even ? SharedMemory.evenCapacity : 1)
    }

    /// Rows and columns of a picture that nobody has seen yet, and of its latents.
    static let side = 512
    private static let latentSide = 64

    /// One picture of 512 x 512 or its latents, and little of all else.
    private static func assumedBytes(of edge: CheckedEdge) -> Int {
        zip(edge.extents, edge.output.axes).reduce(edge.output.elementType.byteCount) { size, axis in
            size * (axis.0 ?? assumedExtent(axis.1, edge.output.meaning))
        }
    }

    private static func assumedExtent(_ axis: Axis, _ meaning: String) -> Int {
        if case .named("n", _) = axis { return 1 }
        return switch meaning {
        case "rgb", "face": side
        case let word where word.hasPrefix("latent"): latentSide
        default: 64
        }
    }
}
