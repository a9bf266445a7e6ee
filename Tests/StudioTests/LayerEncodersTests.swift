import Launch
import Marks
import Media
import NodeKit
import Tensors
import Testing

@testable import Studio

/// What pages are sent of an output.
@Suite struct LayerEncodersTests {
    private static func frame(_ number: Int, side: Int = 64) -> AnyTensor {
        let values = (0..<side * side * 3).map { UInt8(($0 / 3 + 7 * number) % 251) }
        return AnyTensor(Tensor<UInt8>(values, shape: [1, side, side, 3]))
    }

    private static func stamp(_ number: Int) -> Stamp {
        Stamp(
            frame: UInt64(number), captured: 1_000_000_000 + Int64(number) * 40_000_000,
            presentation: Int64(number) * 40_000_000, duration: 40_000_000)
    }

    /// The messages of so many frames, in one layer.
    private func messages(_ layer: PictureLayer, count: Int, side: Int = 64) throws -> [LiveMessage] {
        var encoders = LayerEncoders(output: "a.frame")
        return try (0..<count).flatMap { number in
            try encoders.shots(Self.stamp(number), Self.frame(number, side: side), for: [layer])
        }.map { try #require(LiveMessage($0.bytes)) }
    }

    @Test func `a video has a keyframe each second, and every packet is decoded at once`() throws {
        let messages = try messages(.video, count: 51)

        #expect(messages.indices.filter { messages[$0].isKey } == [0, 25, 50])
        #expect(messages.indices.filter { messages[$0].isFirst } == [0])
        #expect(messages.map(\.kind).allSatisfy { $0 == .videoDown })
        #expect(messages.map(\.sequence) == (0..<51).map { UInt32($0) })
        #expect(messages[2].captured == 1_080_000)
        #expect(messages[2].presentation == 80_000)
        let decoder = try ChunkDecoder(.h264), picture = Tensor<UInt8>(uninitialized: [1, 64, 64, 3])
        for message in messages { #expect(try decoder.decode(message.chunk, into: picture)) }
    }

    @Test func `the small video of a large picture has 256 pixels a side`() throws {
        let message = try #require(try messages(.small, count: 1, side: 512).first)

        // Sequence parameter set: without scaling by the decoder a picture of that size comes out.
        let decoder = try ChunkDecoder(.h264)
        let picture = Tensor<UInt8>(uninitialized: [1, 256, 256, 3])
        #expect(try decoder.decode(message.chunk, into: picture))
        let whole = try #require(try messages(.video, count: 1, side: 512).first)
        #expect(message.chunk.count < whole.chunk.count / 2)
    }

    @Test func `a page that comes later gets what came since the last keyframe`() throws {
        var encoders = LayerEncoders(output: "a.frame")
        for number in 0..<28 {
            _ = try encoders.shots(Self.stamp(number), Self.frame(number), for: [.video])
        }

        let past = encoders.past(of: .video).compactMap { LiveMessage($0.past.bytes) }

        #expect(past.map(\.sequence) == [25, 26, 27])
        #expect(past.map(\.isKey) == [true, false, false])
        #expect(past.map(\.isFirst) == [true, false, false], "its decoder begins, whatever it had before")
        #expect(past.allSatisfy { $0.isPast })
    }

    @Test func `a layer that is wanted later begins with the last picture, though no other comes`() throws {
        var encoders = LayerEncoders(output: "a.frame")
        _ = try encoders.shots(Self.stamp(3), Self.frame(3), for: [.video])

        try encoders.keep([.video, .jpeg])
        #expect(encoders.past(of: .jpeg).map(\.isKey) == [true])
        try encoders.keep([.jpeg])

        #expect(encoders.past(of: .video).isEmpty, "what no page wants is forgotten")
    }

    @Test func `frames that come together are sent one by one, each with its time`() throws {
        var encoders = LayerEncoders(output: "a.frame")
        let two = AnyTensor(Tensor<UInt8>(Array(repeating: 9, count: 2 * 64 * 64 * 3), shape: [2, 64, 64, 3]))

        let shots = try encoders.shots(Self.stamp(0), two, for: [.video])

        #expect(shots.compactMap { LiveMessage($0.bytes)?.captured } == [1_000_000, 1_040_000])
    }

    @Test func `pictures and videos have the marks that the graph's encoders are set to`() throws {
        let graph = { (values: [String: SettingValue]) in
            RunGraph(
                path: "", text: "", overrides: [:], replacements: [],
                settings: [
                    "camera": ["device": .text("x")],
                    "film": values.merging(
                        ["label-ai-generated": .flag(true), "visible-mark": .text("top-right")]) { a, _ in a },
                ])
        }
        let marks = { (values: [String: SettingValue]) in
            MarkOptions(of: graph(values), in: "/run/a")
        }
        #expect(marks([:]).payload?.run == WatermarkPayload.run(of: "/run/a"))
        #expect(marks(["visible-mark": .text("bottom-left")]).sign?.corner == .bottomLeft)
        #expect(marks(["visible-mark": .text("off")]).sign == nil)
        #expect(marks(["source-type": .text("composite")]).kind == .composite)
        #expect(marks(["label-ai-generated": .flag(false)]) == .none)
        let without = RunGraph(path: "", text: "", overrides: [:], replacements: [], settings: [:])
        #expect(MarkOptions(of: without, in: "/run/a").sign == VisibleSign())

        func shot(_ marks: MarkOptions, _ layer: PictureLayer) throws -> [UInt8] {
            var encoders = LayerEncoders(output: "a.frame", marks: marks)
            return try encoders.shots(Self.stamp(0), Self.frame(0, side: 128), for: [layer])[0].chunk
        }
        for layer in [PictureLayer.jpeg, .video] {
            #expect(try shot(marks([:]), layer) != shot(.none, layer))
            #expect(try shot(marks(["label-ai-generated": .flag(false)]), layer) == shot(.none, layer))
        }
    }

    private static func packet(_ stream: UInt32, _ sequence: UInt64, isKey: Bool) -> AnyTensor {
        AnyTensor(
            FilmPacket(
                flags: isKey ? .key : [], stream: stream, sequence: sequence, presentation: 0, duration: 0,
                width: 64, height: 64, codec: "h264", header: [], picture: [0, 0, 1, 9], sounds: []
            ).encoded())
    }

    @Test func `of packets that are too many since a keyframe a page that comes later gets none`() throws {
        var encoders = LayerEncoders(output: "live.packet")
        var sequence: UInt64 = 0
        func send(isKey: Bool) throws {
            _ = try encoders.shots(Self.stamp(0), Self.packet(1, sequence, isKey: isKey), for: [.video])
            sequence += 1
        }

        try send(isKey: true)
        for _ in 1..<LayerEncoders.longestGroup { try send(isKey: false) }
        #expect(encoders.past(of: .video).count == LayerEncoders.longestGroup)
        for _ in 0..<2 { try send(isKey: false) }
        #expect(encoders.past(of: .video).isEmpty)
        try send(isKey: true)

        #expect(encoders.past(of: .video).map(\.isKey) == [true])
    }

    /// What pages are sent of packets, each a stream, a sequence number and whether it is a keyframe.
    private func messages(_ packets: [(UInt32, UInt64, Bool)]) throws -> [LiveMessage] {
        var encoders = LayerEncoders(output: "live.packet")
        return try packets.flatMap { stream, sequence, isKey in
            try encoders.shots(Self.stamp(0), Self.packet(stream, sequence, isKey: isKey), for: [.video])
        }.compactMap { LiveMessage($0.bytes) }
    }

    @Test func `of packets that follow a lost one none is sent up to the next keyframe`() throws {
        let packets: [(UInt32, UInt64, Bool)] = [
            (1, 7, false), (1, 8, true), (1, 9, false), (1, 11, false), (1, 12, false), (1, 13, true),
        ]

        #expect(try messages(packets).map(\.isKey) == [true, false, true])
        #expect(try messages(packets).map(\.isFirst) == [true, false, false])
    }

    @Test func `packets of an encoder go as they are; another one of them begins anew`() throws {
        var encoders = LayerEncoders(output: "live.packet")

        let messages = try messages([(1, 0, true), (1, 1, false), (2, 0, false), (2, 1, true)])

        #expect(messages.map(\.chunk) == Array(repeating: [0, 0, 1, 9], count: 3))
        #expect(messages.map(\.isKey) == [true, false, true])
        #expect(messages.map(\.isFirst) == [true, false, true])
        let refusal = #expect(throws: StudioError.self) {
            try encoders.shots(Self.stamp(0), Self.packet(1, 0, isKey: true), for: [.jpeg])
        }
        #expect(refusal?.description.contains("watch the output that feeds the encoder") == true)
    }

    @Test func `what is no picture is refused by name`() throws {
        var encoders = LayerEncoders(output: "motion.motion")
        let motion = AnyTensor(Tensor<Float>([0, 0], shape: [1, 2]))

        let refusal = #expect(throws: StudioError.self) {
            try encoders.shots(Self.stamp(0), motion, for: [.video])
        }

        #expect(refusal?.description == "'motion.motion' carries f32 [1 2], which is no picture")
    }
}
