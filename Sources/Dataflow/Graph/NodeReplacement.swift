import NodeKit

/// What a node of a graph is to be instead: another kind, or the same with other settings.
package struct NodeReplacement: Sendable, Equatable, Codable {
    package let node: String
    /// Nil keeps the kind.
    package let kind: String?
    /// Settings by name. Those of the file stay where the kind does; of another kind, those that both
    /// have alike, but for files.
    package let settings: [String: String]
    /// Name of the machine that it is to run on; nil keeps it where it is.
    package let machine: String?

    package init(
        node: String, kind: String?, settings: [String: String], machine: String? = nil
    ) {
        self.machine = machine
        self.node = node
        self.kind = kind
        self.settings = settings
    }

    /// Faults of what is put in are reported at the node's own place in the file.
    func apply(to document: inout GraphDocument, _ registry: NodeRegistry) {
        guard let index = document.nodes.firstIndex(where: { $0.name == node }) else { return }
        let place = document.nodes[index].place
        if let kind, let old = document.nodes[index].kind?.value, kind != old {
            document.nodes[index].kind = Located(value: kind, place: place)
            let shared = Self.sharedSettings(registry[old], registry[kind])
            document.nodes[index].settings.removeAll { !shared.contains($0.name.value) }
        }
        if let machine { document.nodes[index].machine = Located(value: machine, place: place) }
        for (name, text) in settings.sorted(by: { $0.key < $1.key }) {
            document.nodes[index].settings.removeAll { $0.name.value == name }
            document.nodes[index].settings.append(
                (
                    Located(value: name, place: place),
                    Scalar(text: text, isPlain: true, place: place)
                ))
        }
    }

    /// A decoder has the model and the weights of the one in whose place it is put. What a node
    /// reads and writes is another matter: a list of frames is no film.
    private static func sharedSettings(_ old: NodeSpec?, _ new: NodeSpec?) -> Set<String> {
        guard let old, let new else { return [] }
        let alike = old.settings.filter { setting in
            ![.outputFile, .inputFile, .inputMedia].contains(setting.type)
                && new.settings.contains { $0.name == setting.name && $0.type == setting.type }
        }
        return Set(alike.map(\.name))
    }
}
