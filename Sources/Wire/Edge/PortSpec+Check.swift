import NodeKit
import Tensors

extension PortSpec {
    /// A producer may be any program: what it sends must be what the port says.
    ///
    /// - Parameter isHalvable: whether it was agreed that numbers come in half precision.
    func check(_ envelope: Envelope, isHalvable: Bool) throws {
        let isHalved = isHalvable && elementType == .float32 && envelope.elementType == .float16
        guard let fault = fault(of: isHalved ? elementType : envelope.elementType, envelope.shape) else {
            return
        }
        throw WireError("\(fault), but input '\(name)' takes \(elementType.name) [\(axesText)]")
    }

    /// A tensor that cannot be the port's, in words; nil where it can.
    package func fault(of type: ElementType, _ shape: [Int]) -> String? {
        let isOurs = type == elementType && shape.count == axes.count
            && zip(shape, axes).allSatisfy(Self.fits)
        return isOurs ? nil : "a tensor \(type.name) \(shape)"
    }

    private static func fits(_ extent: Int, _ axis: Axis) -> Bool {
        switch axis {
        case .constant(let constant): extent == constant
        case .named(_, let factor): extent % factor == 0
        }
    }
}

extension NodeConfiguration.Input {
    /// What it takes, for a node that takes whatever it is fed; nil where its kind says so.
    var portSpec: PortSpec? {
        guard let type, let elementType = ElementType(name: type.element),
            let axes = Axis.parse(type.axes)
        else { return nil }
        return PortSpec(
            name: port, elementType: elementType, axes: axes, meaning: type.meaning ?? "", pace: pace ?? .frame,
            isOptional: false, summary: "")
    }
}
