import Dataflow
import Foundation
import Launch

/// A graph as it was read when its run began, to be checked again with something changed.
final class Replanner: GraphPlanner {
    private struct State {
        var bytes: [UInt8]
        var path: String
        var overrides: [(name: String, value: String)]
        var replacements: [NodeReplacement] = []
    }

    private var state: State
    private let registry: NodeRegistry
    private let plan: (CheckedGraph) -> RunPlan

    /// Nil when the file cannot be read.
    init?(
        _ path: String, _ overrides: [(name: String, value: String)], _ registry: NodeRegistry,
        plan: @escaping (CheckedGraph) -> RunPlan
    ) {
        guard let bytes = GraphFile.contents(of: path) else { return nil }
        state = State(bytes: bytes, path: path, overrides: overrides)
        (self.registry, self.plan) = (registry, plan)
    }

    func accept(_ change: GraphChange) {
        if let next = try? state(after: change) { state = next }
    }

    func plan(_ change: GraphChange) throws -> RunPlan {
        let next = try state(after: change)
        let check = GraphFile.check(
            bytes: next.bytes, name: next.path, overrides: next.overrides,
            replacements: next.replacements, registry: registry)
        guard let graph = check.graph else {
            throw SwapRefusal(check.text.trimmingCharacters(in: .newlines))
        }
        if let refusal = graph.placementRefusal { throw SwapRefusal(refusal) }
        if case .replace(let replacement) = change, let node = graph.node(replacement.node),
            node.machine == Machine.local.name,
            let lack = MemoryPlan.lack(for: node)
        {
            throw SwapRefusal(lack)
        }
        return plan(graph)
    }

    private func state(after change: GraphChange) throws -> State {
        var next = state
        switch change {
        case .replace(let replacement): next.replacements.append(replacement)
        case .settings(let settings):
            for (name, value) in settings.sorted(by: { $0.key < $1.key }) {
                next.overrides.removeAll { $0.name == name }
                next.overrides.append((name, value))
            }
        case .file(let path):
            guard let bytes = GraphFile.contents(of: path) else {
                throw SwapRefusal("\(path) cannot be read")
            }
            (next.bytes, next.path, next.replacements) = (bytes, path, [])
        }
        return next
    }
}

extension MemoryPlan {
    /// Why a node does not fit beside all that runs now; nil when it does, or nobody knows.
    static func lack(for node: CheckedNode) -> String? {
        let needed = peak(of: node)
        guard let free = availableHere, needed > free else { return nil }
        return "'\(node.kind)' needs \(text(needed)) beside the process that it would replace, and "
            + "this machine has \(text(free)) free"
    }
}
