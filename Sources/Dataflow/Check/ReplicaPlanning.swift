import NodeKit

/// Puts several processes in the place of a node that has `replicas:`, and behind them one that puts their
/// frames in order again.
///
/// A node `decoder` with two replicas becomes `decoder_1` and `decoder_2`, and `decoder` itself is what
/// others are fed by: a node of kind `merge`. Frames take turns by their number, so that every producer,
/// and every process of it, decides alike.
struct ReplicaPlanning {
    /// What puts frames in order: a kind that no file can name. The tool's node of that name has these
    /// settings, and its ports are those of the node that has replicas.
    static let spec = NodeSpec(
        "merge", "Puts the frames of several processes of a node in order.",
        settings: [
            Setting(count, Int.self, type: .integer(1...1_000)),
            Setting(stride, Int.self, type: .integer(1...Int(Int32.max))),
            Setting(patience, Double.self, type: .number(0...60_000), unit: "ms"),
        ], state: .saved
    ).takingAnything()
    private static let count = "replicas", stride = "stride", patience = "patience"
    /// How long a live graph holds a frame for an earlier one. Frames that were begun one after the other are
    /// ready in the other order when the machine is busy, and by no more than this.
    static let longestHold = Duration.milliseconds(30)

    private(set) var document: GraphDocument
    private(set) var findings: Findings
    /// By the name of a merging node: the first of the processes before it.
    private(set) var firsts: [String: String] = [:]
    private let original: GraphDocument
    private let registry: NodeRegistry

    init(_ document: GraphDocument, registry: NodeRegistry, findings: Findings) {
        (self.document, original, self.registry, self.findings) = (
            document, document, registry, findings
        )
        self.document.nodes = []
        for node in original.nodes {
            guard let replicas = node.replicas else {
                self.document.nodes.append(node)
                continue
            }
            guard replicas.value > 1 else {
                if node.machines.count > 1 {
                    self.findings.report(
                        EdgeFault.severalMachines(node: node.name), at: replicas.place)
                }
                var single = node
                single.machine = node.machines.first ?? node.machine
                self.document.nodes.append(single)
                continue
            }
            expand(node, replicas)
        }
    }

    private mutating func expand(_ node: NodeDeclaration, _ replicas: Located<Int>) {
        guard let kind = node.kind, let spec = registry[kind.value] else {
            // That there is no such kind is said elsewhere.
            return document.nodes.append(node)
        }
        if let (reason, hint) = obstacle(spec, node) {
            findings.report(
                EdgeFault.replicas(node: node.name, kind: spec.kind, reason: reason, hint: hint),
                at: replicas.place)
            return document.nodes.append(node)
        }
        let framed = Set(spec.inputs.filter { $0.pace == .frame }.map(\.name))
        let isAlone = node.inputs.filter { framed.contains($0.port.value) }.count == 1
        for number in 0..<replicas.value {
            var replica = node.copy(named: Self.name(node.name, number))
            replica.replicas = nil
            if !node.machines.isEmpty {
                replica.machine = node.machines[number % node.machines.count]
            }
            for index in replica.inputs.indices
            where framed.contains(replica.inputs[index].port.value) {
                let stride = stride(of: replica.inputs[index])
                replica.inputs[index].thinning = Located(
                    value: .every(stride * replicas.value, offset: stride * number),
                    place: replicas.place)
                replica.inputs[index].group = ReplicaGroup(node: node.name, mayChoose: isAlone)
            }
            document.nodes.append(replica)
        }
        document.nodes.append(merging(node, replicas, spec, framed))
        firsts[node.name] = Self.name(node.name, 0)
    }

    private static func name(_ node: String, _ number: Int) -> String {
        "\(node)\(GraphParts.separator)\(number + 1)"
    }

    private func merging(
        _ node: NodeDeclaration, _ replicas: Located<Int>, _ spec: NodeSpec, _ framed: Set<String>
    ) -> NodeDeclaration {
        var merging = NodeDeclaration(name: node.name, place: node.place)
        func text(_ text: String) -> Scalar { Scalar(text: text, isPlain: true, place: replicas.place) }
        func name(_ name: String) -> Located<String> { Located(value: name, place: replicas.place) }
        merging.kind = name(Self.spec.kind)
        let stride = node.inputs.filter { framed.contains($0.port.value) }
            .map { self.stride(of: $0) }.max() ?? 1
        merging.settings = [
            (name(Self.count), text("\(replicas.value)")), (name(Self.stride), text("\(stride)")),
            (
                name(Self.patience),
                text("\(document.mode == .live ? Self.longestHold / .milliseconds(1) : 0)")
            ),
        ]
        // Beside the time of the processes its own is none.
        if node.takes != nil { merging.takes = .milliseconds(1) }
        let used = consumers(of: node.name)
        merging.machine = used.first?.machine
        for output in spec.outputs where used.contains(where: { $0.port == output.name }) {
            for number in 0..<replicas.value {
                merging.inputs.append(
                    InputDeclaration(
                        port: name(Self.input(output.name, number)),
                        source: Located(
                            value: "\(Self.name(node.name, number)).\(output.name)",
                            place: replicas.place)))
            }
        }
        return merging
    }

    /// What is fed by a node: the output's name, and the machine of the consumer.
    private func consumers(of node: String) -> [(port: String, machine: Located<String>?)] {
        func port(_ source: Located<String>?) -> String? {
            guard let source, source.value.hasPrefix(node + ".") else { return nil }
            return String(source.value.dropFirst(node.count + 1))
        }
        let fed = original.nodes.flatMap { other in
            other.inputs.flatMap { [port($0.source), port($0.condition?.source)] }
                .compactMap(\.self).map { ($0, other.machine) }
        }
        return fed
            + (document.outputs.flatMap(\.ends)
                + document.exposed.filter { !$0.isInput }.map(\.end)).compactMap(port).map { ($0, nil) }
    }

    private static func input(_ output: String, _ number: Int) -> String { "\(output)-\(number + 1)" }

    /// Every how many-th frame comes at all, as edges before this one say: they are numbered as their source
    /// numbered them.
    private func stride(of input: InputDeclaration) -> Int {
        var most = 1, open = [(input: input, behind: 1)]
        // By node; many ways may lead to one.
        var known: [String: Int] = [:]
        while let (input, behind) = open.popLast() {
            var product = behind
            if case .every(let count, _)? = input.thinning?.value {
                product = min(behind * count, Int(Int32.max))
            }
            most = max(most, product)
            guard let node = feeder(of: input), product > known[node.name] ?? 0 else { continue }
            known[node.name] = product
            for input in node.inputs { open.append((input: input, behind: product)) }
        }
        return most
    }

    /// Whether a `rate` at an edge of a node or before it decides which frames come: their numbers take no
    /// even turns.
    private func isRated(_ node: NodeDeclaration) -> Bool {
        var open = [node], seen: Set<String> = []
        while let next = open.popLast() {
            guard seen.insert(next.name).inserted else { continue }
            for input in next.inputs {
                if case .rate? = input.thinning?.value { return true }
            }
            open += next.inputs.compactMap { feeder(of: $0) }
        }
        return false
    }

    /// The node that feeds an input, unless it numbers frames anew.
    private func feeder(of input: InputDeclaration) -> NodeDeclaration? {
        guard let name = input.source?.value.prefix(while: { $0 != "." }),
            let node = original.nodes.first(where: { $0.name == name }),
            node.kind.flatMap({ registry[$0.value] })?.beginsStream != true
        else { return nil }
        return node
    }

    /// Why a node cannot be several processes, and what would help.
    private func obstacle(
        _ spec: NodeSpec, _ node: NodeDeclaration
    ) -> (reason: String, hint: String)? {
        if spec.inputs.isEmpty {
            return ("it is a source", "remove 'replicas:' here; what it feeds may have some")
        }
        if spec.outputs.isEmpty {
            return ("it is a sink", "remove 'replicas:' here; what feeds it may have some")
        }
        if spec.state == .unknown {
            return (
                "its kind does not say what it remembers from frame to frame",
                "if it is nothing, write 'state: none' into its node.yaml"
            )
        }
        if spec.state != .none || spec.heldFrames > 0 || spec.chunk > 1 {
            return (
                "it remembers what came before, and a replica would not have seen that",
                "remove 'replicas:' here; what comes before and behind it may have some"
            )
        }
        if let other = spec.inputs.first(where: { $0.pace == .own || $0.pace == .each }) {
            return (
                "its input \(other.name.quoted) takes a stream that has no frames to share",
                "remove 'replicas:'"
            )
        }
        if isRated(node) {
            return (
                "a 'rate' decides which frames come, and they take turns by their number",
                "write 'every:' instead"
            )
        }
        return nil
    }

    /// The kind of a node that puts in order what processes of another kind send.
    static func spec(merging spec: NodeSpec, of replicas: Int) -> NodeSpec {
        let outputs = spec.outputs.filter { $0.pace.isOfFrames }
        return NodeSpec(
            kind: Self.spec.kind, summary: Self.spec.summary,
            inputs: outputs.flatMap { output in
                (0..<replicas).map {
                    output.asInput(named: input(output.name, $0), pace: .each, isOptional: true)
                }
            }, outputs: outputs, settings: Self.spec.settings, heldFrames: 0, state: .saved
        ).takingAnything()
    }
}
