import NodeKit
import Tensors

/// What node.yaml says of a node, under its settings, as its program is told it in `configure`.
struct ToldSpec: Codable {
    struct Port: Codable {
        let name, type, axes, meaning: String
        var pace: String?
        var optional: Bool?

        init(_ port: PortSpec) {
            (name, type) = (port.name, port.elementType.name)
            (axes, meaning) = (port.axesText, port.meaning)
            pace = port.pace == .frame ? nil : port.pace.rawValue
            optional = port.isOptional ? true : nil
        }

        /// Nil where a later version has words that this one does not know.
        var spec: PortSpec? {
            guard let type = ElementType(name: type), let axes = Axis.parse(axes),
                let pace = Pace(rawValue: pace ?? "frame")
            else { return nil }
            return PortSpec(
                name: name, elementType: type, axes: axes, meaning: meaning, pace: pace,
                isOptional: optional ?? false, summary: "")
        }
    }

    let kind: String
    let inputs, outputs: [Port]
    let held, chunk: Int
    let state: NodeState

    init(_ spec: NodeSpec) {
        (kind, held, chunk, state) = (spec.kind, spec.heldFrames, spec.chunk, spec.state)
        (inputs, outputs) = (spec.inputs.map(Port.init), spec.outputs.map(Port.init))
    }

    var spec: NodeSpec {
        NodeSpec(
            kind: kind, summary: "", inputs: inputs.compactMap(\.spec),
            outputs: outputs.compactMap(\.spec), settings: [], heldFrames: held, chunk: chunk,
            state: state)
    }
}
