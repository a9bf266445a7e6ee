import NodeKit

/// The node that the host has: it hands each call to the program.
struct ProgramNode: Node {
    static var spec: NodeSpec { Program.current.spec }

    private let program = Program.current

    init(settings: Settings) throws {
        (program.settings, program.reporter) = (settings, settings.reporter)
        try program.ask(.opened)
    }

    mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        try program.ask(.tick, inputs, into: &outputs)
    }

    /// A failure is thrown by the next tick.
    mutating func update(settings: Settings) {
        program.settings = settings
        try? program.ask(.settings)
    }

    mutating func finish(into outputs: inout Outputs) throws {
        try program.ask(.finish, nil, into: &outputs)
    }

    mutating func save() -> SavedState? { program.takeSaved().map { SavedState($0) } }

    mutating func restore(_ state: [UInt8]) throws { try program.restore(state) }
}
