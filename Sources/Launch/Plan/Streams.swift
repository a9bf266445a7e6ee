import NodeKit

/// Which nodes work on the frames of the same sources, so that frame numbers mean the same to them.
struct Streams {
    private var parents: [String: String] = [:]
    /// Nodes that number what they send anew.
    private let beginners: Set<String>

    /// - Parameter plans: graphs whose edges all count.
    init(of plans: [RunPlan]) {
        beginners = Set(plans.flatMap(\.nodes).filter(\.beginsStream).map(\.name))
        for plan in plans {
            for node in plan.nodes {
                for edge in node.configuration.outputs
                where (plan.paces["\(edge.consumer).\(edge.consumerPort)"] ?? .frame).isOfFrames
                    && !beginners.contains(edge.consumer)
                {
                    parents[stream(of: node.name)] = stream(of: edge.consumer)
                }
            }
        }
    }

    /// Whether a node's frames are numbered by a node inside of the graph, which no change waits for.
    func beginsInside(_ node: String) -> Bool {
        beginners.contains { stream(of: $0) == stream(of: node) }
    }

    /// The name of a node that stands for all of its stream.
    func stream(of node: String) -> String {
        var name = node
        while let parent = parents[name], parent != name { name = parent }
        return name
    }
}

extension RunPlan {
    /// How an input keeps time with others, here or else in another plan.
    func pace(of input: String, or other: RunPlan) -> Pace {
        paces[input] ?? other.paces[input] ?? .frame
    }
}
