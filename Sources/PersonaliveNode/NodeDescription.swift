import Foundation
import NodeKit
import Wire

/// What `personalive_describe` gives.
struct NodeDescription: Encodable {
    struct Port: Encodable {
        let name, type, axes, meaning, pace: String
        let connected: Bool

        init(_ port: PortSpec, isConnected: Bool) {
            (name, type, axes) = (port.name, port.elementType.name, port.axesText)
            (meaning, pace, connected) = (port.meaning, port.pace.rawValue, isConnected)
        }
    }

    let node, kind: String
    let cores: Int
    let state: NodeState
    let settings: [String: SettingValue]
    let inputs, outputs: [Port]

    init(_ program: Program) {
        (node, kind) = (program.name, program.spec.kind)
        (cores, settings) = (program.settings.cores, program.settings.values)
        state = program.spec.state
        inputs = program.spec.inputs.map {
            Port($0, isConnected: program.settings.connectedInputs.contains($0.name))
        }
        outputs = program.spec.outputs.map { Port($0, isConnected: true) }
    }

    var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Encoding a plain value cannot fail.
        return String(decoding: try! encoder.encode(self), as: UTF8.self)
    }
}
