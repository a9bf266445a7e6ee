import NodeKit

/// The kinds of node that a graph may use.
package struct NodeRegistry: Sendable {
    /// In the order in which they were given.
    package let specs: [NodeSpec]
    private let byKind: [String: NodeSpec]

    /// - Precondition: no kind is given twice.
    package init(_ specs: [NodeSpec]) {
        self.specs = specs
        byKind = Dictionary(uniqueKeysWithValues: specs.map { ($0.kind, $0) })
    }

    package subscript(kind: String) -> NodeSpec? { byKind[kind] }

    /// The words that `use:` takes.
    package var kinds: [String] { specs.map(\.kind) }

    /// The kind that was probably meant by a word that is none.
    package func nearest(to kind: String) -> String? {
        var names = NearestName()
        return names.nearest(to: kind, among: kinds)
    }
}
