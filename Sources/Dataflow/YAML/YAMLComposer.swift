/// Makes a tree of a document's events: aliases resolved, merge keys merged, sizes bounded.
struct YAMLComposer {
    /// A graph nests about 6 deep.
    static let deepest = 32
    /// Aliases of aliases grow exponentially ("billion laughs"); a graph of 100 nodes holds 1500.
    static let largest = 20_000

    private let parser: YAMLParser
    private let source: SourceText
    private let wholeFile: SourceRange
    private(set) var diagnostics: [Diagnostic] = []
    private var anchors: [String: YAMLNode] = [:]
    private var openAnchors: Set<String> = []
    private var size = 0
    private var names = NearestName()

    /// - Parameters:
    ///   - bytes: the text of `source`, references masked.
    ///   - file: which of the files that are read.
    init(bytes: [UInt8], source: SourceText, file: Int = 0) {
        parser = YAMLParser(bytes: bytes, file: file)
        wholeFile = SourceRange(line: 0, column: 0, length: 0, file: file)
        self.source = source
    }

    /// Ends the reading: what follows could not be trusted.
    private struct Stop: Error {
        let diagnostic: Diagnostic
    }

    /// The one document of the text; nil when there is none that can be read.
    mutating func document() -> YAMLNode? {
        do {
            return try readDocument()
        } catch let stop as Stop {
            diagnostics.append(stop.diagnostic)
        } catch let failure as YAMLFailure {
            diagnostics.append(syntax(failure))
        } catch { preconditionFailure("\(error)") }
        return nil
    }

    private mutating func readDocument() throws -> YAMLNode? {
        guard case .documentStart = try parser.next().event else {
            report(.emptyDocument, wholeFile)
            return nil
        }
        let root = try node(parser.next(), depth: 1)
        _ = try parser.next()
        let after = try parser.next()
        if case .documentStart = after.event { report(.severalDocuments, after.place) }
        return root
    }

    private mutating func node(_ item: YAMLItem, depth: Int) throws -> YAMLNode {
        if let tag = item.tag {
            var place = item.place
            place.length = tag.unicodeScalars.count
            report(.tag(tag), place)
        }
        if case .alias(let name) = item.event { return try alias(name, item.place, depth: depth) }
        try grow(by: 1, depth: depth, at: item.place)
        if let anchor = item.anchor { openAnchors.insert(anchor) }
        let node = try content(item, depth: depth)
        if let anchor = item.anchor {
            openAnchors.remove(anchor)
            anchors[anchor] = node
        }
        return node
    }

    private mutating func content(_ item: YAMLItem, depth: Int) throws -> YAMLNode {
        switch item.event {
        case .scalar(let text, let isPlain):
            let content = YAMLNode.Content.scalar(text: text, isPlain: isPlain)
            return YAMLNode(content: content, place: item.place, size: 1, depth: 1)
        case .sequenceStart: return try sequence(at: item.place, depth: depth)
        case .mappingStart: return try mapping(at: item.place, depth: depth)
        default: return YAMLNode(content: .broken, place: item.place, size: 1, depth: 1)
        }
    }

    private mutating func alias(_ name: String, _ place: SourceRange, depth: Int) throws -> YAMLNode
    {
        guard var node = anchors[name] else {
            let isOpen = openAnchors.contains(name)
            let nearest = names.nearest(to: name, among: anchors.keys.sorted())
            report(isOpen ? .recursiveAlias(name) : .unknownAlias(name, nearest: nearest), place)
            return YAMLNode(content: .broken, place: place, size: 1, depth: 1)
        }
        try grow(by: node.size, depth: depth + node.depth - 1, at: place)
        node.place = place
        return node
    }

    private mutating func grow(by count: Int, depth: Int, at place: SourceRange) throws {
        size += count
        let fault: YAMLFault? =
            depth > Self.deepest
            ? .nestedTooDeep(limit: Self.deepest)
            : size > Self.largest ? .expandsTooFar(limit: Self.largest) : nil
        if let fault { throw Stop(diagnostic: Diagnostic(fault, at: place)) }
    }

    private mutating func sequence(at place: SourceRange, depth: Int) throws -> YAMLNode {
        var nodes: [YAMLNode] = []
        while true {
            let item = try parser.next()
            if case .sequenceEnd = item.event { break }
            nodes.append(try node(item, depth: depth + 1))
        }
        return YAMLNode(
            content: .sequence(nodes), place: place,
            size: nodes.reduce(1) { $0 + $1.size },
            depth: 1 + (nodes.map(\.depth).max() ?? 0))
    }

    private mutating func mapping(at place: SourceRange, depth: Int) throws -> YAMLNode {
        var reading = MappingReading()
        while true {
            let item = try parser.next()
            if case .mappingEnd = item.event { break }
            let key = try node(item, depth: depth + 1)
            var value = try node(parser.next(), depth: depth + 1)
            // A value that is not there has no place of its own.
            if case .scalar("", true) = value.content { value.place = key.place }
            reading.size += key.size + value.size
            reading.depth = max(reading.depth, value.depth)
            add(key, value, to: &reading)
        }
        for entry in reading.merged where reading.places[entry.key] == nil {
            reading.places[entry.key] = entry.keyPlace
            reading.entries.append(entry)
        }
        return YAMLNode(
            content: .mapping(reading.entries), place: place, size: reading.size,
            depth: 1 + reading.depth)
    }

    private struct MappingReading {
        var entries: [YAMLEntry] = []
        var places: [String: SourceRange] = [:]
        var merged: [YAMLEntry] = []
        var size = 1
        var depth = 0
    }

    private mutating func add(
        _ key: YAMLNode, _ value: YAMLNode, to reading: inout MappingReading
    ) {
        guard case .scalar(let masked, let isPlain) = key.content else {
            if case .broken = key.content { return }
            return report(.keyIsNotText, key.place)
        }
        if isPlain, masked == "<<" { return merge(value, into: &reading.merged) }
        let name = ReferenceMask.unmasked(masked)
        if let first = reading.places[name] {
            let note = Diagnostic.Note("\(name.quoted) is given here first", at: first)
            diagnostics.append(
                Diagnostic(YAMLFault.duplicateKey(name), at: key.place, notes: [note]))
        } else {
            reading.places[name] = key.place
            reading.entries.append(YAMLEntry(key: name, keyPlace: key.place, value: value))
        }
    }

    /// Earlier mappings of a list win over later ones, and a mapping's own keys over both.
    private mutating func merge(_ value: YAMLNode, into merged: inout [YAMLEntry]) {
        switch value.content {
        case .mapping(let entries): merged += entries
        case .sequence(let nodes) where !nodes.isEmpty:
            for node in nodes {
                if case .mapping(let entries) = node.content {
                    merged += entries
                } else {
                    report(.cannotMerge(node.description), node.place)
                }
            }
        case .broken: break
        default: report(.cannotMerge(value.description), value.place)
        }
    }

    private mutating func report(_ fault: YAMLFault, _ place: SourceRange) {
        diagnostics.append(Diagnostic(fault, at: place))
    }

    private func syntax(_ failure: YAMLFailure) -> Diagnostic {
        let notes = failure.context.flatMap { context in
            context.place == failure.place || !context.text.hasPrefix("while")
                ? nil : Diagnostic.Note("\(context.text) that starts here", at: context.place)
        }
        return Diagnostic(
            YAMLFault.syntax(
                problem: failure.problem, context: failure.context?.text,
                at: source.scalars(before: failure.place)),
            at: failure.place, notes: notes.map { [$0] } ?? [])
    }
}
