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
    /// Outputs whose sizes depend on the files.
    private(set) var unknown: [String] = []

    /// - Parameter rate: frames a second.
    init(of node: CheckedNode, in graph: CheckedGraph, rate: Double) {
        let edges = Dictionary(grouping: graph.edges(outOf: node.name), by: \.from)
        for (output, edges) in edges.sorted(by: { $0.key.port < $1.key.port }) {
            guard let size = TrafficPlan.bytes(of: edges[0]) else {
                unknown.append(output.description)
                continue
            }
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
}
