import Tensors

/// How an input's messages relate to those of the node's other inputs.
public enum Pace: String, Sendable, CaseIterable {
    /// One message per frame: the node gets those of one frame together. The default.
    case frame
    /// A stream of its own (sound packets): each message is a tick by itself.
    case own
    /// A value that stays valid until another comes (the portrait). The first tick waits for it.
    case last
    /// Frames of which each is a tick by itself, whatever the node's other inputs have: of a node that
    /// chooses among several, or puts them in order.
    case each

    /// Whether what comes are frames, which are counted.
    package var isOfFrames: Bool { self == .frame || self == .each }
}

/// What is known of a port without its Swift type.
public struct PortSpec: Sendable {
    /// The word in YAML, in kebab-case.
    public let name: String
    /// Type of each element.
    public let elementType: ElementType
    /// Extent of each axis: a number, or a name that must unify across the graph.
    public let axes: [Axis]
    /// What the numbers mean: `rgb`, `latent/sd1`, `keypoints/21`. Two ports meet when these are
    /// equal.
    public let meaning: String
    /// How an input keeps time with the others.
    public let pace: Pace
    /// Whether an input may be left unconnected.
    public let isOptional: Bool
    /// One sentence for `personalive nodes`.
    public let summary: String
    /// What the port is instead under some values of the node's settings; at most one applies.
    public let cases: [Case]
    /// Whether half precision is enough for what it sends, where an edge to another machine asks for
    /// that (`wire: f16`).
    public var isHalvable = false
    /// The kind of node that should stand before an input, between it and the source of its frames.
    package var preparedBy: String?
    /// In a live graph messages beyond so many that are under way are dropped, unless the file says
    /// otherwise; nil for the usual.
    package var liveWindow: Int?

    /// What a port is instead where a setting has one value.
    public struct Case: Sendable, Equatable {
        /// The setting's word in YAML.
        public let setting: String
        /// The value under which this applies.
        public let value: String
        /// Extent of each axis then.
        public let axes: [Axis]
        /// What the numbers mean then.
        public let meaning: String

        /// A case from its parts.
        public init(setting: String, value: String, axes: [Axis], meaning: String) {
            self.setting = setting
            self.value = value
            self.axes = axes
            self.meaning = meaning
        }
    }

    /// The axes as written: `n 8h 8w 3`.
    public var axesText: String { axes.map(\.description).joined(separator: " ") }

    /// A spec from its parts, for nodes that are described in a file instead of in Swift.
    public init(
        name: String, elementType: ElementType, axes: [Axis], meaning: String, pace: Pace,
        isOptional: Bool, summary: String, cases: [Case] = []
    ) {
        self.name = name
        self.elementType = elementType
        self.axes = axes
        self.meaning = meaning
        self.pace = pace
        self.isOptional = isOptional
        self.summary = summary
        self.cases = cases
    }

    /// The port as it is under a node's settings: with the axes and the meaning of the case that
    /// applies, if one does.
    public func resolved(with settings: Settings) -> PortSpec {
        guard let found = cases.first(where: { settings.text($0.setting) == $0.value }) else {
            return self
        }
        var resolved = PortSpec(
            name: name, elementType: elementType, axes: found.axes, meaning: found.meaning,
            pace: pace, isOptional: isOptional, summary: summary, cases: cases)
        resolved.isHalvable = isHalvable
        resolved.preparedBy = preparedBy
        resolved.liveWindow = liveWindow
        return resolved
    }
}

/// Anything that can be listed among a node's ports.
public protocol PortDescribing: Sendable {
    /// The port without its Swift type.
    var spec: PortSpec { get }
}

/// A named, typed end of an edge.
///
///     static let latent = Port("latent", Float.self, "n 4 h w", meaning: "latent/sd1")
public struct Port<Element: TensorElement>: PortDescribing {
    public let spec: PortSpec

    /// The word in YAML.
    public var name: String { spec.name }

    /// A port whose axes are written as words: `n 8h 8w 3`. `8h` is eight times the axis `h`; a name
    /// that is also a setting of the node has that setting's value.
    ///
    /// - Precondition: the axes can be read.
    public init(
        _ name: String, _: Element.Type, _ axes: String, meaning: String, pace: Pace = .frame,
        isOptional: Bool = false, _ summary: String = ""
    ) {
        spec = PortSpec(
            name: name, elementType: Element.elementType, axes: Self.parse(axes, name),
            meaning: meaning, pace: pace, isOptional: isOptional, summary: summary)
    }

    private init(_ spec: PortSpec) { self.spec = spec }

    /// The same port, with other axes and another meaning where a setting has some value.
    ///
    ///     static let latent = Port("latent", Float.self, "n 4 h w", meaning: "latent/sd1")
    ///         .when(variant, is: "flux2", "n 32 h w", meaning: "latent/flux2")
    ///
    /// What the port says by itself holds for all other values. The graph checker knows the
    /// settings, so it refuses an edge between two nodes whose settings make their ports differ.
    ///
    /// - Precondition: the axes can be read, and are as many as the port's own.
    public func when(
        _ setting: Setting<String>, is value: String, _ axes: String, meaning: String
    ) -> Port {
        let parsed = Self.parse(axes, name)
        precondition(
            parsed.count == spec.axes.count, "port '\(name)': '\(axes)' has other axes than it")
        let new = PortSpec.Case(
            setting: setting.spec.name, value: value, axes: parsed, meaning: meaning)
        var changed = PortSpec(
            name: name, elementType: spec.elementType, axes: spec.axes, meaning: spec.meaning,
            pace: spec.pace, isOptional: spec.isOptional, summary: spec.summary,
            cases: spec.cases + [new])
        changed.isHalvable = spec.isHalvable
        changed.preparedBy = spec.preparedBy
        changed.liveWindow = spec.liveWindow
        return Port(changed)
    }

    /// The same input, which expects frames that a node of some kind has prepared: a graph that feeds
    /// it straight from a source gets a warning.
    package func prepared(by kind: String) -> Port {
        var changed = spec
        changed.preparedBy = kind
        return Port(changed)
    }

    /// The same input, which in a live graph holds nobody up: so many messages may be under way, and what is
    /// more is dropped.
    package func droppingLive(beyond window: Int) -> Port {
        var changed = spec
        changed.liveWindow = window
        return Port(changed)
    }

    /// The same port, whose numbers may travel to another machine in half precision where an edge
    /// asks for it: 11 bits are enough, and none is beyond 65504.
    ///
    /// - Precondition: they are single precision.
    public func halvable() -> Port {
        precondition(spec.elementType == .float32, "port '\(name)': only Float can be halved")
        var changed = spec
        changed.isHalvable = true
        return Port(changed)
    }

    private static func parse(_ axes: String, _ port: String) -> [Axis] {
        guard let parsed = Axis.parse(axes) else {
            preconditionFailure("port '\(port)': cannot read the axes '\(axes)'")
        }
        return parsed
    }
}
