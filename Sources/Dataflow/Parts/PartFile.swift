import NodeKit

/// A part of the library as a kind of node: what `personalive nodes` says of it.
package struct PartFile: Sendable {
    /// Ports and settings; those of nodes that are at fault are missing.
    package let spec: NodeSpec
    /// What is wrong with the file, as compilers write it; empty where nothing is.
    package let text: String

    /// Reads a part.
    ///
    /// Types are those of the nodes' ports that its own stand for. The comment behind an input, an output or
    /// a setting describes it, and so does the file's first sentence the part.
    init(kind: String, path: String, registry: NodeRegistry) {
        let bytes: [UInt8]
        do {
            bytes = try GraphFile.bytes(of: path)
        } catch {
            spec = Self.nothing(kind)
            text = Diagnostic(error, at: .wholeFile).text(in: SourceText(name: path, text: ""))
            return
        }
        var parts = GraphParts(findings: Findings(), sources: [])
        let root = parts.tree(of: bytes, path)
        let source = parts.sources[0]
        guard let root else {
            let faults = parts.findings.inOrder.map { $0.text(in: source) }
            (spec, text) = (Self.nothing(kind), faults.joined())
            return
        }
        var reader = GraphReader(findings: parts.findings)
        let document = reader.document(root, overrides: [])
        parts = GraphParts(findings: reader.findings, sources: [source])
        let whole = parts.expand(document, files: [path])
        func ports(
            _ written: [PartPort], _ ports: [PartPort], _ own: KeyPath<NodeSpec, [PortSpec]>
        ) -> [PortSpec] {
            zip(written, ports).compactMap { written, port in
                port.ends.compactMap { Self.port($0.value, own, in: whole, registry) }.first.map {
                    Self.port(written.name.value, like: $0, source.comment(behind: written.name.place))
                }
            }
        }
        spec = NodeSpec(
            kind: kind, summary: source.firstSentence,
            inputs: ports(document.inputs, whole.inputs, \.inputs),
            outputs: ports(document.outputs, whole.outputs, \.outputs),
            settings: Self.settings(root, source, registry), heldFrames: 0)
        // Whoever uses the part gives these.
        let errors = parts.findings.inOrder.filter {
            $0.severity == .error && $0.code != "setting-without-value"
        }
        text = errors.map { $0.text(in: parts.sources) }.joined()
    }

    private static func nothing(_ kind: String) -> NodeSpec {
        NodeSpec(
            kind: kind, summary: "Cannot be read.", inputs: [], outputs: [], settings: [], heldFrames: 0)
    }

    // MARK: Ports

    private static func port(
        _ end: String, _ own: KeyPath<NodeSpec, [PortSpec]>, in document: GraphDocument,
        _ registry: NodeRegistry
    ) -> PortSpec? {
        let words = end.split(separator: ".").map(String.init)
        guard words.count == 2, let node = document.nodes.first(where: { $0.name == words[0] }),
            let kind = node.kind
        else { return nil }
        let path = node.settings.first { $0.name.value == "path" }?.value?.text
        return registry.spec(kind.value, path: path)?[keyPath: own].first { $0.name == words[1] }
    }

    private static func port(_ name: String, like port: PortSpec, _ comment: String) -> PortSpec {
        PortSpec(
            name: name, elementType: port.elementType, axes: port.axes, meaning: port.meaning,
            pace: port.pace, isOptional: port.isOptional,
            summary: comment.isEmpty ? port.summary : comment, cases: port.cases)
    }

    // MARK: Settings

    private static func settings(
        _ root: YAMLNode, _ source: SourceText, _ registry: NodeRegistry
    ) -> [SettingSpec] {
        let users = users(root, registry)
        return root.entries("settings").map { entry in
            let user = users[entry.key]
            let type = user?.type ?? guess(entry.value)
            let comment = source.comment(behind: entry.keyPlace)
            return SettingSpec(
                name: entry.key, type: type, defaultValue: value(entry.value, of: type),
                isOptional: false, unit: user?.unit ?? "",
                summary: comment.isEmpty ? user?.summary ?? "" : comment)
        }
    }

    /// By the part's setting the first one of a node that is given it as it is.
    private static func users(_ root: YAMLNode, _ registry: NodeRegistry) -> [String: SettingSpec] {
        var users: [String: SettingSpec] = [:]
        for node in root.entries("nodes") {
            guard case .scalar(let kind, _)? = node.value.entry("use")?.content,
                let spec = registry[kind]
            else { continue }
            for given in node.value.entries("with") {
                guard case .scalar(let text, _) = given.value.content,
                    let setting = spec.settings.first(where: { $0.name == given.key })
                else { continue }
                let words = ReferenceMask.unmasked(text)
                guard words.hasPrefix("${"), words.hasSuffix("}") else { continue }
                let name = String(words.dropFirst(2).dropLast())
                if users[name] == nil { users[name] = setting }
            }
        }
        return users
    }

    private static func guess(_ node: YAMLNode) -> SettingType {
        guard case .scalar(let text, let isPlain) = node.content else { return .text }
        let scalar = Scalar(text: text, isPlain: isPlain, place: node.place)
        if scalar.flag != nil { return .flag }
        if scalar.wholeNumber != nil { return .integer(Int.min...Int.max) }
        return scalar.number == nil
            ? .text : .number(-Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude)
    }

    private static func value(_ node: YAMLNode, of type: SettingType) -> SettingValue? {
        guard case .scalar(let text, let isPlain) = node.content else { return nil }
        let scalar = Scalar(text: ReferenceMask.unmasked(text), isPlain: isPlain, place: node.place)
        guard !scalar.isNull else { return nil }
        switch type {
        case .flag: return scalar.flag.map { .flag($0) } ?? .text(scalar.text)
        case .integer: return scalar.wholeNumber.map { .integer($0) } ?? .text(scalar.text)
        case .number: return scalar.number.map { .number($0) } ?? .text(scalar.text)
        default: return .text(scalar.text)
        }
    }
}

extension YAMLNode {
    fileprivate func entry(_ key: String) -> YAMLNode? {
        guard case .mapping(let entries) = content else { return nil }
        return entries.first { $0.key == key }?.value
    }

    /// What a key holds, where that is a mapping.
    fileprivate func entries(_ key: String) -> [YAMLEntry] {
        guard case .mapping(let entries)? = entry(key)?.content else { return [] }
        return entries
    }
}
