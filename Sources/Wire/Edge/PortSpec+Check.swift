import NodeKit
import Tensors

extension PortSpec {
    /// A producer may be any program: what it sends must be what the port says.
    ///
    /// - Parameter isHalvable: whether it was agreed that numbers come in half precision.
    func check(_ envelope: Envelope, isHalvable: Bool) throws {
        let isHalved = isHalvable && elementType == .float32 && envelope.elementType == .float16
        guard envelope.elementType == elementType || isHalved, envelope.shape.count == axes.count,
            zip(envelope.shape, axes).allSatisfy(Self.fits)
        else {
            let found = "\(envelope.elementType.name) \(envelope.shape)"
            throw WireError(
                "a tensor \(found), but input '\(name)' takes \(elementType.name) [\(axesText)]")
        }
    }

    private static func fits(_ extent: Int, _ axis: Axis) -> Bool {
        switch axis {
        case .constant(let constant): extent == constant
        case .named(_, let factor): extent % factor == 0
        }
    }
}

extension NodeConfiguration.Input {
    /// What it takes, for a relay, which does not know the node's kind, and for a node that takes whatever it
    /// is fed; nil where it was not told.
    var portSpec: PortSpec? {
        guard let type, let elementType = ElementType(name: type.element),
            let axes = Axis.parse(type.axes)
        else { return nil }
        return PortSpec(
            name: port, elementType: elementType, axes: axes, meaning: type.meaning ?? "", pace: pace ?? .frame,
            isOptional: false, summary: "")
    }
}
