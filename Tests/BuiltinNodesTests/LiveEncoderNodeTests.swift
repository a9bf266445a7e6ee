import BuiltinNodes
import Media
import NodeKit
import Tensors
import Testing

/// Pictures and sound on their way into one stream, in the calling thread.
@Suite struct LiveEncoderNodeTests {
    private static let ms: Int64 = 1_000_000

    private func frame(_ number: Int) -> Tensor<UInt8> {
        Tensor<UInt8>(repeating: UInt8(40 + number % 100), shape: [1, 64, 64, 3])
    }

    /// A picture each 40 ms, captured so many milliseconds after the first.
    private func stamp(_ number: Int, captured: Int64) -> Stamp {
        Stamp(
            frame: UInt64(number), captured: captured, presentation: Int64(number) * 40 * Self.ms,
            duration: 40 * Self.ms)
    }

    private func sound(_ number: Int) -> Tensor<UInt8> {
        AudioPacket(
            samples: (0..<960).map { Int16(($0 * 37) % 2000) }, sampleRate: 48_000, channels: 1,
            first: number * 960
        ).encoded()
    }

    private func packets(_ harness: NodeHarness<LiveEncoderNode>) throws -> [FilmPacket] {
        try harness.received(LiveEncoderNode.packet).map { try FilmPacket(decoding: $0) }
    }

    @Test func `each frame comes out at once, and every second a decoder can begin`() throws {
        var harness = try NodeHarness(LiveEncoderNode.self)
        let start = MonotonicClock.now

        for number in 0..<60 {
            try harness.tick(
                [.init(LiveEncoderNode.frame, frame(number))],
                stamp: stamp(number, captured: start + Int64(number) * 40 * Self.ms))
            #expect(harness.sent.count == number + 1)
        }

        let packets = try packets(harness)
        #expect(packets.map(\.sequence) == Array(0..<60))
        #expect(packets.indices.filter { packets[$0].isKey } == [0, 25, 50])
        #expect(packets.map(\.presentation) == (0..<60).map { Int64($0) * 40 * Self.ms })
        #expect(packets.allSatisfy { $0.flags.contains(.labelled) && $0.sounds.isEmpty })
        // The parameters are in the header and, for whoever begins here, in the picture as well.
        #expect(packets[25].header.starts(with: [0, 0, 0, 1, 0x67]))
        #expect(packets[25].picture.prefix(64).contains(0x67))
        #expect(packets[26].header.isEmpty)
    }

    @Test func `sound goes out with the first picture that was captured after it`() throws {
        var harness = try NodeHarness(LiveEncoderNode.self)
        let start = MonotonicClock.now

        // Sound of the first half second; its pictures come later.
        for number in 0..<25 {
            try harness.tick(
                [.init(LiveEncoderNode.audio, sound(number))],
                stamp: stamp(number, captured: start + Int64(number) * 20 * Self.ms))
        }
        #expect(harness.sent.isEmpty)
        for number in 0..<8 {
            try harness.tick(
                [.init(LiveEncoderNode.frame, frame(number))],
                stamp: stamp(number, captured: start + Int64(number) * 40 * Self.ms))
        }

        let packets = try packets(harness)
        for packet in packets {
            #expect(packet.sounds.allSatisfy { $0.format.codec == "aac" })
            #expect(packet.sounds.allSatisfy { $0.presentationNanoseconds <= packet.presentation })
        }
        let times = packets.flatMap(\.sounds).map(\.presentationNanoseconds)
        // 280 ms of pictures: AAC's packets are 21.3 ms long.
        #expect(times.count >= 12, "\(times)")
        #expect(
            zip(times, times.dropFirst()).allSatisfy { (21...22).contains(($1 - $0) / Self.ms) })
        #expect(times == times.sorted())
    }

    @Test func `pictures that stall are repeated while sound goes on`() throws {
        let settings = Settings().setting(LiveEncoderNode.hold, to: 0.05)
        var harness = try NodeHarness(LiveEncoderNode.self, settings)
        let start = MonotonicClock.now
        try harness.tick(
            [.init(LiveEncoderNode.frame, frame(0))], stamp: stamp(0, captured: start))

        // Sound as it is captured, for half a second, without a picture.
        var number = 0
        while MonotonicClock.now < start + 500 * Self.ms {
            MonotonicClock.sleep(until: start + Int64(number) * 20 * Self.ms)
            try harness.tick(
                [.init(LiveEncoderNode.audio, sound(number))],
                stamp: stamp(number, captured: start + Int64(number) * 20 * Self.ms))
            number += 1
        }
        try harness.tick(
            [.init(LiveEncoderNode.frame, frame(1))],
            stamp: stamp(1, captured: MonotonicClock.now))

        let packets = try packets(harness)
        let repeated = packets.filter { $0.flags.contains(.repeated) }
        #expect((5...14).contains(repeated.count), "\(repeated.count)")
        #expect(packets.last?.flags.contains(.repeated) == false)
        #expect(zip(packets, packets.dropFirst()).allSatisfy { $0.presentation < $1.presentation })
        #expect(packets.dropLast().flatMap(\.sounds).count >= 10)
        #expect(harness.node.save() != nil)
    }

    @Test func `without sound the node asks to be called, and repeats the last picture then`() throws {
        var node = try LiveEncoderNode(settings: Settings().setting(LiveEncoderNode.hold, to: 0.05))
        let start = MonotonicClock.now
        func call(_ number: Int?) throws -> Outputs {
            var outputs = Outputs()
            let stamp = stamp(number ?? 0, captured: MonotonicClock.now)
            let message = Message(AnyTensor(frame(number ?? 0)), stamp)
            try node.process(
                Inputs(stamp: stamp, messages: number == nil ? [:] : [LiveEncoderNode.frame.name: message]),
                into: &outputs)
            return outputs
        }

        var outputs = try call(0), flags: [FilmPacket.Flags] = []
        while MonotonicClock.now < start + 300 * Self.ms {
            let due = try #require(outputs.wakeTime)
            #expect(due > MonotonicClock.now)
            MonotonicClock.sleep(until: due)
            outputs = try call(nil)
            flags += try outputs.sent.map {
                try FilmPacket(decoding: try #require($0.message.tensor.typed())).flags
            }
        }

        #expect((4...8).contains(flags.count), "\(flags.count)")
        #expect(flags.allSatisfy { $0.contains(.repeated) })
    }

    @Test func `while no sound comes, silence stands for it`() throws {
        var settings = Settings()
        settings.connectedInputs = [LiveEncoderNode.audio.name]
        var harness = try NodeHarness(LiveEncoderNode.self, settings)
        let start = MonotonicClock.now

        for number in 0..<45 {
            MonotonicClock.sleep(until: start + Int64(number) * 40 * Self.ms)
            try harness.tick(
                [.init(LiveEncoderNode.frame, frame(number))],
                stamp: stamp(number, captured: start + Int64(number) * 40 * Self.ms))
        }

        let packets = try packets(harness)
        let times = packets.flatMap(\.sounds).map(\.presentationNanoseconds)
        #expect(packets.prefix(25).allSatisfy { $0.sounds.isEmpty })
        #expect(times.count > 25, "\(times.count)")
        #expect(zip(times, times.dropFirst()).allSatisfy { (20...23).contains(($1 - $0) / Self.ms) })
        #expect(times.last! > 1_650 * Self.ms)
    }

    @Test func `another process goes on with numbers and times, and says that it is another`()
        throws
    {
        var first = try NodeHarness(LiveEncoderNode.self)
        for number in 0..<3 {
            try first.tick(
                [.init(LiveEncoderNode.frame, frame(number))],
                stamp: stamp(number, captured: 1000 + Int64(number) * 40 * Self.ms))
        }
        var next = try LiveEncoderNode(settings: Settings())
        next.restore(try #require(first.node.save()).bytes)
        var second = try NodeHarness(resuming: next)

        try second.tick(
            [.init(LiveEncoderNode.frame, frame(3))],
            stamp: stamp(3, captured: 1000 + 200 * Self.ms))

        let packet = try #require(try packets(second).first)
        #expect(packet.isKey)
        #expect(packet.sequence == 3)
        #expect(packet.stream == 1)
        #expect(packet.presentation == 200 * Self.ms)
    }

    @Test func `a consumer that joins gets a beginning with the next picture`() throws {
        var node = try LiveEncoderNode(settings: Settings())
        var packets: [FilmPacket] = []
        for number in 0..<4 {
            let stamp = stamp(number, captured: Int64(number) * 40 * Self.ms)
            var outputs = Outputs(stamp: stamp)
            if number == 2 { outputs.newConsumers = [LiveEncoderNode.packet.name] }
            let message = Message(AnyTensor(frame(number)), stamp)
            try node.process(
                Inputs(stamp: stamp, messages: [LiveEncoderNode.frame.name: message]),
                into: &outputs)
            packets.append(try FilmPacket(decoding: try #require(outputs[LiveEncoderNode.packet])))
        }

        #expect(packets.map(\.isKey) == [true, false, true, false])
    }
}
