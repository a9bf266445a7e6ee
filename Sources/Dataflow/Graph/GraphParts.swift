import NodeKit

/// A graph file that another one uses as a node.
package struct CheckedPart: Sendable {
    /// What the graph calls it; parts of parts are joined with `_`, as their nodes are.
    package let name: String
    package let file: String
}

/// One input or output that a part shows to the graph that uses it.
struct PartPort {
    let name: Located<String>
    /// For an input the `node.port`s that get what is fed to it; for an output the one that gives it.
    let ends: [Located<String>]
}

/// What can be wrong with `use: ./file.yaml` and `use: parts/name`.
enum PartFault: Fault {
    case unknownPart(String, looked: [String], nearest: String?, known: [String])
    case unreadable(String, FileFault)
    case usesItself([String])
    case tooDeep(limit: Int)
    case nameTooLong(String, limit: Int)
    case unknownSetting(String, part: String, nearest: String?, known: [String])
    case unknownPort(String, part: String, isInput: Bool, nearest: String?, known: [String])
    case unknownEnd(String, nearest: String?)
    case notInPart(String)
    case replicated(String)
    case fedTwice(String)

    var words: FaultWords {
        switch self {
        case .unknownPart(let name, let looked, let nearest, let known):
            FaultWords(
                "unknown-part",
                "there is no part \(name.quoted) (looked in \(looked.joined(separator: ", ")))",
                hint: nearest.map { "did you mean \($0.quoted)?" }
                    ?? (known.isEmpty
                        ? "put the file into one of these folders, or name its folder in PERSONALIVE_PARTS"
                        : "there are \(known.listed); PERSONALIVE_PARTS names further folders"))
        case .unreadable(let file, let fault):
            FaultWords(
                "part-unreadable", "\(file.quoted): \(fault.words.message)",
                hint: "the path of a graph file starts at the folder of the file that uses it")
        case .usesItself(let files):
            FaultWords("part-uses-itself", "graphs use each other: \(files.joined(separator: " → "))")
        case .tooDeep(let limit):
            FaultWords("part-too-deep", "graphs use graphs more than \(limit) levels deep")
        case .nameTooLong(let name, let limit):
            FaultWords(
                "part-name-too-long",
                "a node of this part would be called \(name.quoted), which has \(name.count) letters",
                hint: "names of nodes have at most \(limit) in all: they become parts of socket paths")
        case .unknownSetting(let name, let part, let nearest, let known):
            FaultWords(
                "unknown-setting", "\(part.quoted) has no setting \(name.quoted)",
                hint: Self.hint(nearest, known))
        case .unknownPort(let name, let part, let isInput, let nearest, let known):
            FaultWords(
                isInput ? "unknown-input" : "unknown-output",
                "\(part.quoted) has no \(isInput ? "input" : "output") \(name.quoted)",
                hint: Self.hint(nearest, known))
        case .unknownEnd(let end, let nearest):
            FaultWords(
                "unknown-end", "\(end.quoted) is no port of a node of this file",
                hint: nearest.map { "did you mean \($0.quoted)?" })
        case .fedTwice(let end):
            FaultWords(
                "fed-twice", "\(end.quoted) is fed inside this file, so it cannot be an input of it",
                hint: "remove it here, or under the node's 'in:'")
        case .replicated(let node):
            FaultWords(
                "replicas-of-part", "\(node.quoted) is a graph of its own, and only single nodes have replicas",
                hint: "write 'replicas:' at the node in there that is slow")
        case .notInPart(let key):
            FaultWords(
                "not-in-part", "\(key.quoted) has no place in a graph that is part of another",
                hint: "say it in the graph that uses this one")
        }
    }

    private static func hint(_ nearest: String?, _ known: [String]) -> String {
        nearest.map { "did you mean \($0.quoted)?" }
            ?? (known.isEmpty ? "it has none" : "it has \(known.listed)")
    }
}

/// Puts the nodes of graph files that a graph uses in the place of the nodes that name them.
///
/// A node `eyes` of the part `face` is called `face_eyes` then: no name in a file has a `_`.
struct GraphParts {
    static let separator = "_"
    static let deepest = 8
    static let longestName = 40

    private let library = PartFolders()
    private(set) var findings: Findings
    /// The files read so far; places say which of them they are in.
    private(set) var sources: [SourceText]

    init(findings: Findings, sources: [SourceText]) {
        self.findings = findings
        self.sources = sources
    }

    /// Whether a word after `use:` is a file rather than a kind.
    static func isPath(_ kind: String) -> Bool {
        kind.contains("/") || kind.hasSuffix(".yaml") || kind.hasSuffix(".yml")
    }

    /// The document with its parts written out.
    ///
    /// - Parameter files: the chain of files that led here, this document's last.
    mutating func expand(_ document: GraphDocument, files: [String]) -> GraphDocument {
        var result = document
        result.nodes = []
        var ports: [String: (inputs: [PartPort], outputs: [PartPort])] = [:]
        for node in document.nodes {
            guard let kind = node.kind, Self.isPath(kind.value) else {
                result.nodes.append(node)
                continue
            }
            guard let part = read(kind, node, files) else {
                result.brokenParts.insert(node.name)
                continue
            }
            result.parts.append(CheckedPart(name: node.name, file: part.file))
            include(part.document, as: node, into: &result)
            ports[node.name] = (part.document.inputs, part.document.outputs)
        }
        for index in result.nodes.indices {
            for input in result.nodes[index].inputs.indices {
                let source = result.nodes[index].inputs[input].source
                result.nodes[index].inputs[input].source = source.flatMap { redirect($0, ports) }
                if let condition = result.nodes[index].inputs[input].condition {
                    result.nodes[index].inputs[input].condition = redirect(condition.source, ports)
                        .map { ($0, condition.wanted) }
                }
            }
        }
        result.inputs = result.inputs.map { port in
            PartPort(name: port.name, ends: port.ends.flatMap { targets(of: $0, ports) })
        }
        result.outputs = result.outputs.map { port in
            PartPort(name: port.name, ends: port.ends.compactMap { redirect($0, ports) })
        }
        return result
    }

    // MARK: Reading

    private mutating func read(
        _ kind: Located<String>, _ node: NodeDeclaration, _ files: [String]
    ) -> (document: GraphDocument, file: String)? {
        guard let file = file(kind, files) else { return nil }
        func report(_ fault: PartFault) { findings.report(fault, at: kind.place) }
        if let start = files.firstIndex(of: file) {
            report(.usesItself(files[start...] + [file]))
            return nil
        }
        if files.count > Self.deepest {
            report(.tooDeep(limit: Self.deepest))
            return nil
        }
        let bytes: [UInt8]
        do {
            bytes = try GraphFile.bytes(of: file)
        } catch {
            report(.unreadable(kind.value, error))
            return nil
        }
        guard let root = tree(of: bytes, file) else { return nil }
        var reader = GraphReader(findings: findings)
        let given = node.settings.map { (name: $0.name, value: $0.value) }
        let document = reader.part(root, file: kind.value, given: given)
        findings = reader.findings
        return (expand(document, files: files + [file]), file)
    }

    /// The file that a word after `use:` names: one of the library, or a path.
    private mutating func file(_ kind: Located<String>, _ files: [String]) -> String? {
        guard let name = PartFolders.name(kind.value) else {
            return Self.path(kind.value, besides: files[files.count - 1])
        }
        if let file = library.file(of: name, besides: files) { return file }
        let known = library.all(besides: files).map { PartFolders.prefix + $0.name }
        let nearest = findings.nearest(to: kind.value, among: known)
        findings.report(
            PartFault.unknownPart(
                kind.value, looked: library.folders(besides: files), nearest: nearest, known: known),
            at: kind.place)
        return nil
    }

    /// What a file of the graph holds; its text is among the sources then.
    mutating func tree(of bytes: [UInt8], _ file: String) -> YAMLNode? {
        let index: Int
        if let known = sources.firstIndex(where: { $0.name == file }) {
            index = known
        } else {
            index = sources.count
            sources.append(SourceText(name: file, text: String(decoding: bytes, as: UTF8.self)))
        }
        if let fault = GraphFile.encodingFault(bytes, file: index) {
            findings.add([fault])
            return nil
        }
        var composer = YAMLComposer(
            bytes: ReferenceMask.masked(bytes), source: sources[index], file: index)
        let root = composer.document()
        findings.add(composer.diagnostics)
        return root
    }

    /// `./face.yaml` of `Graphs/live.yaml` is `Graphs/face.yaml`.
    private static func path(_ path: String, besides file: String) -> String {
        if path.hasPrefix("/") { return path }
        var folders = file.split(separator: "/", omittingEmptySubsequences: false).dropLast()
            .map(String.init)
        for word in path.split(separator: "/") where word != "." {
            if word == "..", let last = folders.last, last != "..", !last.isEmpty {
                folders.removeLast()
            } else {
                folders.append(String(word))
            }
        }
        return folders.joined(separator: "/")
    }

    // MARK: Joining

    private mutating func include(
        _ part: GraphDocument, as node: NodeDeclaration, into result: inout GraphDocument
    ) {
        func full(_ name: String) -> String { node.name + Self.separator + name }
        func full(_ end: Located<String>) -> Located<String> {
            Located(value: full(end.value), place: end.place)
        }
        var nodes = part.nodes
        for index in nodes.indices {
            nodes[index].rename(full(nodes[index].name))
            if nodes[index].name.utf8.count > Self.longestName {
                let fault = PartFault.nameTooLong(nodes[index].name, limit: Self.longestName)
                findings.report(fault, at: node.place)
            }
            nodes[index].machine = nodes[index].machine ?? node.machine
            for input in nodes[index].inputs.indices {
                let source = nodes[index].inputs[input].source
                nodes[index].inputs[input].source = source.map { full($0) }
                if let condition = nodes[index].inputs[input].condition {
                    nodes[index].inputs[input].condition = (
                        full(condition.source), condition.wanted
                    )
                }
            }
        }
        feed(&nodes, of: part, from: node)
        result.nodes += nodes
        result.parts += part.parts.map { CheckedPart(name: full($0.name), file: $0.file) }
        result.brokenParts.formUnion(part.brokenParts.map { full($0) })
        result.exposed += part.exposed.map { (full($0.end), $0.isInput) }
        result.exposed += part.inputs.flatMap(\.ends).map { (full($0), true) }
        result.exposed += part.outputs.flatMap(\.ends).map { (full($0), false) }
        checkInputs(of: node, part)
        reportMisplaced(node)
    }

    /// Gives the part's nodes what the graph feeds to the part's inputs.
    private mutating func feed(
        _ nodes: inout [NodeDeclaration], of part: GraphDocument, from node: NodeDeclaration
    ) {
        for port in part.inputs {
            let fed = node.inputs.first { $0.port.value == port.name.value }
            for end in port.ends {
                let words = end.value.split(separator: ".", maxSplits: 1).map(String.init)
                guard words.count == 2 else { continue }
                let name = node.name + Self.separator + words[0]
                guard let index = nodes.firstIndex(where: { $0.name == name }) else { continue }
                if nodes[index].inputs.contains(where: { $0.port.value == words[1] }) {
                    findings.report(PartFault.fedTwice(end.value), at: end.place)
                } else if let fed {
                    let target = Located(value: words[1], place: end.place)
                    var input = fed
                    input.port = target
                    nodes[index].inputs.append(input)
                } else {
                    nodes[index].openPorts[words[1]] = OpenPort(
                        node: node.name, name: port.name.value, place: node.place,
                        note: end.place)
                }
            }
        }
    }

    private mutating func checkInputs(of node: NodeDeclaration, _ part: GraphDocument) {
        let known = part.inputs.map(\.name.value)
        for input in node.inputs where !known.contains(input.port.value) {
            let nearest = findings.nearest(to: input.port.value, among: known)
            findings.report(
                PartFault.unknownPort(
                    input.port.value, part: node.kind?.value ?? "", isInput: true,
                    nearest: nearest, known: known), at: input.port.place)
        }
    }

    private mutating func reportMisplaced(_ node: NodeDeclaration) {
        if let replicas = node.replicas {
            findings.report(PartFault.replicated(node.name), at: replicas.place)
        }
        for key in node.unknownKeys {
            let nearest = findings.nearest(to: key.value, among: GraphReader.nodeKeys)
            findings.report(
                ShapeFault.unknownKey(
                    key.value, owner: "a node",
                    meant: nearest.map { "did you mean \($0.quoted)?" },
                    known: GraphReader.nodeKeys), at: key.place)
        }
    }

    // MARK: Ends

    private typealias Ports = [String: (inputs: [PartPort], outputs: [PartPort])]

    /// The node's port behind a part's output; other sources are what they are.
    private mutating func redirect(_ source: Located<String>, _ ports: Ports) -> Located<String>? {
        guard let (part, port) = Self.split(source.value), let outputs = ports[part]?.outputs else {
            return source
        }
        if let output = outputs.first(where: { $0.name.value == port }) {
            return output.ends.first.map {
                Located(value: part + Self.separator + $0.value, place: source.place)
            }
        }
        report(port, of: part, outputs, isInput: false, at: source.place)
        return nil
    }

    /// The nodes' ports behind a part's input.
    private mutating func targets(of end: Located<String>, _ ports: Ports) -> [Located<String>] {
        guard let (part, port) = Self.split(end.value), let inputs = ports[part]?.inputs else {
            return [end]
        }
        if let input = inputs.first(where: { $0.name.value == port }) {
            return input.ends.map {
                Located(value: part + Self.separator + $0.value, place: end.place)
            }
        }
        report(port, of: part, inputs, isInput: true, at: end.place)
        return []
    }

    private mutating func report(
        _ port: String, of part: String, _ ports: [PartPort], isInput: Bool, at place: SourceRange
    ) {
        let known = ports.map(\.name.value)
        let nearest = findings.nearest(to: port, among: known)
        findings.report(
            PartFault.unknownPort(
                port, part: part, isInput: isInput, nearest: nearest, known: known), at: place)
    }

    private static func split(_ end: String) -> (node: String, port: String)? {
        let words = end.split(separator: ".", omittingEmptySubsequences: false)
        return words.count == 2 ? (String(words[0]), String(words[1])) : nil
    }
}
