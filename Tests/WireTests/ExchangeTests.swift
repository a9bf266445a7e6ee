import Foundation
import NodeKit
import Tensors
import Testing

@testable import Wire

/// A node is handed over where no frame waits for its successor.
@Suite struct ExchangeTests {
    private let exchange = Exchange()

    init() {
        exchange.connect(
            TickAssembler(
                inputs: [.init(port: "a", pace: .frame, keep: .all, window: 2)], required: ["a"]))
        exchange.start()
    }

    private func deliver(_ frame: UInt64) {
        let stamp = Stamp(frame: frame, captured: 0, presentation: 0)
        let tensor = AnyTensor(Tensor<UInt8>([UInt8(frame)], shape: [1]))
        exchange.deliver(Numbered(sequence: frame, message: Message(tensor, stamp), published: 0), to: 0)
    }

    /// What the computing thread was given, in words.
    private func nextStep() -> String {
        switch exchange.nextStep() {
        case .tick(let tick): "frame \(tick.inputs.stamp.frame)"
        case .retire: "retire"
        case let other: "\(other)"
        }
    }

    /// What a node is given that waits for something to do when it is told that another takes over.
    private func steps(whenTold event: @escaping @Sendable () -> Void) async -> [String] {
        async let steps = Task.detached { [self] in [nextStep(), nextStep()] }.value
        while !exchange.locked({ exchange.isIdle }) { await Task.yield() }
        exchange.retire()
        event()
        return await steps
    }

    @Test func `settings change before the next tick, and a node that has ended says so at once`() {
        deliver(0)
        exchange.set(["gain": .integer(2)], edition: 4)

        guard case .set(let values, let edition) = exchange.nextStep() else {
            return #expect(Bool(false), "no settings")
        }
        #expect(values == ["gain": .integer(2)])
        #expect(edition == 4)
        #expect(nextStep() == "frame 0")

        exchange.set([:], edition: 5)
        exchange.endOutputs()
        exchange.set([:], edition: 6)
        let answers = exchange.takeCommands().compactMap { command -> Int? in
            guard case .control(.applied(let edition, nil)) = command else { return nil }
            return edition
        }
        #expect(answers == [5, 6])
    }

    @Test func `a node is called at the time that it asked for, when there is nothing else to do`() {
        deliver(0)

        guard case .tick = exchange.nextStep(wakeAt: 0) else { return #expect(Bool(false), "no tick") }
        guard case .wake = exchange.nextStep(wakeAt: 0) else { return #expect(Bool(false), "no call") }
    }

    @Test func `a node that waits takes one more tick before another process takes over`() async {
        let steps = await steps { [self] in
            deliver(0)
            deliver(1)
        }

        #expect(steps == ["frame 0", "retire"])
    }

    @Test func `a node whose producer says nothing more is handed over without a tick`() async {
        let steps = await steps {}

        #expect(steps == ["retire", "retire"])
    }

    @Test func `a node whose producer has ended leaves the end to its successor`() async {
        let steps = await steps { [self] in exchange.end(0) }

        #expect(steps == ["retire", "retire"])
    }

    @Test func `a node that computes begins no further tick`() {
        deliver(0)
        deliver(1)
        let first = nextStep()

        exchange.retire()
        let second = nextStep()

        #expect([first, second] == ["frame 0", "retire"])
    }
}
