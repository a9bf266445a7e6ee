/// What everyone but the node itself knows of a kind of node.
public struct NodeSpec: Sendable {
    /// The word in YAML's `use:`, in kebab-case.
    public let kind: String
    /// One sentence: what the node does.
    public let summary: String
    /// What arrives.
    public let inputs: [PortSpec]
    /// What leaves.
    public let outputs: [PortSpec]
    /// What can be said in YAML's `with:`.
    public let settings: [SettingSpec]
    /// How many frames the node keeps to itself before the first one leaves it (the denoiser's
    /// window, for example); a path around the node must be able to hold as many.
    public let heldFrames: Int
    /// How many frames the node works on at once: a live graph gives it so many, evenly spaced.
    public let chunk: Int
    /// What the node remembers from one tick to the next: what has to be known of it to go on in
    /// another process when its own ends.
    public let state: NodeState

    /// A spec from typed ports and settings.
    public init(
        _ kind: String, _ summary: String, inputs: [any PortDescribing] = [],
        outputs: [any PortDescribing] = [], settings: [any SettingDescribing] = [],
        heldFrames: Int = 0, chunk: Int = 1, state: NodeState = .unknown
    ) {
        self.kind = kind
        self.summary = summary
        self.inputs = inputs.map(\.spec)
        self.outputs = outputs.map(\.spec)
        self.settings = settings.map(\.spec)
        self.heldFrames = heldFrames
        self.chunk = chunk
        self.state = state
    }

    /// A spec from its parts, for nodes that are described in a file instead of in Swift.
    public init(
        kind: String, summary: String, inputs: [PortSpec], outputs: [PortSpec],
        settings: [SettingSpec], heldFrames: Int, chunk: Int = 1, state: NodeState = .unknown
    ) {
        self.kind = kind
        self.summary = summary
        self.inputs = inputs
        self.outputs = outputs
        self.settings = settings
        self.heldFrames = heldFrames
        self.chunk = chunk
        self.state = state
    }

    private init(_ spec: NodeSpec, inputs: [PortSpec], outputs: [PortSpec]) {
        kind = spec.kind
        summary = spec.summary
        self.inputs = inputs
        self.outputs = outputs
        settings = spec.settings
        heldFrames = spec.heldFrames
        chunk = spec.chunk
        state = spec.state
    }

    /// The same kind with its ports as they are under some settings.
    public func resolved(with settings: Settings) -> NodeSpec {
        NodeSpec(
            self, inputs: inputs.map { $0.resolved(with: settings) },
            outputs: outputs.map { $0.resolved(with: settings) })
    }
}
