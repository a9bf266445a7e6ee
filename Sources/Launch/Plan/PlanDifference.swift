import Dataflow
import NodeKit
import Wire

/// What makes a running graph another one: nodes that come, go or are replaced, live settings, and
/// edges.
///
/// A pure value: what it takes to get there is in ``GraphEdit``.
package struct PlanDifference {
    /// One edge, as the graph says it.
    package struct Edge: Hashable, Comparable {
        /// Ends as `node.port`.
        package let from, to: String
        let keep: Keep
        let window: Int
        let isHalved: Bool
        let thinning: Thinning?

        init(_ node: String, _ output: NodeConfiguration.Output) {
            from = "\(node).\(output.port)"
            to = "\(output.consumer).\(output.consumerPort)"
            (keep, window, isHalved) = (output.keep, output.window, output.isHalved)
            thinning = output.thinning
        }

        package static func < (a: Edge, b: Edge) -> Bool { (a.to, a.from) < (b.to, b.from) }

        var producer: String { Self.node(from) }
        var consumer: String { Self.node(to) }
        var port: String { String(to.dropFirst(consumer.count + 1)) }
        private static func node(_ end: String) -> String { String(end.prefix { $0 != "." }) }
    }

    /// Nodes that come, in the order of the new graph, and the names of those that go.
    package let added: [RunPlan.PlannedNode]
    package let removed: [String]
    /// Nodes that are another process, each in words.
    package let replaced: [(name: String, text: String)]
    /// Nodes that take other values of live settings, each with all its settings and in words.
    package let set: [(name: String, settings: [String: SettingValue], text: String)]
    package let addedEdges, removedEdges: [Edge]

    package var isEmpty: Bool {
        added.isEmpty && removed.isEmpty && replaced.isEmpty && set.isEmpty && !rewires
    }
    /// Whether anything but processes differs.
    var rewires: Bool { !added.isEmpty || !removed.isEmpty || !addedEdges.isEmpty || !removedEdges.isEmpty }

    /// - Parameters:
    ///   - running: the nodes that run, as they are now.
    ///   - target: a node that is another process even if nothing about it differs.
    ///   - cannotSet: nodes whose process cannot take other settings: another one does.
    /// - Throws: ``SwapRefusal`` with everything that cannot be done while the graph runs.
    package init(
        from running: [RunPlan.PlannedNode], _ plan: RunPlan, to next: RunPlan, target: String? = nil,
        cannotSet: Set<String> = []
    ) throws {
        let (old, new) = (Set(running.map(\.name)), Set(next.nodes.map(\.name)))
        added = next.nodes.filter { !old.contains($0.name) }
        removed = running.map(\.name).filter { !new.contains($0) }
        var replaced: [(name: String, text: String)] = []
        var set: [(name: String, settings: [String: SettingValue], text: String)] = []
        for node in running {
            guard let next = next.nodes.first(where: { $0.name == node.name }) else { continue }
            let isSame = node.name != target && Self.isSameProcess(node, next)
            let values = next.configuration.settings.values
            if isSame, values == node.configuration.settings.values { continue }
            let isLive = isSame && Self.changedSettings(node, next).isSubset(of: next.liveSettings)
            if isLive, !cannotSet.contains(node.name) {
                set.append((node.name, values, Self.liveWords(from: node, to: next)))
            } else {
                let text = Self.words(from: node, to: next)
                let why = isLive ? ": its 'hello' did not say 'sets'" : ""
                replaced.append((node.name, "\(text) (swap\(why))"))
            }
        }
        (self.replaced, self.set) = (replaced, set)
        let (before, after) = (Self.edges(running), Self.edges(next.nodes))
        addedEdges = after.subtracting(before).sorted()
        removedEdges = before.subtracting(after).sorted()
        let faults = faults(running, plan, next)
        guard faults.isEmpty else { throw SwapRefusal(faults.joined(separator: "\n")) }
    }

    /// Edges that end at a certain frame are none any more.
    private static func edges(_ nodes: [RunPlan.PlannedNode]) -> Set<Edge> {
        Set(nodes.flatMap { node in
            node.configuration.outputs.filter { $0.until == nil }.map { Edge(node.name, $0) }
        })
    }

    /// Whether a node's process can stay, whatever its settings say.
    private static func isSameProcess(_ old: RunPlan.PlannedNode, _ new: RunPlan.PlannedNode) -> Bool {
        new.machine == old.machine && new.kind == old.kind
            && new.configuration.settings.cores == old.configuration.settings.cores
    }

    /// Names of settings that have other values.
    private static func changedSettings(
        _ old: RunPlan.PlannedNode, _ new: RunPlan.PlannedNode
    ) -> Set<String> {
        let (before, after) = (old.configuration.settings.values, new.configuration.settings.values)
        return Set(before.keys).union(after.keys).filter { before[$0] != after[$0] }
    }

    /// What a node's live settings would be.
    private static func liveWords(
        from old: RunPlan.PlannedNode, to new: RunPlan.PlannedNode
    ) -> String {
        let (before, after) = (old.configuration.settings.values, new.configuration.settings.values)
        let changes = changedSettings(old, new).sorted().map { name in
            "\(name) \(after[name]?.text ?? "unset") instead of \(before[name]?.text ?? "unset")"
        }
        return "'\(old.name)': \(changes.joined(separator: ", ")) (live)"
    }

    /// How a node's process would be another one.
    private static func words(
        from old: RunPlan.PlannedNode, to new: RunPlan.PlannedNode
    ) -> String {
        let (moves, changes) = (new.machine != old.machine, new.kind != old.kind)
        let isSet = old.configuration.settings.values != new.configuration.settings.values
            || old.configuration.settings.cores != new.configuration.settings.cores
        var what: [String] = []
        if changes {
            what.append("'\(new.kind)' in place of '\(old.kind)'")
        } else if isSet || !moves {
            what.append("other settings")
        }
        if moves { what.append("on '\(new.machine)' instead of '\(old.machine)'") }
        return "'\(old.name)': \(what.joined(separator: ", "))"
    }

    // MARK: In words

    /// One line for each thing that differs, as `apply` prints it.
    package var lines: [String] {
        let rewired = Set(addedEdges.map(\.to)).union(removedEdges.map(\.to)).sorted()
        let (new, gone) = (Set(added.map(\.name)), Set(removed))
        return added.map { "'\($0.name)': new, '\($0.kind)'\(Self.inputs(of: $0))" }
            + removed.map { "'\($0)': goes, once it has finished what it has" }
            + replaced.map(\.text) + set.map(\.text)
            + rewired.compactMap { end in
                let (now, before) = (addedEdges.first { $0.to == end }, removedEdges.first { $0.to == end })
                let consumer = (now ?? before)!.consumer
                guard !new.contains(consumer), !gone.contains(consumer) else { return nil }
                return Self.words(end, from: before, to: now)
            }
    }

    private static func inputs(of node: RunPlan.PlannedNode) -> String {
        let inputs = node.configuration.inputs.map { "\($0.producer).\($0.producerPort)" }
        return inputs.isEmpty ? "" : ", fed by \(inputs.joined(separator: ", "))"
    }

    private static func words(_ end: String, from before: Edge?, to now: Edge?) -> String {
        guard let now else { return "'\(end)': not fed any more, was by \(before!.from)" }
        guard let before else { return "'\(end)': fed by \(now.from)" }
        if now.from != before.from { return "'\(end)': fed by \(now.from) instead of \(before.from)" }
        var what: [String] = []
        if now.keep != before.keep {
            what.append("keeps \(now.keep.rawValue) instead of \(before.keep.rawValue)")
        }
        if now.window != before.window {
            what.append("a window of \(now.window) instead of \(before.window)")
        }
        if now.isHalved != before.isHalved {
            what.append(now.isHalved ? "in half precision" : "in full precision")
        }
        if now.thinning != before.thinning {
            what.append(
                "\(now.thinning?.description ?? "all frames") instead of "
                    + "\(before.thinning?.description ?? "all frames")")
        }
        return "'\(end)': \(what.joined(separator: ", "))"
    }

    // MARK: What cannot be

    private func faults(
        _ running: [RunPlan.PlannedNode], _ plan: RunPlan, _ next: RunPlan
    ) -> [String] {
        var faults: [String] = []
        if plan.isLive != next.isLive {
            faults.append(
                "the graph runs \(plan.isLive ? "live" : "offline") and would be "
                    + "\(next.isLive ? "live" : "offline"): end the run and start the new graph")
        }
        let isNew = Set(added.map(\.name))
        for node in running where !removed.contains(node.name) {
            guard let after = next.nodes.first(where: { $0.name == node.name }) else { continue }
            faults += Self.faults(from: node, to: after, next)
        }
        faults += next.nodes.filter { isNew.contains($0.name) }.compactMap { node in
            let isKnown = node.machine == RunPlan.here
                || plan.machines.contains { $0.name == node.machine }
            return isKnown
                ? nil : "'\(node.name)' is to run on '\(node.machine)', which the run does not know of"
        }
        return faults
    }

    /// A node that goes on is waited for frame by frame: that cannot begin or end in mid-stream.
    private static func faults(
        from old: RunPlan.PlannedNode, to new: RunPlan.PlannedNode, _ next: RunPlan
    ) -> [String] {
        let (before, after) = (old.configuration.inputs.map(\.port), new.configuration.inputs.map(\.port))
        let way = "give it another name, so that it is a new node, or end the run"
        if before.isEmpty != after.isEmpty {
            return ["'\(old.name)' is \(before.isEmpty ? "a source" : "none") and would be "
                + "\(after.isEmpty ? "one" : "none"): \(way)"]
        }
        if old.kind == new.kind, old.state == .saved, old.heldFrames != new.heldFrames {
            return ["'\(old.name)' keeps \(old.heldFrames) frames to itself and would keep "
                + "\(new.heldFrames): it cannot hand over those that it has; \(way)"]
        }
        if let file = new.overwritten(of: old) {
            return ["'\(old.name)' is writing \(file), which a '\(new.kind)' on '\(new.machine)' cannot "
                + "go on with and would write over: give it another file"]
        }
        return Set(before).symmetricDifference(after).sorted().compactMap { port in
            let pace = next.paces["\(old.name).\(port)"] ?? .frame
            guard pace == .frame else { return nil }
            return "input '\(old.name).\(port)' takes a message of every frame and would be "
                + "\(after.contains(port) ? "connected" : "disconnected") in mid-stream: \(way)"
        }
    }
}
