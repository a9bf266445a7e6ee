import NodeKit

/// The JSON Schema (draft 2020-12) of graph files, with which editors complete and check them.
package struct GraphSchema {
    private let registry: NodeRegistry

    package init(_ registry: NodeRegistry) { self.registry = registry }

    package var json: JSONValue {
        .object([
            ("$schema", .text("https://json-schema.org/draft/2020-12/schema")),
            ("title", .text("personalive graph")),
            ("description", .text("A graph of nodes; 'personalive check' finds all else.")),
            ("type", .text("object")),
            ("required", .array([.text("nodes")])),
            ("properties", .object(properties)),
            ("patternProperties", .object([("^x-", .flag(true))])),
            ("additionalProperties", .flag(false)),
            (
                "dependentSchemas",
                .object([
                    (
                        "latency_budget",
                        .object([
                            ("required", .array([.text("mode")])),
                            (
                                "properties",
                                .object([("mode", .object([("const", .text("live"))]))])
                            ),
                        ])
                    )
                ])
            ),
            ("$defs", .object(definitions)),
        ])
    }

    private var properties: [(String, JSONValue)] {
        [
            (
                "settings",
                described(
                    "Values that ${name} stands for; --set name=value replaces them.",
                    [
                        ("type", .text("object")),
                        ("propertyNames", .object([("pattern", .text("^[A-Za-z0-9_-]+$"))])),
                        ("additionalProperties", types("string", "number", "boolean", "null")),
                    ])
            ),
            (
                "mode",
                described(
                    "offline: frames wait for the slowest node. live: time does not wait.",
                    [("enum", words(CheckedGraph.Mode.allCases.map(\.rawValue)))])
            ),
            (
                "latency_budget",
                described(
                    "The oldest that a frame may be when it is shown: 300ms, 0.3s.",
                    [("type", .text("string")), ("pattern", .text(#"^[0-9.e+-]+ *(ms|s)$|\$\{"#))])
            ),
            (
                "machines",
                described(
                    "Where nodes can run; without this block all run here.",
                    [
                        ("type", .text("object")), ("propertyNames", names),
                        ("additionalProperties", reference("machine")),
                    ])
            ),
            (
                "inputs",
                described(
                    "For a graph that others use: what they feed, and to which inputs it goes.",
                    [
                        ("type", .text("object")), ("propertyNames", names),
                        (
                            "additionalProperties",
                            .object([
                                (
                                    "anyOf",
                                    .array([
                                        end,
                                        .object([("type", .text("array")), ("items", end)]),
                                    ])
                                )
                            ])
                        ),
                    ])
            ),
            (
                "outputs",
                described(
                    "For a graph that others use: what they get, and from which outputs it comes.",
                    [
                        ("type", .text("object")), ("propertyNames", names),
                        ("additionalProperties", end),
                    ])
            ),
            (
                "nodes",
                described(
                    "The nodes, top to bottom in the order in which a frame meets them.",
                    [
                        ("type", .text("object")), ("propertyNames", names),
                        ("additionalProperties", reference("node")), ("minProperties", .integer(1)),
                    ])
            ),
        ]
    }

    private var definitions: [(String, JSONValue)] {
        [
            ("reference", .object([("type", .text("string")), ("pattern", .text(#"\$\{.+\}"#))])),
            ("edge", edge),
            ("machine", machine),
            ("node", node),
        ]
    }

    private var end: JSONValue {
        .object([
            ("type", .text("string")), ("pattern", .text(#"^[^. ]+\.[^. ]+$|\$\{"#)),
            ("description", .text("node.port")),
        ])
    }

    private var edge: JSONValue {
        let source = end
        return .object([
            (
                "anyOf",
                .array([
                    source,
                    closed(
                        [
                            ("from", source),
                            (
                                "keep",
                                described(
                                    "What is done with messages that the node has no time for.",
                                    [("enum", words(Keep.allCases.map(\.rawValue)))])
                            ),
                            (
                                "window",
                                described(
                                    "Messages that may be under way before the producer waits.",
                                    integer(GraphReader.windows))
                            ),
                            (
                                "wire",
                                described(
                                    "Half precision on the way to another machine, where the output allows it.",
                                    [("enum", words(WireFormat.allCases.map(\.rawValue)))])
                            ),
                            (
                                "every",
                                described(
                                    "One frame of so many goes this way: those whose number it divides.",
                                    integer(GraphReader.everies))
                            ),
                            (
                                "rate",
                                described(
                                    "So many frames go this way: 5/s, 30/min.",
                                    [
                                        ("type", .text("string")),
                                        ("pattern", .text(#"^[0-9.e+-]+ *(/s|/min)$|\$\{"#)),
                                    ])
                            ),
                            ("when", described("The frame is worked on when this number is more than 0.", [("anyOf", .array([source]))])),
                            ("unless", described("The frame is worked on unless this number is more than 0.", [("anyOf", .array([source]))])),
                        ], required: ["from"]),
                ])
            )
        ])
    }

    private var machine: JSONValue {
        let launchers = MachineReading.keys.filter { MachineReading.launchers[$0] != nil }
        let properties = launchers.map { name -> (String, JSONValue) in
            let options = closed(
                (MachineReading.launchers[name] ?? []).map { ($0, types("string", "number")) })
            let host = JSONValue.object([
                ("type", .text("string")), ("description", .text("user@host")),
            ])
            return (name, name == "ssh" ? .object([("anyOf", .array([host, options]))]) : options)
        }
        let resources: [(String, JSONValue)] = [
            (
                "cores",
                described(
                    "Processor cores that its nodes share.", integer(GraphReader.cores))
            ),
            (
                "memory",
                described(
                    "Memory that its nodes share: 16GB, 512MB.", [("type", .text("string"))])
            ),
            (
                "gpu-memory",
                described(
                    "Memory of each of its GPUs that its nodes share: 24GB.", [("type", .text("string"))])
            ),
            (
                "address",
                described(
                    "Where the other machines reach it, if not where its launcher does.",
                    [("type", .text("string"))])
            ),
            (
                "insecure",
                described(
                    "Lets its edges cross the network without encryption.",
                    [("type", .text("boolean"))])
            ),
        ]
        let ways = launchers.map { JSONValue.object([("required", words([$0]))]) }
        return closed(properties + resources, more: [("oneOf", .array(ways))])
    }

    private var node: JSONValue {
        let file = JSONValue.object([
            ("type", .text("string")), ("pattern", .text(#"/|\.ya?ml$"#)),
            (
                "description",
                .text(
                    "A graph file, or a part of the library (parts/NAME); 'with:' has its settings, "
                        + "'in:' feeds its inputs.")
            ),
        ])
        let kinds = registry.specs.map { spec in
            JSONValue.object([("const", .text(spec.kind)), ("description", .text(spec.summary))])
        }
        return closed(
            [
                (
                    "use",
                    described(
                        "The kind of node, or a graph file.", [("anyOf", .array(kinds + [file]))])
                ),
                (
                    "machine",
                    described(
                        "One of 'machines:', or several for the processes of 'replicas:'; without it the "
                            + "node runs here.",
                        [
                            (
                                "anyOf",
                                .array([
                                    .object([("type", .text("string"))]),
                                    .object([
                                        ("type", .text("array")), ("minItems", .integer(1)),
                                        ("items", .object([("type", .text("string"))])),
                                    ]),
                                ])
                            )
                        ])
                ),
                (
                    "replicas",
                    described(
                        "Processes that share its frames, of a kind that remembers nothing.",
                        integer(GraphReader.replicas))
                ),
                (
                    "cores",
                    described(
                        "Processor cores that its mathematics may use.", integer(GraphReader.cores))
                ),
                (
                    "takes",
                    described(
                        "How long one frame takes it, for the plan of ages: 40ms; of a source, the "
                            + "time between two frames.",
                        [
                            ("type", .text("string")),
                            ("pattern", .text(#"^[0-9.e+-]+ *(ms|s)$|\$\{"#)),
                        ])
                ),
                ("restart", restart),
                ("in", described("What feeds each input.", [("type", .text("object"))])),
                ("with", described("Settings of the node.", [("type", .text("object"))])),
            ], required: ["use"],
            more: [("allOf", .array(registry.specs.map(condition)))])
    }

    private var restart: JSONValue {
        let time: [(String, JSONValue)] = [
            ("type", .text("string")), ("pattern", .text(#"^[0-9.e+-]+ *(ms|s)$|\$\{"#)),
        ]
        let policy = closed(
            [
                (
                    "limit",
                    described(
                        "Crashes within the time that are forgiven: 5 without it.",
                        integer(GraphReader.restartLimits))
                ),
                ("within", described("The time: 60s without it.", time)),
                (
                    "backoff",
                    described("Pause before the first new process, doubled each time.", time)
                ),
                (
                    "then",
                    described(
                        "What follows when the crashes are more: the run fails, or the graph goes on "
                            + "without the node (only one without outputs; usual for those of live graphs).",
                        [("enum", .array(RestartPolicy.Then.allCases.map { .text($0.rawValue) }))])
                ),
            ], required: [])
        return described(
            "What is done when its process ends by accident.",
            [
                (
                    "anyOf",
                    .array([
                        .object([("enum", .array([.text("never"), .text("ignore")]))]), policy,
                    ])
                )
            ])
    }

    /// What `in:` and `with:` of one kind may hold.
    private func condition(_ spec: NodeSpec) -> JSONValue {
        let inputs = spec.inputs.map { port -> (String, JSONValue) in
            let text = [port.summary, port.typeText].filter { !$0.isEmpty }.joined(separator: ": ")
            return (port.name, described(text, [("$ref", .text("#/$defs/edge"))]))
        }
        let needed = spec.settings.filter { $0.isRequired && $0.waiver == nil }.map(\.name)
        let connected = spec.inputs.filter { !$0.isOptional }.map(\.name)
        let blocks: [(String, JSONValue)] = [
            ("in", closed(inputs, required: connected)),
            ("with", closed(spec.settings.map { ($0.name, $0.schema) }, required: needed)),
        ]
        let required = (connected.isEmpty ? [] : ["in"]) + (needed.isEmpty ? [] : ["with"])
        let kind = JSONValue.object([("use", .object([("const", .text(spec.kind))]))])
        return .object([
            ("if", .object([("properties", kind), ("required", words(["use"]))])),
            ("then", .object([("properties", .object(blocks)), ("required", words(required))])),
        ])
    }

    // MARK: - Parts of a schema

    private var names: JSONValue {
        .object([("pattern", .text("^[A-Za-z][A-Za-z0-9-]{0,39}$"))])
    }

    private func integer(_ range: ClosedRange<Int>) -> [(String, JSONValue)] {
        let number: [(String, JSONValue)] = [
            ("type", .text("integer")), ("minimum", .integer(range.lowerBound)),
            ("maximum", .integer(range.upperBound)),
        ]
        return [("anyOf", .array([.object(number), reference("reference")]))]
    }

    private func words(_ words: [String]) -> JSONValue { .array(words.map { .text($0) }) }

    private func types(_ names: String...) -> JSONValue { .object([("type", words(names))]) }

    private func reference(_ name: String) -> JSONValue {
        .object([("$ref", .text("#/$defs/\(name)"))])
    }

    private func described(_ text: String, _ members: [(String, JSONValue)]) -> JSONValue {
        .object([("description", .text(text))] + members)
    }

    /// An object that has no other keys than these.
    private func closed(
        _ properties: [(String, JSONValue)], required: [String] = [],
        more: [(String, JSONValue)] = []
    ) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("type", .text("object")), ("properties", .object(properties)),
            ("additionalProperties", .flag(false)),
        ]
        if !required.isEmpty { members.append(("required", words(required))) }
        return .object(members + more)
    }
}

extension SettingSpec {
    /// The setting's type; any setting may also be `${name}`.
    fileprivate var schema: JSONValue {
        let live = isLive ? "live: changes while the graph runs" : ""
        let text = [summary, unit.isEmpty ? "" : "in \(unit)", live].filter { !$0.isEmpty }
        var members: [(String, JSONValue)] = [("description", .text(text.joined(separator: ", ")))]
        if let defaultValue { members.append(("default", defaultValue.json)) }
        let reference = JSONValue.object([("$ref", .text("#/$defs/reference"))])
        switch type {
        case .text:
            let types: [JSONValue] = ["string", "number", "boolean"].map { .text($0) }
            members.append(("type", .array(types)))
        case .inputFile, .inputMedia, .outputFile, .weights:
            members += [("type", .text("string")), ("minLength", .integer(1))]
        default:
            var forms: [JSONValue] = [.object(typeMembers), reference]
            if let withUnit { forms.append(withUnit) }
            members.append(("anyOf", .array(forms)))
        }
        return .object(members)
    }

    /// A number with its unit, as text.
    private var withUnit: JSONValue? {
        guard type.isNumeric, !unit.isEmpty else { return nil }
        let units = ["ms", "s"].contains(unit) ? "(ms|s)" : unit
        return .object([
            ("type", .text("string")),
            ("pattern", .text("^[-+]?[0-9.]+([eE][-+]?[0-9]+)? *\(units)$")),
        ])
    }

    private var typeMembers: [(String, JSONValue)] {
        switch type {
        case .flag: [("type", .text("boolean"))]
        case .integer(let range):
            [
                ("type", .text("integer")), ("minimum", .integer(range.lowerBound)),
                ("maximum", .integer(range.upperBound)),
            ]
        case .number(let range): [("type", .text("number"))] + range.jsonBounds
        case .choice(let words): [("enum", .array(words.map { .text($0) }))]
        default: [("type", .text("string"))]
        }
    }
}
