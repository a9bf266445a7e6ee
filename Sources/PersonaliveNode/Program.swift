import Foundation
import NodeKit
import Tensors
import Wire

/// A node whose ticks are handled by a program on its own thread, which asks for one after the other.
///
/// The host's computing thread and the program's thread take turns: one of them waits while the other works.
final class Program: @unchecked Sendable {
    // Unchecked because `condition` guards the turn, and all else belongs to the thread that has it.

    /// What the program does next. The raw values are those of `personalive_node.h`.
    enum Event: Int32 {
        case end, tick, settings, restore, finish
        /// The settings are known. It is answered when the program has loaded.
        case opened
    }

    private enum Turn {
        case host
        case program(Event)
        case over(code: Int32)
    }

    /// A process has one node.
    static let current = Program()

    private let condition = NSCondition()
    private var turn = Turn.host

    /// What node.yaml says of the node, as the supervisor tells it.
    var spec = NodeSpec("program", "Is told what it is.")
    var name = ""
    var settings = Settings() {
        didSet { texts.forget() }
    }
    /// What the program says of itself, from any thread; set before the program begins.
    var reporter = NodeReporter()
    /// Texts that the program was given.
    let texts = LentTexts()

    /// The tick under way: its inputs, what the program has made so far, and the memory it was lent for that.
    private(set) var inputs = Inputs(stamp: Stamp(frame: 0, captured: 0, presentation: 0), messages: [:])
    private(set) var outputs = Outputs()
    private(set) var rooms: [UnsafeMutableRawPointer: TensorMemory] = [:]
    private var failure: String?
    private var saved: [UInt8]?
    private var restored: UnsafeMutableRawBufferPointer?

    // MARK: The host's thread

    /// Gives the program the turn and waits until it has answered.
    func ask(_ event: Event) throws {
        condition.lock()
        defer { condition.unlock() }
        if let failure { throw ProgramFailure(description: failure) }
        guard case .host = turn else { throw ProgramFailure(description: "the program has ended") }
        turn = .program(event)
        condition.broadcast()
        while case .program = turn { condition.wait() }
        rooms = [:]
        if let failure { throw ProgramFailure(description: failure) }
    }

    /// The same, with inputs, and room for what the program makes.
    func ask(_ event: Event, _ inputs: Inputs?, into outputs: inout Outputs) throws {
        if let inputs { self.inputs = inputs }
        // What the program said while there was no tick is said with this one.
        let said = self.outputs
        self.outputs = outputs
        said.warnings.forEach { self.outputs.warn($0) }
        said.wantedBeginnings.forEach { self.outputs.askForBeginning(on: $0) }
        if said.isFinished { self.outputs.finish() }
        saved = nil
        defer {
            outputs = self.outputs
            self.outputs = Outputs()
            self.inputs = Inputs(stamp: self.inputs.stamp, messages: [:])
        }
        try ask(event)
    }

    /// What the program saved after the last tick.
    func takeSaved() -> [UInt8]? {
        defer { saved = nil }
        return saved
    }

    func restore(_ state: [UInt8]) throws {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max(state.count, 1), alignment: 64)
        bytes.copyBytes(from: state)
        restored = UnsafeMutableRawBufferPointer(start: bytes.baseAddress, count: state.count)
        defer {
            bytes.deallocate()
            restored = nil
        }
        try ask(.restore)
    }

    /// The run is over for the node. A program that is still at work is not waited for.
    func end(_ code: Int32) {
        condition.lock()
        if case .program = turn { _exit(code) }
        turn = .over(code: code)
        condition.broadcast()
        condition.unlock()
    }

    // MARK: The program's thread

    /// Hands over what the program has made, and waits for what it does next.
    func next() -> Event {
        condition.lock()
        defer { condition.unlock() }
        if case .program = turn {
            turn = .host
            condition.broadcast()
        }
        while true {
            switch turn {
            case .host: condition.wait()
            case .program(let event): return event
            case .over: return .end
            }
        }
    }

    /// The program does nothing more. Returns its exit code.
    func close() -> Int32 {
        condition.lock()
        if case .program(let event) = turn, event != .finish {
            fail("the program closed its node before the end")
        }
        condition.unlock()
        while next() != .end { fail("the program closed its node before the end") }
        guard case .over(let code) = turn else { return 1 }
        return code
    }

    /// The node fails as soon as the program has handed over; the first reason is the one that counts.
    func fail(_ reason: String) { failure = failure ?? reason }

    func save(_ bytes: UnsafeRawBufferPointer) { saved = Array(bytes) }
    var restoredBytes: UnsafeMutableRawBufferPointer? { restored }

    func drop(because reason: String) {
        guard let stamp = outputs.stamp else { return fail("a frame was dropped where there was none") }
        outputs.drop(stamp, because: reason)
    }
    func warn(_ text: String) { outputs.warn(text) }
    func finishSource() { outputs.finish() }
    func askForBeginning(on port: String) {
        guard self.port(port, among: spec.inputs, "input") != nil else { return }
        outputs.askForBeginning(on: port)
    }

    // MARK: Tensors

    func message(on port: String) -> Message? {
        guard self.port(port, among: spec.inputs, "input") != nil else { return nil }
        return inputs.message(on: port)
    }

    /// Room for a tensor of an output; nil where it cannot be one.
    func room(for port: String, shape: [Int]) -> (memory: TensorMemory, type: ElementType)? {
        guard let spec = self.port(port, among: spec.outputs, "output"),
            fits(spec, spec.elementType, shape)
        else { return nil }
        let bytes = shape.reduce(1, *) * spec.elementType.byteCount
        let memory = outputs.memory(for: port, bytes: bytes)
        rooms[memory.base] = memory
        return (memory, spec.elementType)
    }

    /// Sends what lies at an address, without a copy where that is a room's.
    func send(
        _ data: UnsafeMutableRawPointer?, _ type: ElementType, _ shape: [Int], _ stamp: Stamp,
        on port: String
    ) -> Bool {
        guard let spec = self.port(port, among: spec.outputs, "output"), fits(spec, type, shape) else {
            return false
        }
        let bytes = shape.reduce(1, *) * type.byteCount
        guard data != nil || bytes == 0 else {
            fail("output '\(port)' was sent a tensor without data")
            return false
        }
        let tensor = AnyTensor(
            elementType: type, shape: shape, memory: memory(at: data, bytes, for: port))
        outputs.send(Message(tensor, stamp), on: port)
        return true
    }

    /// The room at an address, or else a copy of what lies there.
    private func memory(
        at data: UnsafeMutableRawPointer?, _ bytes: Int, for port: String
    ) -> TensorMemory {
        if let room = data.flatMap({ rooms[$0] }), bytes <= room.byteCount { return room }
        let memory = outputs.memory(for: port, bytes: bytes)
        if let data { memory.base.copyMemory(from: data, byteCount: bytes) }
        return memory
    }

    private func fits(_ port: PortSpec, _ type: ElementType, _ shape: [Int]) -> Bool {
        if let fault = port.fault(of: type, shape) {
            fail(
                "output '\(port.name)' was sent \(fault), and node.yaml says \(port.elementType.name) "
                    + "[\(port.axesText)]")
        } else if shape.reduce(1, *) * type.byteCount > 1 << 32 {
            fail("output '\(port.name)' was sent a tensor \(type.name) \(shape) of more than 4 GiB")
        } else {
            return true
        }
        return false
    }

    private func port(_ name: String, among ports: [PortSpec], _ what: String) -> PortSpec? {
        if let port = ports.first(where: { $0.name == name }) { return port }
        let known = ports.map { "'\($0.name)'" }.joined(separator: ", ")
        fail(
            "node.yaml of '\(spec.kind)' has no \(what) '\(name)'"
                + (known.isEmpty ? "" : ": it has \(known)"))
        return nil
    }
}

/// Why a program's node could not go on, as the program says it.
struct ProgramFailure: Error, CustomStringConvertible {
    let description: String
}
