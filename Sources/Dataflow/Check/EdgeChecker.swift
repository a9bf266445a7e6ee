import NodeKit

/// Checks `in:` of every node: that both ends exist, that they meet, that nothing is left open.
struct EdgeChecker {
    private let document: GraphDocument
    private let specs: [NodeSpec?]
    private let indices: [String: Int]
    private let sources: [String]
    private var values: [[String: SettingValue]] = []
    private var axes = AxisUnifier()
    private(set) var findings: Findings
    /// Every pair of nodes that the file joins, even by ports that do not exist.
    private(set) var links: [GraphOrder.Link] = []

    /// - Parameter specs: one for each of the document's nodes, its ports resolved with the node's
    ///   settings; nil where the kind is unknown.
    init(document: GraphDocument, specs: [NodeSpec?], findings: Findings) {
        self.document = document
        self.specs = specs
        self.findings = findings
        indices = Dictionary(
            document.nodes.enumerated().map { ($1.name, $0) },
            uniquingKeysWith: { first, _ in first })
        sources = zip(document.nodes, specs).flatMap { node, spec in
            (spec?.outputs ?? []).map { "\(node.name).\($0.name)" }
        }
    }

    /// Checks all edges and returns those whose ends exist.
    mutating func edges(values: [[String: SettingValue]]) -> [PlannedEdge] {
        self.values = values
        fixAxes()
        var edges: [PlannedEdge] = []
        for (index, node) in document.nodes.enumerated() {
            var meant: Set<String> = []
            for input in node.inputs {
                guard let edge = edge(into: index, input, &meant) else {
                    // What it says of its condition may be at fault, too.
                    _ = input.condition.flatMap { source($0.source, for: index) }
                    continue
                }
                edges.append(edge)
                if let condition = condition(of: input, edge) { edges.append(condition) }
            }
            reportUnconnected(node, specs[index], besides: meant)
        }
        for index in edges.indices { resolve(&edges[index]) }
        checkExposed()
        reportDeadEnds()
        reportUnprepared(edges)
        return edges
    }

    /// - Parameter meant: gets the input that a misspelt one stands for.
    private mutating func edge(
        into index: Int, _ input: InputDeclaration, _ meant: inout Set<String>
    ) -> PlannedEdge? {
        let node = document.nodes[index]
        var port = specs[index]?.inputs.first { $0.name == input.port.value }
        let isOpen = port == nil && specs[index]?.takesAnything == true
        if port == nil, !isOpen, let spec = specs[index],
            let nearest = reportUnknownInput(input.port, spec)
        {
            meant.insert(nearest)
        }
        guard let source = input.source, let (from, output) = self.source(source, for: index),
            let output
        else { return nil }
        if isOpen {
            port = output.asInput(
                named: input.port.value, pace: output.pace == .own ? .own : .frame)
        }
        guard let port else { return nil }
        let start = CheckedEdge.End(node: document.nodes[from].name, port: output.name)
        let end = CheckedEdge.End(node: node.name, port: port.name)
        let ends = EdgeEnds(
            from: start.description, output: output, to: end.description, input: port)
        checkMeeting(ends, from: from, to: index, by: ways(ends, input), at: source.place)
        checkKeep(input, ends)
        if let thinning = input.thinning, !port.pace.isOfFrames {
            findings.report(EdgeFault.thinnedValue(ends), at: thinning.place)
        }
        if let wire = input.wire, !output.isHalvable {
            findings.report(EdgeFault.notHalvable(ends), at: wire.place)
        }
        var edge = CheckedEdge(
            from: start, to: end, output: output, input: port,
            keep: input.keep?.value ?? usualKeep(from: from, port),
            window: input.window?.value ?? EdgeWindows.usual(document.mode, port), extents: [],
            wire: input.wire?.value)
        (edge.thinning, edge.group) = (input.thinning?.value, input.group)
        return PlannedEdge(
            edge: edge, fromIndex: from, toIndex: index, place: source.place, window: input.window,
            keep: input.keep)
    }

    /// In a live graph frames are dropped where they enter; what is in is worked on to the end.
    private func usualKeep(from: Int, _ port: PortSpec) -> Keep {
        if port.pace == .last { return .last }
        if document.mode == .live, port.liveWindow != nil { return .newest }
        let isSource = specs[from]?.inputs.isEmpty == true
        return document.mode == .live && isSource && port.pace == .frame ? .newest : .all
    }

    private mutating func resolve(_ planned: inout PlannedEdge) {
        let edge = planned.edge
        planned.edge.extents = edge.output.axes.map { axes.extent(of: $0, edge.from.node) }
    }

    /// The edge over which the number comes that decides whether an input's frames are worked on: it is an
    /// input of its own, whose frames have to meet those.
    private mutating func condition(
        of input: InputDeclaration, _ edge: PlannedEdge
    ) -> PlannedEdge? {
        guard let condition = input.condition,
            let (from, output) = source(condition.source, for: edge.toIndex), let output
        else { return nil }
        let (place, to) = (condition.source.place, edge.edge.to)
        func report(_ fault: EdgeFault) { findings.report(fault, at: place) }
        guard edge.edge.input.pace == .frame else {
            report(.conditionOfValue(to.description))
            return nil
        }
        guard output.isScalar else {
            let scalars = zip(document.nodes, specs).flatMap { node, spec in
                (spec?.outputs ?? []).filter(\.isScalar).map { "\(node.name).\($0.name)" }
            }
            report(.notScalar(condition.source.value, output, candidates: scalars))
            return nil
        }
        let port = output.asInput(named: "\(to.port)-when")
        var number = CheckedEdge(
            from: .init(node: document.nodes[from].name, port: output.name),
            to: .init(node: to.node, port: port.name), output: output, input: port,
            keep: edge.edge.keep == .all ? .all : usualKeep(from: from, port),
            window: edge.window?.value ?? EdgeWindows.usual(document.mode, port), extents: [])
        number.condition = condition.wanted
        return PlannedEdge(
            edge: number, fromIndex: from, toIndex: edge.toIndex, place: place,
            window: edge.window, keep: nil)
    }
}

// MARK: - Both ends exist

extension EdgeChecker {
    /// The node and, if it is known, the port that `node.port` names; a fault is reported.
    private mutating func source(_ source: Located<String>, for consumer: Int)
        -> (node: Int, output: PortSpec?)?
    {
        let parts = source.value.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty && !$0.contains(" ") }) else {
            reportMalformed(source)
            return nil
        }
        let (name, port) = (String(parts[0]), String(parts[1]))
        guard let index = indices[name] else {
            if document.brokenParts.contains(name) { return nil }
            let nearest =
                findings.nearest(to: source.value, among: sources)
                ?? findings.nearest(to: name, among: document.nodes.map(\.name))
                .map { "\($0).\(port)" }
            let fault = EdgeFault.unknownNode(name, source: source.value, nearest: nearest)
            findings.report(fault, at: source.place)
            return nil
        }
        links.append(GraphOrder.Link(from: index, to: consumer, place: source.place))
        if index == consumer { findings.report(EdgeFault.selfEdge(name), at: source.place) }
        guard let spec = specs[index] else { return (index, nil) }
        let output = spec.outputs.first { $0.name == port }
        if output == nil { reportUnknownOutput(port, source, name, spec) }
        return (index, output)
    }

    private mutating func reportMalformed(_ source: Located<String>) {
        let own = sources.filter { $0.hasPrefix(source.value + ".") }
        let nearest = own.isEmpty ? findings.nearest(to: source.value, among: sources) : nil
        let hint =
            own.isEmpty
            ? nearest.map { "did you mean \($0.quoted)?" } ?? "name a node and one of its outputs"
            : "write \(own.either)"
        findings.report(EdgeFault.malformedSource(source.value, hint: hint), at: source.place)
    }

    private mutating func reportUnknownOutput(
        _ port: String, _ source: Located<String>, _ node: String, _ spec: NodeSpec
    ) {
        let known = spec.outputs.map { "\(node).\($0.name)" }
        let nearest =
            findings.nearest(to: port, among: spec.outputs.map(\.name)).map { "\(node).\($0)" }
        let fault = EdgeFault.unknownOutput(port, node: node, nearest: nearest, known: known)
        findings.report(fault, at: source.place)
    }

    /// Returns the input that was probably meant.
    private mutating func reportUnknownInput(_ port: Located<String>, _ spec: NodeSpec) -> String? {
        let known = spec.inputs.map(\.name)
        let nearest = findings.nearest(to: port.value, among: known)
        let isSetting = spec.settings.contains { $0.name == port.value }
        let hint =
            isSetting
            ? "it is a setting: write it under 'with:'"
            : nearest.map { "did you mean \($0.quoted)?" }
                ?? (known.isEmpty ? "it has no inputs" : "it has \(known.listed)")
        findings.report(
            EdgeFault.unknownInput(port.value, kind: spec.kind, hint: hint), at: port.place)
        return nearest
    }

    private mutating func reportUnconnected(
        _ node: NodeDeclaration, _ spec: NodeSpec?, besides meant: Set<String>
    ) {
        guard let spec, !node.unreadBlocks.contains("in") else { return }
        for port in spec.inputs where !port.isOptional && !meant.contains(port.name) {
            guard !node.inputs.contains(where: { $0.port.value == port.name }),
                !openEnds.contains("\(node.name).\(port.name)")
            else { continue }
            if let open = node.openPorts[port.name] {
                report(open, port)
                continue
            }
            findings.report(
                EdgeFault.unconnected(
                    port, node: node.name, candidates: Array(candidates(port, node.name).prefix(4))),
                at: node.place)
        }
    }

    /// Ends of this file's own inputs, which the graph around it will feed.
    private var openEnds: [String] { document.inputs.flatMap(\.ends).map(\.value) }

    /// A part wants something that the graph around it does not feed.
    private mutating func report(_ open: OpenPort, _ port: PortSpec) {
        let candidates = candidates(port, open.node).filter {
            !$0.hasPrefix(open.node + GraphParts.separator)
        }
        let named = PortSpec(
            name: open.name, elementType: port.elementType, axes: port.axes, meaning: port.meaning,
            pace: port.pace, isOptional: false, summary: port.summary)
        findings.report(
            EdgeFault.unconnected(
                named, node: open.node, candidates: Array(candidates.prefix(4))), at: open.place,
            notes: [Diagnostic.Note("the part's input \(open.name.quoted) is this", at: open.note)])
    }

    /// What parts show to others must be there, used or not.
    private mutating func checkExposed() {
        let own = document.inputs.flatMap(\.ends).map { (end: $0, isInput: true) }
            + document.outputs.flatMap(\.ends).map { (end: $0, isInput: false) }
        for (end, isInput) in own + document.exposed {
            let words = end.value.split(separator: ".", omittingEmptySubsequences: false)
            let index = words.first.flatMap { indices[String($0)] }
            if let index, specs[index] == nil { continue }
            let ports = zip(document.nodes, specs).flatMap { node, spec in
                ((isInput ? spec?.inputs : spec?.outputs) ?? []).map { "\(node.name).\($0.name)" }
            }
            guard !ports.contains(end.value),
                !document.brokenParts.contains(words.first.map(String.init) ?? "")
            else { continue }
            let nearest = findings.nearest(to: end.value, among: ports)
            findings.report(PartFault.unknownEnd(end.value, nearest: nearest), at: end.place)
        }
    }

    /// Outputs of other nodes that could feed a port.
    private func candidates(_ port: PortSpec, _ node: String) -> [String] {
        zip(document.nodes, specs).filter { $0.0.name != node }.flatMap { other, spec in
            (spec?.outputs ?? [])
                .filter {
                    $0.meaning == port.meaning && $0.elementType == port.elementType
                        && $0.axes.count == port.axes.count
                }
                .map { "\(other.name).\($0.name)" }
        }
    }

    /// An input that wants its frames prepared, and gets them as a source sends them.
    private mutating func reportUnprepared(_ edges: [PlannedEdge]) {
        for planned in edges {
            guard let kind = planned.edge.input.preparedBy else { continue }
            var seen: Set<Int> = [], left = [planned.fromIndex], source: Int?
            var isPrepared = false
            while let index = left.popLast(), !isPrepared {
                guard seen.insert(index).inserted else { continue }
                if specs[index]?.kind == kind { isPrepared = true }
                let feeders = edges.filter {
                    $0.toIndex == index && $0.edge.input.meaning == planned.edge.input.meaning
                }
                // What a part is fed with is another file's business.
                let isOpen = openEnds.contains { $0.hasPrefix(document.nodes[index].name + ".") }
                if feeders.isEmpty, !isOpen { source = index }
                left += feeders.map(\.fromIndex)
            }
            guard !isPrepared, let source else { continue }
            findings.report(
                EdgeFault.unprepared(
                    planned.edge.to.description, source: document.nodes[source].name, kind: kind),
                at: planned.place)
        }
    }

    /// A node that makes something which nobody takes runs for nothing. Where a source could not be
    /// understood, it may have been meant, and nothing is said.
    private mutating func reportDeadEnds() {
        let isWhole = !document.nodes.contains { $0.unreadBlocks.contains("in") }
        guard isWhole, document.brokenParts.isEmpty,
            links.count == document.nodes.reduce(0, { count, node in
                count + node.inputs.reduce(0) { $0 + ($1.condition == nil ? 1 : 2) }
            })
        else { return }
        let shown = document.outputs.flatMap(\.ends)
            + document.exposed.filter { !$0.isInput }.map(\.end)
        let used = Set(links.map(\.from))
            .union(shown.compactMap { end in indices[String(end.value.prefix { $0 != "." })] })
        for (index, node) in document.nodes.enumerated() where !used.contains(index) {
            guard let outputs = specs[index]?.outputs, !outputs.isEmpty else { continue }
            findings.report(
                EdgeFault.deadEnd(node.name, outputs: outputs.map(\.name)), at: node.place)
        }
    }
}

// MARK: - Both ends meet

extension EdgeChecker {
    /// A node's integer settings fix the axes that bear their names.
    private mutating func fixAxes() {
        for (index, node) in document.nodes.enumerated() {
            let ports = (specs[index]?.inputs ?? []) + (specs[index]?.outputs ?? [])
            let names = Set(
                ports.flatMap(\.axes).compactMap { axis -> String? in
                    if case .named(let name, _) = axis { name } else { nil }
                })
            for name in names.sorted() {
                guard case .integer(let extent)? = values[index][name], extent > 0 else { continue }
                axes.fix(
                    name, of: node.name, to: extent, because: note(on: name, "\(extent)", of: node))
            }
        }
    }

    /// Says what value a setting of a node has, and where it has it from.
    private func note(on setting: String, _ value: String, of node: NodeDeclaration)
        -> Diagnostic.Note
    {
        let written = node.settings.first { $0.name.value == setting }
        return Diagnostic.Note(
            "\(setting.quoted) of node \(node.name.quoted) is \(value)"
                + (written == nil ? " unless 'with:' says otherwise" : " here"),
            at: written?.value?.place ?? node.kind?.place ?? node.place)
    }

    /// Whether all settings that decide what a port is are known; where one is at fault, that has
    /// been said, and nothing more can be.
    private func isDecided(_ port: PortSpec, of node: Int) -> Bool {
        port.cases.allSatisfy { values[node][$0.setting] != nil }
    }

    private mutating func checkMeeting(
        _ ends: EdgeEnds, from: Int, to: Int, by ways: [Diagnostic.Note], at place: SourceRange
    ) {
        guard isDecided(ends.output, of: from), isDecided(ends.input, of: to) else { return }
        let fault: EdgeFault? =
            if ends.output.elementType != ends.input.elementType {
                .elementTypes(ends)
            } else if ends.output.meaning != ends.input.meaning {
                .meanings(ends, hint: remedy(ends))
            } else if ends.output.axes.count != ends.input.axes.count {
                .axisCounts(ends)
            } else {
                nil
            }
        if let fault {
            findings.report(fault, at: place, notes: ways + notes(ends, from, to))
        } else {
            unify(ends, from, to, by: ways, at: place)
        }
    }

    /// Where parts say that an end of the edge is theirs, when another file joins it.
    private func ways(_ ends: EdgeEnds, _ input: InputDeclaration) -> [Diagnostic.Note] {
        guard let source = input.source else { return [] }
        let output = document.exposed.first {
            !$0.isInput && $0.end.value == ends.from && $0.end.place.file != source.place.file
        }
        let isFed = input.port.place.file != source.place.file
        return (output.map { [Diagnostic.Note("the part's output is this", at: $0.end.place)] } ?? [])
            + (isFed ? [Diagnostic.Note("the part's input is this", at: input.port.place)] : [])
    }

    private mutating func unify(
        _ ends: EdgeEnds, _ from: Int, _ to: Int, by ways: [Diagnostic.Note], at place: SourceRange
    ) {
        let (producer, consumer) = (document.nodes[from].name, document.nodes[to].name)
        for index in ends.output.axes.indices {
            let (sent, needed) = (ends.output.axes[index], ends.input.axes[index])
            let cause = Diagnostic.Note(
                "\(ends) make axis \(index + 1) \(sent) = \(needed) here", at: place)
            let conflict = axes.unify((sent, producer), (needed, consumer), because: cause)
            if let conflict {
                findings.report(
                    EdgeFault.axes(ends, index: index, conflict: conflict), at: place,
                    notes: ways + notes(ends, from, to) + conflict.causes)
                return
            }
        }
    }

    private func notes(_ ends: EdgeEnds, _ from: Int, _ to: Int) -> [Diagnostic.Note] {
        [
            (from, ends.output, "output \(ends.from.quoted) is \(ends.output.typeText)"),
            (to, ends.input, "input \(ends.to.quoted) is \(ends.input.typeText)"),
        ]
        .flatMap { index, port, text in
            let node = document.nodes[index]
            return [Diagnostic.Note(text, at: node.kind?.place ?? node.place)]
                + Set(port.cases.map(\.setting)).sorted().map { setting in
                    let value = values[index][setting]?.text ?? ""
                    return note(on: setting, value.quoted, of: node)
                }
        }
    }

    /// The setting that would let two ports meet.
    private func remedy(_ ends: EdgeEnds) -> String? {
        func first(_ port: PortSpec, like other: PortSpec, _ end: String) -> String? {
            let node = end.prefix { $0 != "." }
            return port.cases.first { $0.meaning == other.meaning }.map {
                "'\($0.setting): \($0.value)' under 'with:' of '\(node)' would let them meet"
            }
        }
        return first(ends.input, like: ends.output, ends.to)
            ?? first(ends.output, like: ends.input, ends.from)
    }

    private mutating func checkKeep(_ input: InputDeclaration, _ ends: EdgeEnds) {
        guard let keep = input.keep else { return }
        if ends.input.pace == .last, keep.value != .last {
            findings.report(EdgeFault.keepOfValue(keep.value, ends), at: keep.place)
        } else if ends.input.pace != .last, keep.value == .last {
            findings.report(EdgeFault.lastOfStream(ends), at: keep.place)
        }
    }
}
