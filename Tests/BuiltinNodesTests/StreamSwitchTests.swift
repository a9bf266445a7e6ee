import BuiltinNodes
import Foundation
import Media
import NodeKit
import Tensors
import Testing

/// Which stream is on air, and what is shown while it is silent.
@Suite struct StreamSwitchTests {
    private static let ms: Int64 = 1_000_000

    private func stream(
        _ onSilence: StreamSwitch.OnSilence, patience: Int64? = nil, slate: Bool = true
    ) -> StreamSwitch {
        StreamSwitch(
            inputs: 2, source: 0, onSilence: onSilence, patience: patience.map { $0 * Self.ms },
            period: 40 * Self.ms, hasSlate: slate, at: 0)
    }

    @Test func `the chosen input is on air, and another one from the frame on that follows the choice`() {
        var streams = stream(.wait)
        let before = (0..<4).map { streams.take(from: $0 % 2, lasting: 40 * Self.ms, at: Int64($0)) }
        streams.source = 1
        let after = (4..<8).map { streams.take(from: $0 % 2, lasting: 40 * Self.ms, at: Int64($0)) }

        #expect(before == [true, false, true, false])
        #expect(after == [false, true, false, true])
        #expect(streams.due == nil)
    }

    @Test func `the slate is there two frames after the last one, and then as often as frames were`() {
        var streams = stream(.slate)
        _ = streams.take(from: 0, lasting: 20 * Self.ms, at: 100 * Self.ms)

        #expect(streams.due == 140 * Self.ms)
        let early = streams.filler(at: 139 * Self.ms), due = streams.filler(at: 140 * Self.ms)
        #expect(early == nil && due == .slate)
        #expect(streams.due == 160 * Self.ms)
        let isOnAir = streams.take(from: 0, lasting: 20 * Self.ms, at: 150 * Self.ms)
        #expect(isOnAir && streams.due == 190 * Self.ms)
    }

    @Test func `a source that never begins is silent from the start`() {
        var streams = stream(.slate, patience: 500)
        let due = streams.due, filler = streams.filler(at: 500 * Self.ms)
        #expect(due == 500 * Self.ms && filler == .slate)
    }

    @Test func `without a slate the last picture stays`() {
        var streams = stream(.slate, slate: false)
        _ = streams.take(from: 0, lasting: 40 * Self.ms, at: 0)
        let filler = streams.filler(at: 80 * Self.ms)
        #expect(filler == .hold)
    }

    @Test func `another input takes over from a silent one, and gives back when it is there again`() {
        var streams = stream(.next)
        var onAir: [Bool] = []
        func take(_ input: Int, _ time: Int64) {
            onAir.append(streams.take(from: input, lasting: 40 * Self.ms, at: time * Self.ms))
        }
        take(0, 0)
        take(1, 10)  // the first one is not silent yet
        take(1, 90)  // it is now
        take(1, 130)
        take(0, 140)
        take(1, 150)
        #expect(onAir == [true, false, true, true, true, false])
        #expect(streams.due == 230 * Self.ms)
    }
}

/// The node around it.
@Suite struct SelectNodeTests {
    private func picture(_ value: UInt8, _ side: Int = 4) -> Tensor<UInt8> {
        Tensor(repeating: value, shape: [1, side, side, 3])
    }

    private func stamp(_ frame: UInt64, _ milliseconds: Int64, epoch: UInt32 = 0) -> Stamp {
        Stamp(
            frame: frame, captured: milliseconds * 1_000_000,
            presentation: Int64(frame) * 40_000_000, duration: 40_000_000, epoch: epoch)
    }

    @Test func `frames of both inputs are numbered anew, and times go on`() throws {
        let (a, b) = (SelectNode.streams[0], SelectNode.streams[1])
        var harness = try NodeHarness(SelectNode.self)
        try harness.tick([.init(a, picture(1))], stamp: stamp(70, 1000))
        try harness.tick([.init(b, picture(2))], stamp: stamp(5, 1010))
        try harness.tick([.init(a, picture(3))], stamp: stamp(71, 1040))
        harness.update(Settings().setting(SelectNode.source, to: "b"))
        try harness.tick([.init(a, picture(4))], stamp: stamp(72, 1080))
        try harness.tick([.init(b, picture(5, 8))], stamp: stamp(7, 1090))

        let stamps = harness.stamps(SelectNode.frame)
        #expect(harness.received(SelectNode.frame).map { $0.array[0] } == [1, 3, 5])
        #expect(stamps.map(\.frame) == [0, 1, 2])
        let first = stamps[0].presentation
        // The next of one stream as that says, the first of another as it was captured.
        #expect(stamps.map { $0.presentation - first } == [0, 40_000_000, 90_000_000])
        #expect(harness.dropped.map(\.stamp.frame) == [5, 72])
        // All are of the first one's size.
        #expect(harness.received(SelectNode.frame).map(\.shape) == Array(repeating: [1, 4, 4, 3], count: 3))
    }

    @Test func `a process that goes on numbers on`() throws {
        var harness = try NodeHarness(SelectNode.self)
        for frame in 0..<3 {
            try harness.tick(
                [.init(SelectNode.streams[0], picture(1))],
                stamp: stamp(UInt64(frame), Int64(frame) * 40))
        }
        var next = try SelectNode(settings: Settings())
        next.restore(try #require(harness.node.save()).bytes)
        var resumed = try NodeHarness(resuming: next)
        try resumed.tick([.init(SelectNode.streams[0], picture(2))], stamp: stamp(3, 120))

        #expect(resumed.stamps(SelectNode.frame).map(\.frame) == [3])
        #expect(resumed.stamps(SelectNode.frame).map(\.presentation) == [120_000_000])
    }

    @Test func `with a slate something is sent while nothing comes`() throws {
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("slate-\(UUID().uuidString).png").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try ImageWriter.write(picture(9), to: path)
        var harness = try NodeHarness(
            SelectNode.self,
            Settings().setting(SelectNode.slate, to: path).setting(SelectNode.patience, to: 1))
        MonotonicClock.sleep(until: MonotonicClock.now + 1_000_000)
        try harness.tick()

        #expect(harness.received(SelectNode.frame).first?.array[0] == 9)
    }
}

/// Two ways of one stream come together again.
@Suite struct EitherNodeTests {
    private func picture(_ value: UInt8) -> Tensor<UInt8> {
        Tensor(repeating: value, shape: [1, 1, 1, 3])
    }

    private func number(_ value: Float) -> Tensor<Float> { Tensor([value], shape: [1]) }

    @Test func `frames of both ways go on in their order, and one that its way lost is passed over`() throws {
        var harness = try NodeHarness(EitherNode.self)
        func tick(_ feed: NodeHarness<EitherNode>.Feed, _ frame: UInt64) throws {
            try harness.tick([feed], stamp: Stamp(frame: frame, captured: 0, presentation: 0))
        }
        for (frame, value) in [1, 0, 1, 1, 0].enumerated() {
            try tick(.init(EitherNode.choice, number(Float(value))), UInt64(frame))
        }
        try tick(.init(EitherNode.otherwise, picture(11)), 1)
        try tick(.init(EitherNode.otherwise, picture(14)), 4)
        #expect(harness.received(EitherNode.output).isEmpty)
        try tick(.init(EitherNode.frame, picture(10)), 0)
        // Frame 2 got lost on its way.
        try tick(.init(EitherNode.frame, picture(13)), 3)

        #expect(harness.stamps(EitherNode.output).map(\.frame) == [0, 1, 3, 4])
        #expect(harness.received(EitherNode.output).map { $0.array[0] } == [10, 11, 13, 14])
    }

    @Test func `a picture whose number was lost is not kept`() throws {
        func state(after frames: [UInt64]) throws -> [UInt8] {
            var harness = try NodeHarness(EitherNode.self)
            for frame in frames {
                let stamp = Stamp(frame: frame, captured: 0, presentation: 0)
                if frame != 1 { try harness.tick([.init(EitherNode.choice, number(1))], stamp: stamp) }
                try harness.tick([.init(EitherNode.frame, picture(1))], stamp: stamp)
            }
            return try #require(harness.node.save()).bytes
        }
        #expect(try state(after: [0, 1, 2]) == state(after: [0, 2]))
    }

    @Test func `with patience a frame that does not come holds up the other way for no longer`() throws {
        var harness = try NodeHarness(
            EitherNode.self, Settings().setting(EitherNode.patience, to: 1))
        func tick(_ feeds: [NodeHarness<EitherNode>.Feed], _ frame: UInt64) throws {
            try harness.tick(feeds, stamp: Stamp(frame: frame, captured: 0, presentation: 0))
        }
        try tick([.init(EitherNode.choice, number(1))], 0)
        try tick([.init(EitherNode.choice, number(0))], 1)
        try tick([.init(EitherNode.otherwise, picture(11))], 1)
        MonotonicClock.sleep(until: MonotonicClock.now + 1_000_000)
        try tick([], 2)
        try tick([.init(EitherNode.frame, picture(10))], 0)

        #expect(harness.stamps(EitherNode.output).map(\.frame) == [1])
        #expect(harness.dropped.map(\.stamp.frame) == [0])
    }
}
