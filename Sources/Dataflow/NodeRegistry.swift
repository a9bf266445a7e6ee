import NodeKit

/// The kinds of node that a graph may use.
package struct NodeRegistry: Sendable {
    /// In the order in which they were given, the tool's own first.
    package let specs: [NodeSpec]
    private let byKind: [String: NodeSpec]
    private let plugins: [String: Plugin]
    private let broken: [String: String]

    /// - Parameter broken: files at fault by the kind that they would have defined.
    /// - Precondition: no kind is given twice.
    package init(_ specs: [NodeSpec], plugins: [Plugin] = [], broken: [String: String] = [:]) {
        self.specs = specs + plugins.map(\.spec)
        byKind = Dictionary(uniqueKeysWithValues: self.specs.map { ($0.kind, $0) })
        self.plugins = Dictionary(uniqueKeysWithValues: plugins.map { ($0.spec.kind, $0) })
        self.broken = broken
    }

    package subscript(kind: String) -> NodeSpec? { byKind[kind] }

    /// The plugin that serves a kind; nil for the tool's own.
    package func plugin(_ kind: String) -> Plugin? { plugins[kind] }

    /// The file that would have defined a kind, or another of that name, were it not at fault.
    func brokenFile(of kind: String) -> String? { broken[kind] }

    /// The words that `use:` takes.
    package var kinds: [String] { specs.map(\.kind) }

    /// The kind that was probably meant by a word that is none.
    package func nearest(to kind: String) -> String? {
        var names = NearestName()
        return names.nearest(to: kind, among: kinds)
    }
}
