import NodeKit
import Tensors
import Testing

@testable import Wire

@Suite struct TickAssemblerTests {
    private func input(_ port: String, _ pace: Pace, keep: Keep = .all) -> TickAssembler.Input {
        TickAssembler.Input(port: port, pace: pace, keep: keep, window: 2)
    }

    private func message(_ frame: UInt64) -> Numbered {
        let stamp = Stamp(frame: frame, captured: 0, presentation: 0)
        let tensor = AnyTensor(Tensor<UInt8>([UInt8(frame)], shape: [1]))
        return Numbered(sequence: frame, message: Message(tensor, stamp), published: 0)
    }

    /// The next tick's frame, or nil.
    private func nextFrame(_ ticks: inout TickAssembler) -> UInt64? {
        ticks.next()?.inputs.stamp.frame
    }

    @Test func `a tick waits until every input has the frame`() {
        var ticks = TickAssembler(
            inputs: [input("a", .frame), input("b", .frame)], required: ["a", "b"])

        ticks.deliver(message(0), to: 0)
        let tooEarly = nextFrame(&ticks)
        ticks.deliver(message(0), to: 1)
        let complete = nextFrame(&ticks)

        #expect(tooEarly == nil)
        #expect(complete == 0)
    }

    @Test func `a frame without its partner is dropped, counted, and its credit returned`() {
        var ticks = TickAssembler(
            inputs: [input("a", .frame), input("b", .frame)], required: ["a", "b"])
        for frame in 0..<3 { ticks.deliver(message(UInt64(frame)), to: 0) }
        ticks.deliver(message(2), to: 1)

        let tick = ticks.next()

        #expect(tick?.inputs.stamp.frame == 2)
        #expect(ticks.inputs[0].drops[.unpaired].text == "0-1")
        let returned = ticks.takeReturned()
        #expect(returned == [0, 0])
    }

    @Test func `frames of inputs that are ticks by themselves do not wait, and each input is counted`() {
        var ticks = TickAssembler(
            inputs: [input("a", .each), input("b", .each)], required: ["a"])
        for frame in 5..<7 { ticks.deliver(message(UInt64(frame)), to: 1) }
        ticks.deliver(message(0), to: 0)
        var order: [(UInt64, Int?)] = []
        while let tick = ticks.next() { order.append((tick.inputs.stamp.frame, tick.chosenInput)) }
        ticks.passOver(6, of: 1)
        ticks.end(0)

        #expect(Set(order.map(\.0)) == [0, 5, 6] && order.allSatisfy { $1 == ($0 == 0 ? 0 : 1) })
        #expect(ticks.inputs.map(\.arrived.text) == ["0", "5-6"])
        #expect(ticks.inputs[1].drops[.unchosen].text == "6")
        #expect(!ticks.isExhausted && !ticks.isSource)
        ticks.end(1)
        #expect(ticks.isExhausted)
    }

    @Test(arguments: [true, false])
    func `a number decides which frames get a tick, and the others are counted at every input`(
        wanted: Bool
    ) {
        let number = TickAssembler.Input(
            port: "a-when", pace: .frame, keep: .all, window: 2, condition: wanted)
        var ticks = TickAssembler(inputs: [input("a", .frame), number], required: ["a"])
        var passed: [UInt64] = [], names: [[String]] = []
        for (frame, value) in [1, 0, -1, 0.5].enumerated() {
            ticks.deliver(message(UInt64(frame)), to: 0)
            let stamp = Stamp(frame: UInt64(frame), captured: 0, presentation: 0)
            let tensor = AnyTensor(Tensor<Float>([Float(value)], shape: [1]))
            ticks.deliver(
                Numbered(
                    sequence: UInt64(frame), message: Message(tensor, stamp), published: 0), to: 1)
            while let tick = ticks.next() {
                passed.append(tick.inputs.stamp.frame)
                names.append(tick.inputs.all.keys.sorted())
            }
        }

        #expect(passed == (wanted ? [0, 3] : [1, 2]))
        // The node itself sees nothing of the number.
        #expect(names == [["a"], ["a"]])
        let left = wanted ? "1-2" : "0, 3"
        #expect(ticks.inputs.map { $0.drops[.unmet].text } == [left, left])
        let returned = ticks.takeReturned()
        #expect(returned.count == 4)
    }

    @Test func `a kept value is waited for and stays`() {
        var ticks = TickAssembler(
            inputs: [input("a", .frame), input("k", .last)], required: ["a", "k"])
        ticks.deliver(message(0), to: 0)
        ticks.deliver(message(1), to: 0)
        let tooEarly = nextFrame(&ticks)

        ticks.deliver(message(9), to: 1)
        ticks.end(1)
        let frames = [nextFrame(&ticks), nextFrame(&ticks)]

        #expect(tooEarly == nil)
        #expect(frames == [0, 1])
        #expect(ticks.starved == nil)
    }

    @Test func `a required value that never comes is named`() {
        var ticks = TickAssembler(
            inputs: [input("a", .frame), input("portrait", .last)], required: ["a", "portrait"])

        ticks.end(1)

        #expect(ticks.starved == "portrait")
    }

    @Test func `sound does not wait for pictures`() {
        var ticks = TickAssembler(
            inputs: [input("a", .frame), input("sound", .own)], required: ["a"])

        ticks.deliver(message(3), to: 1)

        let tick = ticks.next()

        #expect(tick?.isFrame == false)
    }

    @Test func `the end comes when all paced inputs have ended and are empty`() {
        var ticks = TickAssembler(
            inputs: [input("a", .frame), input("sound", .own)], required: ["a"])
        ticks.deliver(message(0), to: 0)
        ticks.end(0)
        ticks.end(1)
        #expect(!ticks.isExhausted)

        _ = ticks.next()

        #expect(ticks.isExhausted)
    }

    @Test func `a node without paced inputs makes its own ticks`() {
        let ticks = TickAssembler(inputs: [], required: [])

        #expect(ticks.isSource)
        #expect(!ticks.isExhausted)
    }

    @Test func `an even producer gets its credits back a window at a time`() {
        var ticks = TickAssembler(inputs: [input("a", .frame, keep: .even)], required: ["a"])

        let credits = [ticks.creditsToGrant(0, done: 1), ticks.creditsToGrant(0, done: 1)]

        #expect(credits == [0, 2])
    }

    @Test
    func `what a producer's earlier process sent is used up without a credit for the next one`() {
        var ticks = TickAssembler(
            inputs: [input("a", .frame, keep: .newest), input("b", .frame, keep: .newest)],
            required: ["a", "b"])
        for frame in 0..<2 { ticks.deliver(message(UInt64(frame)), to: 0) }

        ticks.reconnect(0, resends: false)
        ticks.deliver(message(2), to: 0)
        for frame in 1..<3 { ticks.deliver(message(UInt64(frame)), to: 1) }
        let generations = [ticks.next()?.generations, ticks.next()?.generations]

        #expect(generations == [[nil, 0], [1, 0]])
        let returned = ticks.takeReturned()
        #expect(returned.isEmpty, "frame 0 found no partner, but its producer is gone")
    }

    @Test func `a credit that was not sent yet when the producer's process changed is forgotten`() {
        let exchange = Exchange()
        exchange.connect(TickAssembler(inputs: [input("a", .frame)], required: ["a"]))
        exchange.start()
        exchange.deliver(message(0), to: 0)
        guard case .tick(let tick) = exchange.nextStep() else {
            Issue.record("there is a message, but no tick")
            return
        }

        exchange.done(tick, acknowledged: [:])
        _ = exchange.reconnect(0, resends: true)

        let grants = exchange.takeCommands().filter {
            if case .grant = $0 { true } else { false }
        }
        #expect(grants.isEmpty)
    }

    @Test
    func `an input that goes on with another edge uses up the old one first, and counts both`() {
        var ticks = TickAssembler(inputs: [input("a", .frame)], required: ["a"])
        ticks.deliver(message(7), to: 0)
        var edge = NodeConfiguration.Input(
            port: "a", producer: "new", producerPort: "data", endpoint: "", keep: .all, window: 3)
        edge.edition = 2

        ticks.move(0, to: edge, next: 0)
        ticks.deliver(Numbered(sequence: 0, message: message(8).message, published: 0), to: 0)
        let old = ticks.next()
        let new = ticks.next()

        #expect(old?.inputs.stamp.frame == 7)
        #expect(old?.generations == [nil])
        #expect(old?.usedUp == ["a": 8, "a~2": 0])
        #expect(new?.inputs.stamp.frame == 8)
        #expect(new?.generations == [1])
        #expect(new?.usedUp == ["a": 8, "a~2": 1])
        #expect(ticks.inputs[0].window == 3)
    }

    /// A message that was captured and numbered as given.
    private func message(_ frame: UInt64, captured: Int64, epoch: UInt32 = 0) -> Numbered {
        var message = message(frame)
        (message.message.stamp.captured, message.message.stamp.epoch) = (captured, epoch)
        return message
    }

    @Test(arguments: [(Keep.newest, "0", [1]), (.even, "0", [1]), (.all, "", [0, 1])])
    func `what is older than the budget allows gets no tick where the edge may drop`(
        keep: Keep, late: String, ticked: [UInt64]
    ) {
        var ticks = TickAssembler(
            inputs: [input("a", .frame, keep: keep)], required: ["a"], oldest: 50)
        ticks.deliver(message(0, captured: 100), to: 0)
        ticks.deliver(message(1, captured: 120), to: 0)

        var frames: [UInt64] = []
        while let tick = ticks.next(at: 160) { frames.append(tick.inputs.stamp.frame) }

        #expect(frames == ticked)
        #expect(ticks.inputs[0].drops[.late].text == late)
        #expect(ticks.takeReturned().count == (keep == .all ? 0 : 1))
    }

    @Test func `a flush drops what is of earlier epochs, here and still to come`() {
        var ticks = TickAssembler(
            inputs: [input("a", .frame), input("b", .frame)], required: ["a", "b"])
        for (port, frame) in [(0, 0), (0, 1), (1, 0)] {
            ticks.deliver(message(UInt64(frame)), to: port)
        }

        ticks.flush(before: 1)
        for (port, frame) in [(1, 1), (0, 2), (1, 2)] {
            ticks.deliver(message(UInt64(frame), captured: 0, epoch: frame == 2 ? 1 : 0), to: port)
        }

        #expect(nextFrame(&ticks) == 2)
        #expect(ticks.inputs.map { $0.drops[.flushed].text } == ["0-1", "0-1"])
        #expect(ticks.takeReturned().count == 4)
    }

    @Test
    func `frames that wait where nothing is sent twice are lost when another process takes over`() {
        var ticks = TickAssembler(
            inputs: [input("a", .frame, keep: .newest), input("b", .frame)], required: ["a", "b"])
        ticks.deliver(message(0), to: 0)
        ticks.deliver(message(1), to: 1)

        ticks.handOver()

        #expect(ticks.inputs.map { $0.drops[.lost].text } == ["0", ""])
        #expect(ticks.inputs.map(\.arrived.text) == ["0", "1"])
    }
}
