import NodeKit
import Tensors

/// Extents for the named axes of a plugin's ports, and tensors of those extents.
struct RehearsalSizes {
    private var extents: [String: Int] = [:]

    /// - Parameters:
    ///   - values: an integer setting that bears an axis' name fixes it.
    ///   - isOdd: whether the axes that nothing fixes get odd extents.
    init(_ spec: NodeSpec, values: [String: SettingValue], isOdd: Bool) {
        var next = isOdd ? 7 : 16
        for axis in (spec.inputs + spec.outputs).flatMap(\.axes) {
            guard case .named(let name, _) = axis, extents[name] == nil else { continue }
            if case .integer(let extent)? = values[name], extent > 0 {
                extents[name] = extent
            } else if !spec.inputs.contains(where: { $0.has(name) }) {
                continue  // what only outputs have is the node's to say
            } else if name == "n" {
                extents[name] = 1  // the runtime sends one frame a message
            } else {
                extents[name] = next
                next += isOdd ? -2 : 8
                if next < 1 { next = 9 }
            }
        }
    }

    /// The extents of tensors that are there, each of a port.
    init(of tensors: [(port: PortSpec, shape: [Int])]) {
        for (axis, extent) in tensors.flatMap({ zip($0.port.axes, $0.shape) }) {
            guard case .named(let name, let factor) = axis, extents[name] == nil else { continue }
            extents[name] = extent / factor
        }
    }

    /// The shape of an input's tensors.
    func shape(of port: PortSpec) -> [Int] {
        port.axes.map { axis in
            switch axis {
            case .constant(let extent): extent
            case .named(let name, let factor): factor * (extents[name] ?? 1)
            }
        }
    }

    /// Why a tensor cannot be a port's; nil when it can.
    func fault(_ type: ElementType, _ shape: [Int], at port: PortSpec) -> String? {
        let expected = port.axes.map { axis in
            if case .named(let name, let factor) = axis, let extent = extents[name] {
                return "\(factor * extent)"
            }
            return "\(axis)"
        }
        let fits = type == port.elementType && shape.count == port.axes.count
            && zip(shape, port.axes).allSatisfy { extent, axis in
                switch axis {
                case .constant(let constant): extent == constant
                case .named(let name, let factor):
                    extents[name].map { extent == factor * $0 } ?? (extent % factor == 0)
                }
            }
        if fits { return nil }
        return "\(type.name) \(shape), and it must be \(port.elementType.name) "
            + "[\(expected.joined(separator: ", "))]"
    }

    /// Numbers that any node can compute with: small, and not all the same.
    static func payload(_ type: ElementType, _ shape: [Int], seed: Int) -> [UInt8] {
        let count = shape.reduce(1, *)
        var bytes = [UInt8](repeating: 0, count: count * type.byteCount)
        bytes.withUnsafeMutableBytes { raw in
            for index in 0..<count {
                let value = (index + seed) % 13
                switch type {
                case .uint8: raw[index] = UInt8(value * 19)
                case .int32: raw.bindMemory(to: Int32.self)[index] = Int32(value)
                case .int64: raw.bindMemory(to: Int64.self)[index] = Int64(value)
                case .float32: raw.bindMemory(to: Float.self)[index] = Float(value) / 13
                case .float64: raw.bindMemory(to: Double.self)[index] = Double(value) / 13
                case .float16: raw.bindMemory(to: UInt16.self)[index] = value > 6 ? 0x3800 : 0
                case .bfloat16: raw.bindMemory(to: UInt16.self)[index] = value > 6 ? 0x3F00 : 0
                }
            }
        }
        return bytes
    }
}

extension PortSpec {
    fileprivate func has(_ axis: String) -> Bool {
        axes.contains { if case .named(axis, _) = $0 { true } else { false } }
    }
}
