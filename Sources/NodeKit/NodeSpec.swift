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
    /// The setting that says how many these are, if one does; `heldFrames` grows with it, and both
    /// are those of its default here.
    public let chunkSetting: String?
    /// What the node remembers from one tick to the next: what has to be known of it to go on in
    /// another process when its own ends.
    public let state: NodeState
    /// Whether what it sends can be had once only, as a camera's pictures: those of the time in which
    /// no process took them are lost.
    package private(set) var isOfTheMoment = false
    /// Whether it numbers what it sends anew: the streams that come in end there, and another begins.
    package private(set) var beginsStream = false
    /// Whether it takes whatever the graph feeds it: each input is a port like the output that feeds it.
    package private(set) var takesAnything = false

    /// A spec from typed ports and settings.
    public init(
        _ kind: String, _ summary: String, inputs: [any PortDescribing] = [],
        outputs: [any PortDescribing] = [], settings: [any SettingDescribing] = [],
        heldFrames: Int = 0, chunk: Int = 1, chunkSetting: String? = nil,
        state: NodeState = .unknown
    ) {
        self.kind = kind
        self.summary = summary
        self.inputs = inputs.map(\.spec)
        self.outputs = outputs.map(\.spec)
        self.settings = settings.map(\.spec)
        self.heldFrames = heldFrames
        self.chunk = chunk
        self.chunkSetting = chunkSetting
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
        chunkSetting = nil
        self.state = state
    }

    private init(_ spec: NodeSpec, with settings: Settings) {
        kind = spec.kind
        summary = spec.summary
        inputs = spec.inputs.map { $0.resolved(with: settings) }
        outputs = spec.outputs.map { $0.resolved(with: settings) }
        self.settings = spec.settings
        chunkSetting = spec.chunkSetting
        chunk = spec.chunkSetting.flatMap { settings.integer($0) } ?? spec.chunk
        // A window of so many chunks, but for the frame that leaves it.
        heldFrames = spec.heldFrames == 0 ? 0 : (spec.heldFrames + 1) * chunk / spec.chunk - 1
        state = spec.state
        isOfTheMoment = spec.isOfTheMoment
        (beginsStream, takesAnything) = (spec.beginsStream, spec.takesAnything)
    }

    /// The same kind, whose pictures or sounds nobody can have twice.
    package func ofTheMoment() -> NodeSpec {
        var copy = self
        copy.isOfTheMoment = true
        return copy
    }

    /// The same kind, behind which frames have numbers of their own.
    package func beginningStream() -> NodeSpec {
        var copy = self
        copy.beginsStream = true
        return copy
    }

    /// The same kind, whose inputs are whatever the graph feeds it, by names of the graph's choice.
    package func takingAnything() -> NodeSpec {
        var copy = self
        copy.takesAnything = true
        return copy
    }

    /// The same kind as it is under some settings: its ports, and how many frames it works on.
    public func resolved(with settings: Settings) -> NodeSpec { NodeSpec(self, with: settings) }
}
