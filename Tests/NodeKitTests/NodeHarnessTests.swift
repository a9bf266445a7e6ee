import NodeKit
import Tensors
import Testing

/// Adds a kept value to every number it gets, and says the sum at the end.
private struct Adder: Node {
    static let number = Port("number", Int32.self, "1", meaning: "number")
    static let offset = Port("offset", Int32.self, "1", meaning: "number", pace: .last)
    static let sum = Port("sum", Int32.self, "1", meaning: "number")
    static let scale = Setting("scale", Int.self, default: 1)
    static let name = Setting("name", String.self, isOptional: true)
    static let spec = NodeSpec(
        "adder", "Adds.", inputs: [number, offset], outputs: [sum], settings: [scale, name])

    let scale: Int32
    var total: Int32 = 0
    var last: Stamp?

    init(settings: Settings) { scale = Int32(settings[Self.scale]) }

    mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        let sum = (inputs[Self.number].array[0] + inputs[Self.offset].array[0]) * scale
        total += sum
        last = inputs.stamp
        if sum < 0 { return outputs.drop(inputs.stamp, because: "negative") }
        outputs[Self.sum] = Tensor([sum], shape: [1])
    }

    mutating func finish(into outputs: inout Outputs) {
        if let last { outputs.send(Tensor([total], shape: [1]), on: Self.sum, stamp: last) }
    }
}

@Suite struct NodeHarnessTests {
    private func one(_ value: Int32) -> Tensor<Int32> { Tensor([value], shape: [1]) }

    @Test func `a kept input stays for later ticks`() throws {
        var harness = try NodeHarness(Adder.self)

        try harness.tick([.init(Adder.number, one(1)), .init(Adder.offset, one(10))])
        try harness.tick([.init(Adder.number, one(2))])
        try harness.finish()

        #expect(harness.received(Adder.sum).map { $0.array[0] } == [11, 12, 23])
        #expect(harness.stamps(Adder.sum).map(\.frame) == [0, 1, 1])
    }

    @Test func `a dropped frame is remembered with its reason`() throws {
        var harness = try NodeHarness(Adder.self)

        try harness.tick([.init(Adder.number, one(-5)), .init(Adder.offset, one(0))])

        #expect(harness.dropped.map(\.reason) == ["negative"])
        #expect(harness.received(Adder.sum).isEmpty)
    }

    @Test func `settings have their default, and optional ones may be unset`() throws {
        let settings = Settings(["scale": .integer(3)])

        #expect(settings[Adder.scale] == 3)
        #expect(Settings()[Adder.scale] == 1)
        #expect(Settings()[ifSet: Adder.name] == nil)
        #expect(settings.setting(Adder.name, to: "x")[Adder.name] == "x")
    }
}
