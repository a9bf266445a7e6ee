import CPosix
import Foundation
import NodeKit
import Tensors

/// Sends tensors of a chosen size at a chosen rate: for trying out edges and measuring them.
package struct TestSourceNode: Node {
    static let data = Port("data", UInt8.self, "bytes", meaning: "bytes", "the payload")
    static let bytes = Setting("bytes", Int.self, default: 786_432, unit: "B", "size of a payload")
    static let count = Setting("count", Int.self, default: 100, "how many payloads")
    static let rate = Setting(
        "rate", Double.self, type: .number(0...1_000_000), default: 0, unit: "Hz",
        "payloads per second; 0 is as fast as they are taken")
    static let isNumbered = Setting(
        "numbered", Bool.self, default: false, "begins each payload with its number")
    static let copy = Setting(
        "copy", Bool.self, default: true,
        "copies each payload to where the consumer reads it, instead of writing every byte there")

    package static let spec = NodeSpec(
        "test-source", "Sends tensors of a chosen size at a chosen rate.", outputs: [data],
        settings: [bytes, count, rate, isNumbered, copy], state: .saved)

    private let settings: Settings
    private let payload: Tensor<UInt8>
    private var sent = 0
    private var began: Int64?

    package init(settings: Settings) {
        self.settings = settings
        payload = Tensor(repeating: 7, shape: [settings[Self.bytes]])
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        guard sent < settings[Self.count] else { return outputs.finish() }
        outputs.expect(frames: settings[Self.count])
        let rate = settings[Self.rate]
        let period = rate > 0 ? Int64(1e9 / rate) : 0
        let start = began ?? posix_monotonic_ns() - Int64(sent) * period
        began = start
        let due = start + Int64(sent) * period
        let wait = due - posix_monotonic_ns()
        if period > 0, wait > 0 {
            outputs.wait { Thread.sleep(forTimeInterval: Double(wait) / 1e9) }
        }
        let stamp = Stamp(
            frame: UInt64(sent), captured: posix_monotonic_ns(),
            presentation: Int64(sent) * period, duration: period)
        outputs.send(nextPayload(&outputs), on: Self.data, stamp: stamp)
        sent += 1
    }

    private func nextPayload(_ outputs: inout Outputs) -> Tensor<UInt8> {
        let isNumbered = settings[Self.isNumbered]
        if settings[Self.copy], !isNumbered { return payload }
        let tensor = outputs.tensor(for: Self.data, shape: [settings[Self.bytes]])
        if isNumbered {
            number(tensor)
        } else {
            tensor.pointer.update(repeating: UInt8(truncatingIfNeeded: sent), count: tensor.count)
        }
        return tensor
    }

    /// Makes one payload unlike another.
    private func number(_ tensor: Tensor<UInt8>) {
        tensor.pointer.update(from: payload.pointer, count: payload.count)
        withUnsafeBytes(of: UInt64(sent).littleEndian) { number in
            UnsafeMutableRawBufferPointer(start: tensor.pointer, count: tensor.count)
                .copyBytes(from: number.prefix(tensor.count))
        }
    }

    package func save() -> SavedState? { SavedState(number: sent) }
    package mutating func restore(_ state: [UInt8]) { sent = SavedState.number(state) }
}

extension SavedState {
    /// A state that is one number.
    init(number: Int) { self.init(withUnsafeBytes(of: UInt64(number).littleEndian) { Array($0) }) }

    static func number(_ bytes: [UInt8]) -> Int {
        bytes.reversed().reduce(0) { $0 << 8 | Int($1) }
    }
}

/// Hands on what it gets, after a pause that stands for work, with a number added if that is asked for.
package struct TestStageNode: Node {
    static let input = Port("data", UInt8.self, "bytes", meaning: "bytes", "what comes in")
    static let output = Port("data", UInt8.self, "bytes", meaning: "bytes", "the same")
    static let work = Setting(
        "work", Double.self, type: .number(0...60_000), default: 0, unit: "ms",
        "how long each tensor takes")
    static let load = Setting(
        "load", Double.self, type: .number(0...60_000), default: 0, unit: "ms",
        "how long the node takes to load")
    static let fail = Setting(
        "fail-at", Int.self, type: .integer(-1...Int(Int32.max)), isOptional: true,
        "throws at this frame, or while loading if -1, to see what a failure does")
    static let add = Setting(
        "add", Int.self, type: .integer(0...255), default: 0,
        "what is added to every byte, modulo 256: to see from which frame on a live setting holds"
    ).live()

    package static let spec = NodeSpec(
        "test-stage", "Hands on what it gets, after a pause that stands for work.",
        inputs: [input], outputs: [output], settings: [work, load, fail, add], state: .none)

    private var settings: Settings

    package init(settings: Settings) throws {
        self.settings = settings
        let milliseconds = settings[Self.load]
        if milliseconds > 0 { Thread.sleep(forTimeInterval: milliseconds / 1000) }
        if settings[ifSet: Self.fail] == -1 { throw TestFailure(frame: -1) }
    }

    package mutating func update(settings: Settings) { self.settings = settings }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        if let frame = settings[ifSet: Self.fail], inputs.stamp.frame == UInt64(frame) {
            throw TestFailure(frame: frame)
        }
        let milliseconds = settings[Self.work]
        if milliseconds > 0 { Thread.sleep(forTimeInterval: milliseconds / 1000) }
        let (input, add) = (inputs[Self.input], UInt8(settings[Self.add]))
        guard add > 0 else { return outputs[Self.output] = input }
        let sum = outputs.tensor(for: Self.output, shape: input.shape)
        for index in 0..<input.count { sum.pointer[index] = input.pointer[index] &+ add }
        outputs[Self.output] = sum
    }
}

/// Hands on each picture when so many others have come: as late as what a window of frames makes late.
package struct TestDelayNode: Node {
    static let input = Port("frame", UInt8.self, "1 h w 3", meaning: "rgb", "what comes in")
    static let output = Port("frame", UInt8.self, "1 h w 3", meaning: "rgb", "the same, later")
    static let stall = Setting(
        "stall", Double.self, type: .number(0...60_000), default: 0, unit: "ms",
        "how long the next picture takes, once each time that it is set"
    ).live()
    private static let count = 12

    package static let spec = NodeSpec(
        "test-delay", "Hands on each picture when \(count) others have come.",
        inputs: [input], outputs: [output], settings: [stall], heldFrames: count, state: .unknown)

    private var held: [(Tensor<UInt8>, Stamp)] = []
    private var stall = 0.0

    package init(settings: Settings) {}

    package mutating func update(settings: Settings) { stall = settings[Self.stall] }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        if stall > 0 { Thread.sleep(forTimeInterval: stall / 1000) }
        stall = 0
        held.append((inputs[Self.input], inputs.stamp))
        if held.count > Self.count { send(&outputs) }
    }

    package mutating func finish(into outputs: inout Outputs) {
        while !held.isEmpty { send(&outputs) }
    }

    private mutating func send(_ outputs: inout Outputs) {
        let (picture, stamp) = held.removeFirst()
        outputs.send(picture, on: Self.output, stamp: stamp)
    }
}

/// A failure that was asked for.
struct TestFailure: Error, CustomStringConvertible {
    let frame: Int
    var description: String {
        frame < 0
            ? "told to fail while it loads by 'fail-at'"
            : "told to fail at frame \(frame) by 'fail-at'"
    }
}

/// A payload that is not as `test-source` made it.
struct DamagedPayload: Error, CustomStringConvertible {
    let frame: UInt64
    var description: String {
        "the bytes of frame \(frame) are not all equal, as 'read' needs them ('numbered' payloads are not)"
    }
}

/// Takes tensors and forgets them.
package struct TestSinkNode: Node {
    static let data = Port("data", UInt8.self, "bytes", meaning: "bytes", "what is forgotten")
    static let work = Setting(
        "work", Double.self, type: .number(0...60_000), default: 0, unit: "ms",
        "how long each tensor takes")

    static let read = Setting(
        "read", Bool.self, default: false,
        "reads every byte of each tensor, and fails unless all are equal: test-source's are, unless "
            + "it numbers them")
    static let list = Setting(
        "list", String.self, type: .outputFile, isOptional: true,
        "writes a line for each: its frame, a hash of its bytes, when it came in ns")

    package static let spec = NodeSpec(
        "test-sink", "Takes tensors and forgets them.", inputs: [data],
        settings: [work, read, list],
        state: .saved)

    private let work: Double
    private let reads: Bool
    private var list: FrameList?

    package init(settings: Settings) throws {
        (work, reads) = (settings[Self.work], settings[Self.read])
        list = try settings[ifSet: Self.list].map { path in
            try FrameList(path: path, owner: settings.owner)
        }
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        let data = inputs[Self.data]
        if reads, let first = data.buffer.baseAddress, data.count > 1,
            memcmp(first, first + 1, data.count - 1) != 0
        {
            throw DamagedPayload(frame: inputs.stamp.frame)
        }
        try list?.add(inputs.stamp, UnsafeRawBufferPointer(data.buffer))
        if work > 0 { Thread.sleep(forTimeInterval: work / 1000) }
    }

    package func save() -> SavedState? { SavedState(number: list?.size ?? 0) }
    package mutating func restore(_ state: [UInt8]) throws {
        try list?.resume(at: SavedState.number(state))
    }

    package mutating func finish(into outputs: inout Outputs) throws { try list?.finish() }
}

/// Hands every tensor on at one output, and every other one at a second.
package struct TestForkNode: Node {
    static let input = Port("data", UInt8.self, "bytes", meaning: "bytes", "what comes in")
    static let all = Port("data", UInt8.self, "bytes", meaning: "bytes", "the same")
    static let half = Port("half", UInt8.self, "bytes", meaning: "bytes", "those of even frames")
    static let even = Port(
        "even", Float.self, "1", meaning: "scalar", "1 for even frames, 0 for others: for 'when'")

    package static let spec = NodeSpec(
        "test-fork", "Hands every tensor on at one output, and every other one at a second.",
        inputs: [input], outputs: [all, half, even], state: .none)

    package init(settings: Settings) {}

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        outputs[Self.all] = inputs[Self.input]
        let isEven = inputs.stamp.frame % 2 == 0
        outputs[Self.even] = Tensor<Float>([isEven ? 1 : 0], shape: [1])
        if isEven { outputs[Self.half] = inputs[Self.input] }
    }
}

/// Takes frames of two streams that belong together, and forgets them.
package struct TestJoinNode: Node {
    static let a = Port("a", UInt8.self, "bytes", meaning: "bytes", "one of two")
    static let b = Port("b", UInt8.self, "bytes", meaning: "bytes", "the other one")
    static let list = Setting(
        "list", String.self, type: .outputFile, isOptional: true,
        "writes a line for each pair: its frame, a hash of each one's bytes, when it came in ns")

    package static let spec = NodeSpec(
        "test-join", "Takes frames of two streams that belong together, and forgets them.",
        inputs: [a, b], settings: [list], state: .saved)

    private var list: FrameList?

    package init(settings: Settings) throws {
        list = try settings[ifSet: Self.list].map { path in
            try FrameList(path: path, owner: settings.owner)
        }
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        let (a, b) = (inputs[Self.a], inputs[Self.b])
        try list?.add(
            inputs.stamp, UnsafeRawBufferPointer(a.buffer), UnsafeRawBufferPointer(b.buffer))
    }

    package func save() -> SavedState? { SavedState(number: list?.size ?? 0) }
    package mutating func restore(_ state: [UInt8]) throws {
        try list?.resume(at: SavedState.number(state))
    }

    package mutating func finish(into outputs: inout Outputs) throws { try list?.finish() }
}
