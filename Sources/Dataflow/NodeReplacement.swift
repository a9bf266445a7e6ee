/// What a node of a graph is to be instead: another kind, or the same with other settings.
package struct NodeReplacement: Sendable, Equatable, Codable {
    package let node: String
    /// Nil keeps the kind.
    package let kind: String?
    /// Settings by name. Those of the file stay where the kind does.
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
    func apply(to document: inout GraphDocument) {
        guard let index = document.nodes.firstIndex(where: { $0.name == node }) else { return }
        let place = document.nodes[index].place
        if let kind, kind != document.nodes[index].kind?.value {
            document.nodes[index].kind = Located(value: kind, place: place)
            document.nodes[index].settings = []
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
}
