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

        /// One node's setting, of which only the last value counts.
        mutating func set(
            _ setting: String, of node: String, to value: String, in graph: CheckedGraph
        ) throws {
            guard graph.node(node) != nil else {
                throw SwapRefusal(
                    "there is no node '\(node)'; there are "
                        + graph.nodes.map(\.name).joined(separator: ", "))
            }
            var settings = [setting: value]
            if let last = replacements.lastIndex(where: { $0.node == node }),
                replacements[last].kind == nil, replacements[last].machine == nil
            {
                settings = replacements.remove(at: last).settings.merging(settings) { $1 }
            }
            replacements.append(NodeReplacement(node: node, kind: nil, settings: settings))
        }
    }

    /// What a user lets pass that would be refused.
    struct Waivers {
        var memory = false
        var budget = false
    }

    private var state: State
    private let waivers: Waivers
    private let plan: (CheckedGraph) -> RunPlan
    /// Called with the graph and its text when a change was made.
    var changed: (CheckedGraph, RunGraph) -> Void = { _, _ in }
    /// The graph as it runs, all changes included.
    private(set) var graph: CheckedGraph

    /// Nil when the file cannot be read.
    init?(
        _ graph: CheckedGraph, _ overrides: [(name: String, value: String)], waivers: Waivers,
        plan: @escaping (CheckedGraph) -> RunPlan
    ) {
        guard let bytes = GraphFile.contents(of: graph.path) else { return nil }
        state = State(bytes: bytes, path: graph.path, overrides: overrides)
        (self.graph, self.waivers, self.plan) = (graph, waivers, plan)
    }

    func plan(_ change: GraphChange) throws -> PlannedChange {
        let state = try state(after: change)
        let next = try graph(of: state)
        var refusals = [next.placementRefusal, AgePlan.refusal(of: next, unless: waivers.budget)]
        if !waivers.memory {
            refusals.append(MemoryPlan.lack(for: newProcesses(of: next, change), beside: graph, in: next))
        }
        let text = refusals.compactMap { $0?.trimmingCharacters(in: .newlines) }.joined(separator: "\n")
        guard text.isEmpty else { throw SwapRefusal(text) }
        return PlannedChange(plan(next)) { [self] in
            (self.state, graph) = (state, next)
            changed(graph, current)
        }
    }

    var current: RunGraph {
        RunGraph(
            path: state.path, text: String(decoding: state.bytes, as: UTF8.self),
            overrides: Dictionary(state.overrides.map { ($0.name, $0.value) }) { $1 },
            replacements: state.replacements,
            settings: Dictionary(uniqueKeysWithValues: graph.nodes.map { ($0.name, $0.values) }))
    }

    private func graph(of state: State) throws -> CheckedGraph {
        let check = GraphFile.check(
            bytes: state.bytes, name: state.path, overrides: state.overrides,
            replacements: state.replacements,
            // A plugin may have come since the run began.
            registry: PluginFolders.load(besides: state.path).registry)
        guard let graph = check.graph else {
            throw SwapRefusal(check.text.trimmingCharacters(in: .newlines))
        }
        if let input = graph.openInputs.first {
            throw SwapRefusal("\(state.path) is a part of other graphs: nothing feeds its input '\(input)'")
        }
        return graph
    }

    /// Nodes that will load beside those that run.
    private func newProcesses(of next: CheckedGraph, _ change: GraphChange) -> [CheckedNode] {
        next.nodes.filter { node in
            if case .replace(let replacement) = change, replacement.node == node.name { return true }
            guard let old = graph.node(node.name) else { return true }
            return old.kind != node.kind || old.machine != node.machine || !old.isOnlySet(by: node)
        }
    }

    private func state(after change: GraphChange) throws -> State {
        var next = state
        switch change {
        case .replace(let replacement): next.replacements.append(replacement)
        case .settings(let settings):
            for (name, value) in settings.sorted(by: { $0.key < $1.key }) {
                if let dot = name.firstIndex(of: ".") {
                    let setting = String(name[name.index(after: dot)...])
                    try next.set(setting, of: String(name[..<dot]), to: value, in: graph)
                    continue
                }
                next.overrides.removeAll { $0.name == name }
                next.overrides.append((name, value))
            }
        case .file(let path):
            guard let bytes = GraphFile.contents(of: path) else {
                throw SwapRefusal("\(path) is no file that can be read")
            }
            (next.bytes, next.path, next.replacements) = (bytes, path, [])
        case .text(let text, let keepsSwaps):
            next.bytes = Array(text.utf8)
            if !keepsSwaps { next.replacements = [] }
        }
        return next
    }
}

extension CheckedNode {
    /// Whether only live settings have other values, so that no new process is needed.
    fileprivate func isOnlySet(by next: CheckedNode) -> Bool {
        let live = Set(next.spec.settings.filter(\.isLive).map(\.name))
        return values.filter { !live.contains($0.key) } == next.values.filter { !live.contains($0.key) }
    }
}

extension MemoryPlan {
    /// Why nodes do not fit beside all that runs now; nil when they do, or nobody knows.
    static func lack(
        for nodes: [CheckedNode], beside running: CheckedGraph, in next: CheckedGraph
    ) -> String? {
        let names = Set(nodes.map(\.name))
        let before = MemoryPlan(running, freeOfGPU: { _ in nil }).lines
        let after = MemoryPlan(next, freeOfGPU: { _ in nil }).lines.filter { names.contains($0.node) }
        let faults = next.machines.flatMap { machine -> [String] in
            let old = before.filter { $0.machine == machine.name }
            let new = after.filter { $0.machine == machine.name }
            func shortage(
                of place: String, _ allowed: Int?, here: @autoclosure () -> Int?, _ bytes: (Line) -> Int
            ) -> String? {
                let (used, needed) = (old.reduce(0) { $0 + bytes($1) }, new.reduce(0) { $0 + bytes($1) })
                let free = [allowed.map { $0 - used }, machine.launcher == .local ? here() : nil]
                    .compactMap { $0 }.min()
                guard needed > 0, let free, needed > free else { return nil }
                let own = new.filter { bytes($0) > 0 }
                let words = own.map { "'\($0.node)' (\($0.kind))" }.joined(separator: ", ")
                return "\(words) \(own.count == 1 ? "needs" : "need") \(text(needed)) beside what runs, and "
                    + "\(place) has \(text(max(free, 0))) left"
            }
            let memory = shortage(of: "machine '\(machine.name)'", machine.memory, here: availableHere) {
                $0.peak_bytes
            }
            let ofGPUs = Set(new.compactMap(\.gpu)).sorted().compactMap { gpu in
                shortage(
                    of: "'\(gpu)' of machine '\(machine.name)'", machine.gpuMemory,
                    here: availableOnGPU(gpu)
                ) { $0.gpu == gpu ? $0.gpu_bytes ?? 0 : 0 }
            }
            return [memory].compactMap { $0 } + ofGPUs
        }
        return faults.isEmpty ? nil : faults.joined(separator: "\n")
    }
}

extension AgePlan {
    /// Why frames of a graph would get too old; nil when they would not, or that is let pass.
    fileprivate static func refusal(of graph: CheckedGraph, unless isWaived: Bool) -> String? {
        guard graph.mode == .live, !isWaived else { return nil }
        return AgePlan(graph).refusal?.trimmingCharacters(in: .newlines)
    }
}
