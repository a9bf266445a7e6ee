import Foundation

/// A graph's text with a node added or taken out, and all else left as its author wrote it.
struct GraphText {
    private var lines: [String]

    init(_ text: String) { lines = text.components(separatedBy: "\n") }

    var text: String { lines.joined(separator: "\n") }

    /// Adds a node at the end of `nodes:`.
    ///
    /// - Throws: ``StudioError`` when the text has no such block, or the node is there already.
    mutating func add(_ name: String, kind: String, inputs: [String: String], settings: [String: String])
        throws
    {
        guard let block else {
            throw StudioError.malformed("the graph's text has no block 'nodes:' to add to")
        }
        guard node(name) == nil else { throw StudioError.refused("there is a node '\(name)' already") }
        func map(_ values: [String: String]) -> String {
            values.sorted { $0.key < $1.key }.map { "\($0.key): \(Self.quoted($0.value))" }
                .joined(separator: ", ")
        }
        let indent = String(repeating: " ", count: indentation)
        var node = ["", "\(indent)\(name):", "\(indent)  use: \(kind)"]
        if !inputs.isEmpty { node.append("\(indent)  in: { \(map(inputs)) }") }
        if !settings.isEmpty { node.append("\(indent)  with: { \(map(settings)) }") }
        var end = block.upperBound
        while end > block.lowerBound, lines[end - 1].trimmingCharacters(in: .whitespaces).isEmpty {
            end -= 1
        }
        lines.insert(contentsOf: node, at: end)
    }

    /// Takes a node out, with what belongs to it.
    mutating func remove(_ name: String) throws {
        guard let range = node(name) else {
            throw StudioError.missing(
                "the graph's text has no node '\(name)' of its own: it may be one of a part")
        }
        lines.removeSubrange(range)
    }

    /// Text as a YAML scalar in double quotes.
    private static func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }

    /// The lines below `nodes:`.
    private var block: Range<Int>? {
        guard let head = lines.firstIndex(where: { $0.hasPrefix("nodes:") }) else { return nil }
        let rest = lines[(head + 1)...]
        let end = rest.firstIndex { line in
            !(line.isEmpty || line.hasPrefix(" ") || line.hasPrefix("#") || line.hasPrefix("\t"))
        }
        return (head + 1)..<(end ?? lines.count)
    }

    /// How far node names are indented.
    private var indentation: Int {
        guard let block else { return 2 }
        let first = lines[block].first {
            let text = $0.trimmingCharacters(in: .whitespaces)
            return !text.isEmpty && !text.hasPrefix("#")
        }
        return first.map { $0.prefix { $0 == " " }.count } ?? 2
    }

    /// The lines of a node, with the empty ones before it.
    private func node(_ name: String) -> Range<Int>? {
        guard let block else { return nil }
        let indent = indentation
        guard let head = lines[block].firstIndex(where: {
            $0.prefix { $0 == " " }.count == indent && $0.dropFirst(indent).hasPrefix("\(name):")
        }) else { return nil }
        let end = lines[(head + 1)..<block.upperBound].firstIndex { line in
            !line.trimmingCharacters(in: .whitespaces).isEmpty
                && line.prefix { $0 == " " }.count <= indent
        }
        var start = head
        while start > block.lowerBound, lines[start - 1].trimmingCharacters(in: .whitespaces).isEmpty {
            start -= 1
        }
        var stop = end ?? block.upperBound
        while stop > head + 1, lines[stop - 1].trimmingCharacters(in: .whitespaces).isEmpty { stop -= 1 }
        return start..<stop
    }
}
