import Tensors

/// One tensor with its stamp.
public struct Message: Sendable {
    public var stamp: Stamp
    public var tensor: AnyTensor

    /// A message from its parts.
    public init(_ tensor: AnyTensor, _ stamp: Stamp) {
        self.tensor = tensor
        self.stamp = stamp
    }
}

/// What arrived for one tick.
public struct Inputs: Sendable {
    /// The stamp of the tick: that of the frame, or of the one message that made the tick.
    public let stamp: Stamp
    private let messages: [String: Message]

    /// A tick's messages by port name. Hosts and tests make these.
    public init(stamp: Stamp, messages: [String: Message]) {
        self.stamp = stamp
        self.messages = messages
    }

    /// The tensor on a required port.
    ///
    /// - Precondition: the port is not optional, and belongs to this tick.
    public subscript<Element>(port: Port<Element>) -> Tensor<Element> {
        guard let tensor = self[ifPresent: port] else {
            preconditionFailure("no tensor of its type on port '\(port.name)' in this tick")
        }
        return tensor
    }

    /// All messages of the tick, by the input's name: of a node that takes whatever it is fed.
    package var all: [String: Message] { messages }

    /// The tensor on a port that may be unconnected, or whose pace is its own.
    public subscript<Element>(ifPresent port: Port<Element>) -> Tensor<Element>? {
        messages[port.name]?.tensor.typed()
    }

    /// What came on a port that is known by its name only.
    package func message(on port: String) -> Message? { messages[port] }
}
