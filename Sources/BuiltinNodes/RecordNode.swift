import NodeKit
import Tensors

/// Writes whatever it is fed into one file, which `replay` sends again.
package struct RecordNode: Node {
    package static let path = Setting(
        "path", String.self, type: .outputFile,
        "the recording, replaced when the new one is complete")

    package static let spec = NodeSpec(
        "record",
        "Writes whatever it is fed into one file; its inputs are named as you like, and 'replay' has "
            + "outputs of these names.", settings: [path], state: .saved
    ).takingAnything()

    private let writer: Recording.Writer
    private let inputs: [String]

    package init(settings: Settings) throws {
        let fed = settings.fedInputs
        inputs = fed.map(\.port.name)
        guard !fed.isEmpty else { throw RecordingError("record: nothing feeds it") }
        writer = try Recording.Writer(
            path: settings[Self.path],
            fed.map { port, from in
                Recording.Header(
                    from: from, port: port.name, type: port.elementType.name, axes: port.axesText,
                    meaning: port.meaning)
            }, owner: settings.owner)
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        for (index, name) in self.inputs.enumerated() {
            guard let message = inputs.all[name] else { continue }
            let tensor = message.tensor
            try tensor.withBytes {
                try writer.write(
                    tensor.elementType, tensor.shape, message.stamp, $0, of: index)
            }
        }
    }

    package func save() -> SavedState? { SavedState(number: writer.bytes) }
    package mutating func restore(_ state: [UInt8]) throws {
        try writer.resume(at: SavedState.number(state))
    }

    package mutating func finish(into outputs: inout Outputs) throws { try writer.finish() }
}
