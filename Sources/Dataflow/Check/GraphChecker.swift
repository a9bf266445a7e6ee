import Foundation
import NodeKit

/// Checks what a graph file says against the kinds of node that there are.
struct GraphChecker {
    private let path: String
    private var document: GraphDocument
    private let registry: NodeRegistry
    private let folders: GraphFolders
    private(set) var findings: Findings

    /// - Parameter files: the graph's file and those of its parts, as places number them.
    init(
        path: String, files: [String], document: GraphDocument, registry: NodeRegistry,
        findings: Findings
    ) {
        self.path = path
        folders = GraphFolders(files: files)
        self.document = document
        self.registry = registry
        self.findings = findings
    }

    /// Checks everything; the graph is nil when the file has errors, however small.
    mutating func graph() -> CheckedGraph? {
        let replicas = ReplicaPlanning(document, registry: registry, findings: findings)
        (document, findings) = (replicas.document, replicas.findings)
        let kinds = document.nodes.map {
            replicas.firsts[$0.name] == nil ? spec(of: $0) : ReplicaPlanning.spec
        }
        let machines = document.nodes.map { machine(of: $0) }
        let values = settings(kinds, machines)
        let specs = merging(
            zip(kinds, values).map { $0?.resolved(with: Settings($1)) }, replicas.firsts)
        var edges = EdgeChecker(document: document, specs: specs, findings: findings)
        var planned = edges.edges(values: values)
        findings = edges.findings
        let order = GraphOrder(names: document.nodes.map(\.name), links: edges.links)
        for cycle in order.cycles { report(cycle) }
        reportUnknownKeys(specs)
        checkRestarts(specs)
        if order.cycles.isEmpty {
            var windows = EdgeWindows(findings: findings)
            windows.plan(&planned, order: order.sorted, specs: specs, mode: document.mode)
            findings = windows.findings
        }
        if !findings.hasErrors { reportContents(planned, specs, values, machines) }
        guard !findings.hasErrors else { return nil }
        var graph = CheckedGraph(
            path: path, mode: document.mode, latencyBudget: document.latencyBudget?.value,
            machines: allMachines,
            nodes: order.sorted.map { node($0, specs[$0]!, values[$0], machines[$0]) },
            parts: document.parts, openInputs: document.inputs.map(\.name.value),
            edges: order.sorted.flatMap { node in planned.filter { $0.toIndex == node } }
                .map(\.edge),
            warnings: [])
        if let budget = document.latencyBudget, let fault = BudgetFault(AgePlan(graph)) {
            findings.report(fault, at: budget.place)
        }
        graph.warnings = findings.inOrder
        return graph
    }

    /// With the ports of nodes that put the frames of several processes in order: those of these.
    private func merging(_ specs: [NodeSpec?], _ firsts: [String: String]) -> [NodeSpec?] {
        zip(document.nodes, specs).map { node, spec in
            guard spec != nil, let first = firsts[node.name],
                let index = document.nodes.firstIndex(where: { $0.name == first })
            else { return spec }
            return specs[index].map { own in
                ReplicaPlanning.spec(
                    merging: own,
                    of: document.nodes.count { $0.name.hasPrefix(node.name + GraphParts.separator) })
            }
        }
    }

    /// Looks into the files of nodes on this machine, where a node that they feed knows what must be in
    /// them.
    private mutating func reportContents(
        _ edges: [PlannedEdge], _ specs: [NodeSpec?], _ values: [[String: SettingValue]],
        _ machines: [String]
    ) {
        func content(_ index: Int) -> ContentNode {
            ContentNode(kind: specs[index]!.kind, settings: Settings(values[index]))
        }
        let here = Set(allMachines.filter { $0.launcher == .local }.map(\.name))
        let isLocal = { here.contains(machines[$0]) }
        for index in document.nodes.indices where isLocal(index) {
            let feeders = edges.filter { $0.toIndex == index && isLocal($0.fromIndex) }
            let byInput = Dictionary(
                feeders.map { ($0.edge.to.port, content($0.fromIndex)) }, uniquingKeysWith: { $1 })
            guard let fault = registry.contentFault(content(index), byInput) else { continue }
            let node = document.nodes[index]
            let path = node.settings.first { $0.name.value == "path" }?.value?.place
            findings.report(
                EdgeFault.content(fault), at: feeders.first?.place ?? path ?? node.place)
        }
    }

    private func node(
        _ index: Int, _ spec: NodeSpec, _ values: [String: SettingValue], _ machine: String
    ) -> CheckedNode {
        let node = document.nodes[index]
        return CheckedNode(
            name: node.name, spec: spec, settings: Settings(values, cores: node.cores),
            values: values, machine: machine, cores: node.cores, takes: node.takes,
            restart: restart(of: node, spec), plugin: registry.plugin(spec.kind), place: node.place)
    }

    /// A sink of a live graph is not worth the show: the graph goes on without it, unless its file says
    /// otherwise.
    private func restart(of node: NodeDeclaration, _ spec: NodeSpec) -> RestartPolicy {
        var policy = node.restart?.policy ?? .usual
        let isLiveSink = document.mode == .live && spec.outputs.isEmpty
        policy.then = node.restart?.then?.value ?? (isLiveSink ? .ignore : .fail)
        return policy
    }

    /// What a node that is gone feeds would wait for it for ever.
    private mutating func checkRestarts(_ specs: [NodeSpec?]) {
        for (node, spec) in zip(document.nodes, specs) {
            guard let then = node.restart?.then, then.value == .ignore, let spec,
                !spec.outputs.isEmpty
            else { continue }
            findings.report(
                EdgeFault.ignoredWithOutputs(node.name, outputs: spec.outputs.map(\.name)),
                at: then.place)
        }
    }

    private var allMachines: [Machine] {
        document.machines.contains { $0.name == Machine.local.name }
            ? document.machines : [.local] + document.machines
    }

    private mutating func spec(of node: NodeDeclaration) -> NodeSpec? {
        guard let kind = node.kind else { return nil }
        if let file = registry.brokenFile(of: kind.value) {
            findings.report(EdgeFault.brokenPlugin(kind.value, file: file), at: kind.place)
            return nil
        }
        let written = node.settings.first { $0.name.value == "path" }?.value
        let setting = registry[kind.value]?.settings.first { $0.name == "path" }
        let path = written.map { written in
            setting.map { folders.place(of: written.text, written, $0) } ?? written.text
        }
        if let spec = registry.spec(kind.value, path: path) {
            guard let written, let path, let fault = faultOfPorts(spec, path) else { return spec }
            findings.report(EdgeFault.content(fault), at: written.place, notes: written.notes)
            return nil
        }
        let nearest = findings.nearest(to: kind.value, among: registry.kinds)
        findings.report(EdgeFault.unknownKind(kind.value, nearest: nearest), at: kind.place)
        return nil
    }

    /// Why a kind that has its ports from a file has none.
    private func faultOfPorts(_ spec: NodeSpec, _ path: String) -> ContentFault? {
        guard spec.inputs.isEmpty, spec.outputs.isEmpty, !spec.takesAnything,
            FileManager.default.fileExists(atPath: path)
        else { return nil }
        let settings = Settings(["path": .text(path)])
        return registry.contentFault(ContentNode(kind: spec.kind, settings: settings), [:])
    }

    private mutating func machine(of node: NodeDeclaration) -> String {
        guard let name = node.machine else { return Machine.local.name }
        let known = allMachines.map(\.name)
        if !known.contains(name.value), !document.brokenMachines.contains(name.value) {
            let nearest = findings.nearest(to: name.value, among: known)
            findings.report(
                EdgeFault.unknownMachine(name.value, nearest: nearest, known: known),
                at: name.place)
        }
        return name.value
    }

    private mutating func settings(_ specs: [NodeSpec?], _ machines: [String])
        -> [[String: SettingValue]]
    {
        var checker = SettingChecker(findings: findings, folders: folders)
        var values: [[String: SettingValue]] = []
        for (index, node) in document.nodes.enumerated() {
            guard let spec = specs[index] else {
                values.append([:])
                continue
            }
            let isLocal = allMachines.first { $0.name == machines[index] }?.launcher == .local
            values.append(checker.values(of: node, spec, isLocal: isLocal))
            if isLocal, let plugin = registry.plugin(spec.kind) {
                checker.note(program: [plugin.file] + plugin.command, of: node.name)
            }
        }
        checker.checkCollisions(graphs: [path] + document.parts.map(\.file))
        findings = checker.findings
        if document.mode == .live { warnOfHaste(specs, values) }
        return values
    }

    /// A film or a recording that comes as fast as it is read would be dropped but for a few frames.
    private mutating func warnOfHaste(_ specs: [NodeSpec?], _ values: [[String: SettingValue]]) {
        for (index, node) in document.nodes.enumerated() {
            guard let spec = specs[index], spec.inputs.isEmpty else { continue }
            let isFilm = values[index]["realtime"] == .flag(false)
            guard isFilm || values[index]["pace"] == .text("flat-out") else { continue }
            let setting = isFilm ? "realtime" : "pace"
            let written = node.settings.first { $0.name.value == setting }?.value?.place
            findings.report(
                SettingFault.hasty(node: node.name, isFilm: isFilm),
                at: written ?? node.kind?.place ?? node.place)
        }
    }

    /// Keys that no node has were perhaps meant for `with:` or `in:`.
    private mutating func reportUnknownKeys(_ specs: [NodeSpec?]) {
        for (node, spec) in zip(document.nodes, specs) {
            for key in node.unknownKeys {
                let known = GraphReader.nodeKeys
                let meant: String? =
                    if spec?.settings.contains(where: { $0.name == key.value }) == true {
                        "it is a setting: write it under 'with:'"
                    } else if spec?.inputs.contains(where: { $0.name == key.value }) == true {
                        "it is an input: write it under 'in:'"
                    } else {
                        (KeyAdvice.meant(by: key.value, known: known)
                            ?? findings.nearest(to: key.value, among: known))
                            .map { "did you mean \($0.quoted)?" }
                    }
                let fault = ShapeFault.unknownKey(
                    key.value, owner: "a node", meant: meant, known: known)
                findings.report(fault, at: key.place)
            }
        }
    }

    private mutating func report(_ cycle: GraphOrder.Cycle) {
        let names = cycle.nodes.map { document.nodes[$0].name }
        let notes = zip(cycle.places, names).dropFirst().prefix(8).map { place, name in
            Diagnostic.Note("and \(name.quoted) waits here", at: place)
        }
        findings.report(
            EdgeFault.cycle(names + [names[0]]), at: cycle.places[0], notes: Array(notes))
    }
}
