import NodeKit

/// Reads what a graph file says out of its YAML; asks nothing of the nodes themselves.
struct GraphReader {
    static let keys = [
        "settings", "mode", "latency_budget", "machines", "inputs", "outputs", "nodes",
    ]
    static let nodeKeys = ["use", "machine", "replicas", "cores", "takes", "restart", "in", "with"]
    static let restartKeys = ["limit", "within", "backoff", "then"]
    static let inputKeys = ["from", "keep", "window", "wire", "every", "rate", "when", "unless"]
    /// Frames of which one goes over an edge.
    static let everies = 1...1_000_000
    /// Processes of one node.
    static let replicas = 1...64
    /// Credits of one edge. The upper end keeps a pool of 786 KB frames at 50 MB.
    static let windows = 1...64
    static let cores = 1...1024

    private(set) var findings: Findings
    private var references = SettingReferences()

    init(findings: Findings) { self.findings = findings }

    /// Reads the whole document; what is at fault is reported and left out.
    mutating func document(_ root: YAMLNode, overrides: [(name: String, value: String)])
        -> GraphDocument
    {
        guard let entries = mapping(root, "a graph file") else { return GraphDocument() }
        readSettings(entries["settings"])
        for (name, value) in overrides {
            references.override(name, with: value, findings: &findings)
        }
        return document(entries, of: root)
    }

    /// Reads a file that another graph uses.
    ///
    /// - Parameters:
    ///   - file: what the graph calls it.
    ///   - given: values for its settings; nil where one is at fault.
    mutating func part(
        _ root: YAMLNode, file: String, given: [(name: Located<String>, value: Scalar?)]
    ) -> GraphDocument {
        guard let entries = mapping(root, "a graph file") else { return GraphDocument() }
        readSettings(entries["settings"])
        for (name, value) in given {
            references.give(name, value, part: file, findings: &findings)
        }
        for key in ["mode", "latency_budget", "machines"] {
            guard let entry = entries[key] else { continue }
            findings.report(PartFault.notInPart(key), at: entry.keyPlace)
        }
        return document(entries, of: root)
    }

    private mutating func document(_ entries: [YAMLEntry], of root: YAMLNode) -> GraphDocument {
        var document = GraphDocument()
        for entry in entries {
            switch entry.key {
            case "settings": break
            case "mode": document.mode = mode(entry.value) ?? .offline
            case "latency_budget":
                document.latencyBudget = duration(entry.value, "the latency budget").map {
                    Located(value: $0, place: entry.value.place)
                }
            case "machines": readMachines(entry.value, into: &document)
            case "inputs": document.inputs = ports(entry, isInput: true)
            case "outputs": document.outputs = ports(entry, isInput: false)
            case "nodes": document.nodes = nodes(entry.value)
            case let key where key.hasPrefix("x-"): break  // a place for anchors, as in Compose
            default: unknownKey(entry, owner: "a graph file", known: Self.keys)
            }
        }
        checkWhole(entries, document, root.place.file)
        return document
    }

    private mutating func checkWhole(
        _ entries: [YAMLEntry], _ document: GraphDocument, _ file: Int
    ) {
        let wholeFile = SourceRange(line: 0, column: 0, length: 0, file: file)
        if entries["nodes"] == nil { findings.report(ShapeFault.noNodes, at: wholeFile) }
        if let budget = entries["latency_budget"], document.mode == .offline,
            entries["mode"].map({ self.isReadable($0.value) }) ?? true
        {
            findings.report(ShapeFault.budgetOffline, at: budget.keyPlace)
        }
        references.reportUnused(to: &findings)
    }

    private func isReadable(_ mode: YAMLNode) -> Bool {
        guard case .scalar(let text, _) = mode.content else { return false }
        return CheckedGraph.Mode(rawValue: text) != nil
    }

    private mutating func readSettings(_ block: YAMLEntry?) {
        if let block, let entries = mapping(block.value, "'settings'") {
            for entry in entries {
                if !entry.key.utf8.allSatisfy(ReferenceMask.isNameByte) || entry.key.isEmpty {
                    let fault = ShapeFault.badName(entry.key, what: "a setting", better: nil)
                    findings.report(fault, at: entry.keyPlace)
                }
                let value = literal(entry.value, "setting \(entry.key.quoted)")
                references.declare(entry.key, at: entry.keyPlace, value: value)
            }
        }
    }

    private mutating func mode(_ node: YAMLNode) -> CheckedGraph.Mode? {
        choice(node, "the mode", of: CheckedGraph.Mode.self)
    }
}

// MARK: - What a part shows

extension GraphReader {
    /// `frame: keypoints.frame`; an input may go to several, as a list.
    private mutating func ports(_ entry: YAMLEntry, isInput: Bool) -> [PartPort] {
        (mapping(entry.value, entry.key.quoted) ?? []).map { port in
            checkName(port, what: isInput ? "an input" : "an output")
            var values = [port.value]
            if isInput, case .sequence(let several) = port.value.content { values = several }
            let ends = values.compactMap {
                source($0, "\(entry.key.quoted) of a part", needed: "'node.port'")
            }
            return PartPort(name: Located(value: port.key, place: port.keyPlace), ends: ends)
        }
    }
}

// MARK: - Nodes

extension GraphReader {
    private mutating func nodes(_ node: YAMLNode) -> [NodeDeclaration] {
        guard let entries = mapping(node, "'nodes'") else { return [] }
        if entries.isEmpty { findings.report(ShapeFault.noNodes, at: node.place) }
        return entries.map { self.node($0) }
    }

    private mutating func node(_ entry: YAMLEntry) -> NodeDeclaration {
        var node = NodeDeclaration(name: entry.key, place: entry.keyPlace)
        checkName(entry, what: "a node")
        guard let entries = mapping(entry.value, "node \(entry.key.quoted)") else {
            return node
        }
        if entries["use"] == nil, !isMeant("use", among: entries, known: Self.nodeKeys) {
            let hint = "add 'use:' and a kind; 'personalive nodes' lists them"
            let fault = ShapeFault.missingKey("use", owner: "node \(entry.key.quoted)", hint: hint)
            findings.report(fault, at: entry.keyPlace)
        }
        for key in ["in", "with"] where isMeant(key, among: entries, known: Self.nodeKeys) {
            node.unreadBlocks.insert(key)
        }
        for part in entries { read(part, into: &node) }
        return node
    }

    private mutating func read(_ entry: YAMLEntry, into node: inout NodeDeclaration) {
        switch entry.key {
        case "use": node.kind = kind(entry.value)
        case "machine": machine(entry.value, of: &node)
        case "replicas": node.replicas = whole(entry.value, "'replicas'", within: Self.replicas)
        case "cores": node.cores = whole(entry.value, "'cores'", within: Self.cores)?.value ?? 1
        case "takes": node.takes = duration(entry.value, "'takes'")
        case "restart": node.restart = restart(entry.value)
        case "in":
            node.inputs = block(entry, of: &node).map { input($0) }
        case "with":
            for part in block(entry, of: &node) {
                let name = Located(value: part.key, place: part.keyPlace)
                let value = scalar(part.value, "setting \(part.key.quoted)")
                node.settings.append((name, value))
            }
        default:
            node.unknownKeys.append(Located(value: entry.key, place: entry.keyPlace))
        }
    }

    /// `gpu`, or `[gpu-1, gpu-2]` for a node of several processes.
    private mutating func machine(_ value: YAMLNode, of node: inout NodeDeclaration) {
        guard case .sequence(let several) = value.content, !several.isEmpty else {
            if let scalar = scalar(value, "'machine'") {
                node.machine = Located(value: scalar.text, place: scalar.place)
            }
            return
        }
        node.machines = several.compactMap { scalar($0, "'machine'") }
            .map { Located(value: $0.text, place: $0.place) }
        guard !node.machines.isEmpty else { return }
        node.replicas = node.replicas ?? Located(value: node.machines.count, place: value.place)
    }

    private mutating func block(_ entry: YAMLEntry, of node: inout NodeDeclaration) -> [YAMLEntry] {
        if let entries = mapping(entry.value, entry.key.quoted) { return entries }
        node.unreadBlocks.insert(entry.key)
        return []
    }

    private mutating func kind(_ node: YAMLNode) -> Located<String>? {
        guard let scalar = literal(node, "'use'"), !scalar.isNull else {
            if case .scalar = node.content {
                findings.report(ShapeFault.noValue(what: "'use'"), at: node.place)
            }
            return nil
        }
        guard !scalar.text.unicodeScalars.contains("$") else {
            findings.report(ReferenceFault.notExpandedHere("use"), at: scalar.place)
            return nil
        }
        return Located(value: scalar.text, place: scalar.place)
    }

    private mutating func input(_ entry: YAMLEntry) -> InputDeclaration {
        var input = InputDeclaration(port: Located(value: entry.key, place: entry.keyPlace))
        let what = "input \(entry.key.quoted)"
        guard case .mapping(let entries) = entry.value.content else {
            input.source = source(
                entry.value, what, needed: "'node.port' or a mapping with 'from:'")
            return input
        }
        for part in entries {
            switch part.key {
            case "from": input.source = source(part.value, "'from'", needed: "'node.port'")
            case "keep":
                input.keep = choice(part.value, "'keep'", of: Keep.self).map {
                    Located(value: $0, place: part.value.place)
                }
            case "window": input.window = whole(part.value, "'window'", within: Self.windows)
            case "wire":
                input.wire = choice(part.value, "'wire'", of: WireFormat.self).map {
                    Located(value: $0, place: part.value.place)
                }
            case "every":
                input.thinning = whole(part.value, "'every'", within: Self.everies).map {
                    Located(value: .every($0.value), place: $0.place)
                }
            case "rate": input.thinning = rate(part.value)
            case "when", "unless":
                let wanted = part.key == "when"
                input.condition = source(part.value, part.key.quoted, needed: "'node.port'").map {
                    ($0, wanted)
                }
            default: unknownKey(part, owner: what, known: Self.inputKeys)
            }
        }
        for (one, other) in [("every", "rate"), ("when", "unless")] {
            guard let first = entries[one], let second = entries[other] else { continue }
            findings.report(
                ShapeFault.both(one, other),
                at: max(first.keyPlace, second.keyPlace))
        }
        if entries["from"] == nil, !isMeant("from", among: entries, known: Self.inputKeys) {
            let hint = "add 'from: node.port'"
            let fault = ShapeFault.missingKey("from", owner: what, hint: hint)
            findings.report(fault, at: entry.keyPlace)
        }
        return input
    }

    /// `5/s`, `0.5/s` or `2/min`.
    private mutating func rate(_ node: YAMLNode) -> Located<Thinning>? {
        guard let scalar = scalar(node, "'rate'") else { return nil }
        for (unit, seconds) in [("/s", 1.0), ("/min", 60.0)] where scalar.text.hasSuffix(unit) {
            let number = Scalar.number(String(scalar.text.dropLast(unit.count)).trimmed)
            guard let number, (0.001...10_000).contains(number / seconds) else { break }
            return Located(value: .rate(number / seconds), place: scalar.place)
        }
        report(ShapeFault.badRate(scalar.text), at: scalar.place, notes: scalar.notes)
        return nil
    }

    private mutating func source(_ node: YAMLNode, _ what: String, needed: String)
        -> Located<String>?
    {
        scalar(node, what, needed: needed).map { Located(value: $0.text, place: $0.place) }
    }
}

// MARK: - Machines

extension GraphReader {
    private mutating func readMachines(_ node: YAMLNode, into document: inout GraphDocument) {
        for entry in mapping(node, "'machines'") ?? [] {
            checkName(entry, what: "a machine")
            var reading = MachineReading(findings: findings, references: references)
            let machine = reading.machine(entry)
            (findings, references) = (reading.findings, reading.references)
            if let machine {
                document.machines.append(machine)
            } else {
                document.brokenMachines.insert(entry.key)
            }
        }
    }
}

// MARK: - Values

extension GraphReader: GraphValueReading {
    mutating func expand(_ scalar: Scalar) -> Scalar? {
        references.expand(scalar, findings: &findings)
    }

    mutating func report(_ fault: any Fault, at place: SourceRange, notes: [Diagnostic.Note]) {
        findings.report(fault, at: place, notes: notes)
    }

    mutating func nearest(to word: String, among candidates: [String]) -> String? {
        findings.nearest(to: word, among: candidates)
    }
}
