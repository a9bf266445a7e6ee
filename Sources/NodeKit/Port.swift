import Tensors

/// How an input's messages relate to those of the node's other inputs.
public enum Pace: String, Sendable {
    /// One message per frame: the node gets those of one frame together. The default.
    case frame
    /// A stream of its own (sound packets): each message is a tick by itself.
    case own
    /// A value that stays valid until another comes (the portrait). The first tick waits for it.
    case last
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

    /// The axes as written: `n 8h 8w 3`.
    public var axesText: String { axes.map(\.description).joined(separator: " ") }

    /// A spec from its parts, for nodes that are described in a file instead of in Swift.
    public init(
        name: String, elementType: ElementType, axes: [Axis], meaning: String, pace: Pace,
        isOptional: Bool, summary: String
    ) {
        self.name = name
        self.elementType = elementType
        self.axes = axes
        self.meaning = meaning
        self.pace = pace
        self.isOptional = isOptional
        self.summary = summary
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
        guard let parsed = Axis.parse(axes) else {
            preconditionFailure("port '\(name)': cannot read the axes '\(axes)'")
        }
        spec = PortSpec(
            name: name, elementType: Element.elementType, axes: parsed, meaning: meaning,
            pace: pace, isOptional: isOptional, summary: summary)
    }
}
