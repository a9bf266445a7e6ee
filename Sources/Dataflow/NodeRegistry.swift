import NodeKit

/// The kinds of node that a graph may use.
package struct NodeRegistry: Sendable {
    /// In the order in which they were given, the tool's own first.
    package let specs: [NodeSpec]
    private let byKind: [String: NodeSpec]
    private let plugins: [String: Plugin]
    private let broken: [String: String]
    private let specOfFile: SpecOfFile
    private let faultOfContent: FaultOfContent

    /// The ports of a kind that has them from the file in its setting `path`; nil for other kinds,
    /// and where the file cannot be read.
    package typealias SpecOfFile = @Sendable (_ kind: String, _ path: String) -> NodeSpec?

    /// What is wrong with the files behind a node's inputs, of which only its kind knows what they must
    /// hold; nil where nothing is.
    package typealias FaultOfContent = @Sendable (
        _ node: ContentNode, _ feeders: [String: ContentNode]
    ) -> ContentFault?

    /// - Parameters:
    ///   - broken: files at fault by the kind that they would have defined.
    ///   - specOfFile: kinds whose ports are those of a file.
    ///   - faultOfContent: kinds that look into files before anything is started.
    /// - Precondition: no kind is given twice.
    package init(_ specs: [NodeSpec], plugins: [Plugin] = [], broken: [String: String] = [:],
        specOfFile: @escaping SpecOfFile = { _, _ in nil },
        faultOfContent: @escaping FaultOfContent = { _, _ in nil }
    ) {
        self.specs = specs + plugins.map(\.spec)
        byKind = Dictionary(uniqueKeysWithValues: self.specs.map { ($0.kind, $0) })
        self.plugins = Dictionary(uniqueKeysWithValues: plugins.map { ($0.spec.kind, $0) })
        self.broken = broken
        self.specOfFile = specOfFile
        self.faultOfContent = faultOfContent
    }

    package subscript(kind: String) -> NodeSpec? { byKind[kind] }

    /// The plugin that serves a kind; nil for the tool's own.
    package func plugin(_ kind: String) -> Plugin? { plugins[kind] }

    /// A kind as it is for one node, whose `path:` may decide what its ports are.
    func spec(_ kind: String, path: String?) -> NodeSpec? {
        path.flatMap { specOfFile(kind, $0) } ?? byKind[kind]
    }

    /// What a kind finds wrong with the files of the nodes that feed it, by the input's name.
    func contentFault(_ node: ContentNode, _ feeders: [String: ContentNode]) -> ContentFault? {
        faultOfContent(node, feeders)
    }

    /// The file that would have defined a kind, or another of that name, were it not at fault.
    func brokenFile(of kind: String) -> String? { broken[kind] }

    /// The words that `use:` takes.
    package var kinds: [String] { specs.map(\.kind) }

    /// The kind that was probably meant by a word that is none.
    ///
    /// - Parameter candidates: other words than its own kinds.
    package func nearest(to kind: String, among candidates: [String]? = nil) -> String? {
        var names = NearestName()
        return names.nearest(to: kind, among: candidates ?? kinds)
    }
}

/// A node as far as files are concerned.
package struct ContentNode: Sendable {
    package let kind: String
    package let settings: Settings
}

/// What is wrong with a file that is there and can be read.
package struct ContentFault: Sendable {
    /// Stable, in kebab-case.
    package let code: String
    package let message: String
    package let hint: String?

    package init(code: String, message: String, hint: String? = nil) {
        (self.code, self.message, self.hint) = (code, message, hint)
    }
}
