import BuiltinNodes
import Foundation
import Media
import NodeKit
import Tensors
import Testing

/// The nodes that read and write media, in the calling thread.
@Suite struct MediaNodeTests {
    private let folder = Folder()

    /// A folder of its own for one test, gone with it.
    private final class Folder {
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("media-nodes-\(UUID().uuidString)")

        init() {
            try! FileManager.default.createDirectory(
                at: url, withIntermediateDirectories: true)
        }

        deinit { try? FileManager.default.removeItem(at: url) }
    }

    private func file(_ name: String) -> String { folder.url.appendingPathComponent(name).path }

    /// A film of grey frames, 40 ms each, with sound.
    ///
    /// - Parameter sound: how long the sound is, in frames; as long as the pictures if nil.
    private func makeFilm(
        _ path: String, frames: Int, sound: Int? = nil, height: Int = 32, channels: Int = 1
    ) throws {
        let writer = try VideoWriter(path: path)
        try writer.write(
            AudioPacket(
                samples: [Int16](repeating: 99, count: (sound ?? frames) * 640 * channels),
                sampleRate: 16_000, channels: channels, first: 0))
        for i in 0..<frames {
            try writer.write(
                Tensor<UInt8>(repeating: UInt8(i * 10), shape: [1, height, 32, 3]),
                presentation: Int64(i) * 40_000_000, duration: 40_000_000)
        }
        try writer.finish()
    }

    @Test func `a picture is sent once`() throws {
        let picture = Tensor<UInt8>([1, 2, 3, 4, 5, 6], shape: [1, 1, 2, 3])
        try ImageWriter.write(picture, to: file("a.png"))
        var harness = try NodeHarness(
            ImageFileNode.self, Settings().setting(ImageFileNode.path, to: file("a.png")))

        try harness.tick()

        #expect(harness.received(ImageFileNode.image).map(\.array) == [[1, 2, 3, 4, 5, 6]])
        #expect(harness.isFinished)
    }

    @Test func `a film goes through reader and writer with its sound and its times`() throws {
        try makeFilm(file("a.mp4"), frames: 10)
        var source = try NodeHarness(
            VideoFileNode.self, Settings().setting(VideoFileNode.path, to: file("a.mp4")))
        var sink = try NodeHarness(
            VideoEncoderNode.self, Settings().setting(VideoEncoderNode.path, to: file("b.mp4")))

        while !source.isFinished { try source.tick() }
        for (packet, stamp) in zip(
            source.received(VideoFileNode.audio), source.stamps(VideoFileNode.audio))
        {
            try sink.tick([.init(VideoEncoderNode.audio, packet)], stamp: stamp)
        }
        for (frame, stamp) in zip(
            source.received(VideoFileNode.frame), source.stamps(VideoFileNode.frame))
        {
            try sink.tick([.init(VideoEncoderNode.frame, frame)], stamp: stamp)
        }
        try sink.finish()

        var copy = try NodeHarness(
            VideoFileNode.self, Settings().setting(VideoFileNode.path, to: file("b.mp4")))
        while !copy.isFinished { try copy.tick() }
        #expect(source.stamps(VideoFileNode.frame).map(\.frame) == Array(0..<10))
        #expect(
            copy.stamps(VideoFileNode.frame).map(\.presentation)
                == (0..<10).map { Int64($0) * 40_000_000 })
        #expect(source.received(VideoFileNode.audio).count > 3)
        #expect(
            copy.received(VideoFileNode.audio).map(\.array)
                == source.received(VideoFileNode.audio).map(\.array))
    }

    @Test func `a film begins again when its sound is over, too`() throws {
        try makeFilm(file("a.mp4"), frames: 10, sound: 15)
        let settings = Settings().setting(VideoFileNode.path, to: file("a.mp4"))
        var once = try NodeHarness(VideoFileNode.self, settings)
        var again = try NodeHarness(
            VideoFileNode.self, settings.setting(VideoFileNode.loop, to: true))

        while !once.isFinished { try once.tick() }
        for _ in 0..<100 where again.stamps(VideoFileNode.frame).count < 11 { try again.tick() }

        let sent = once.stamps(VideoFileNode.frame) + once.stamps(VideoFileNode.audio)
        let end = try #require(sent.map { $0.presentation + $0.duration }.max())
        let frames = again.stamps(VideoFileNode.frame)
        #expect(end > 500_000_000)
        #expect(frames.map(\.frame) == Array(0..<11))
        #expect(frames.last?.presentation == end)
    }

    @Test func `films of a pattern are one stream: numbers and times go on, sizes are the first one's`() throws {
        try makeFilm(file("take-2.mp4"), frames: 4)
        try makeFilm(file("take-10.mp4"), frames: 3, height: 64)
        try makeFilm(file("take-11.mp4"), frames: 5, channels: 2)
        let settings = Settings().setting(VideoFileNode.path, to: file("take-*.mp4"))
        var all = try NodeHarness(VideoFileNode.self, settings)
        while !all.isFinished { try all.tick() }
        // Of each film by itself, how long it is and what it sounds like.
        let single = try [2, 10, 11].map { number in
            var harness = try NodeHarness(
                VideoFileNode.self, settings.setting(VideoFileNode.path, to: file("take-\(number).mp4")))
            while !harness.isFinished { try harness.tick() }
            return harness
        }
        let ends = single.map { harness in
            (harness.stamps(VideoFileNode.frame) + harness.stamps(VideoFileNode.audio))
                .map { $0.presentation + $0.duration }.max()!
        }

        let stamps = all.stamps(VideoFileNode.frame)
        #expect(stamps.map(\.frame) == Array(0..<12))
        #expect(stamps.map(\.presentation) == stamps.map(\.presentation).sorted())
        #expect(stamps[4].presentation == ends[0] && stamps[7].presentation == ends[0] + ends[1])
        #expect(all.received(VideoFileNode.frame).allSatisfy { $0.shape == [1, 32, 32, 3] })
        // 32 x 64 in 32 x 32: black beside it.
        let tall = all.received(VideoFileNode.frame)[5].array
        #expect(tall[0] == 0 && tall[3 * 16] != 0)
        // The third one's sound is stereo.
        let packets = single[..<2].reduce(0) { $0 + $1.received(VideoFileNode.audio).count }
        #expect(all.received(VideoFileNode.audio).count == packets && packets > 2)
        #expect(all.warnings.contains { $0.contains("take-11.mp4: its sound") }, "\(all.warnings)")

        var some = try NodeHarness(VideoFileNode.self, settings.setting(VideoFileNode.frames, to: 5))
        while !some.isFinished { try some.tick() }
        #expect(some.received(VideoFileNode.frame).count == 5)
        var again = try NodeHarness(VideoFileNode.self, settings.setting(VideoFileNode.loop, to: true))
        for _ in 0..<200 where again.stamps(VideoFileNode.frame).count < 14 { try again.tick() }
        #expect(again.stamps(VideoFileNode.frame).map(\.frame) == Array(0..<14))
        #expect(again.received(VideoFileNode.frame)[13].array == all.received(VideoFileNode.frame)[1].array)

        // Another process goes on in the second film, and with no other list.
        var killed = try NodeHarness(VideoFileNode.self, settings)
        for _ in 0..<12 { try killed.tick() }
        let state = try #require(killed.node.save()).bytes
        var next = try VideoFileNode(settings: settings)
        try next.restore(state)
        var rest = try NodeHarness(resuming: next)
        while !rest.isFinished { try rest.tick() }
        let joined = killed.stamps(VideoFileNode.frame) + rest.stamps(VideoFileNode.frame)
        #expect(joined.map(\.frame) == stamps.map(\.frame))
        #expect(joined.map(\.presentation) == stamps.map(\.presentation))
        try makeFilm(file("take-1.mp4"), frames: 2)
        let fault = MediaError.notMedia(
            path: file("take-*.mp4"), found: "another list of films now (4)",
            needed: "the one with which the stream began")
        #expect(throws: fault) {
            var other = try VideoFileNode(settings: settings)
            try other.restore(state)
        }
    }

    @Test func `a limit ends the film early`() throws {
        try makeFilm(file("a.mp4"), frames: 10)
        let settings = Settings().setting(VideoFileNode.path, to: file("a.mp4"))
            .setting(VideoFileNode.frames, to: 3)
        var harness = try NodeHarness(VideoFileNode.self, settings)

        while !harness.isFinished { try harness.tick() }

        #expect(harness.received(VideoFileNode.frame).count == 3)
    }

    @Test func `in real time, frames come when they are shown`() throws {
        try makeFilm(file("a.mp4"), frames: 4)
        let settings = Settings().setting(VideoFileNode.path, to: file("a.mp4"))
            .setting(VideoFileNode.realtime, to: true)
        var harness = try NodeHarness(VideoFileNode.self, settings)

        let before = MonotonicClock.now
        while !harness.isFinished { try harness.tick() }

        let captured = harness.stamps(VideoFileNode.frame).map(\.captured)
        #expect(captured.count == 4)
        #expect(captured[3] - before >= 120_000_000)
    }

    @Test func `a camera is mirrored unless told otherwise`() throws {
        let source = "lavfi:testsrc=size=64x48:rate=50"
        func picture(_ settings: Settings) throws -> [UInt8] {
            var harness = try NodeHarness(
                CameraNode.self,
                settings.setting(CameraNode.device, to: source).setting(CameraNode.frames, to: 1))
            while !harness.isFinished { try harness.tick() }
            return try #require(harness.received(CameraNode.frame).first).array
        }
        let usual = try picture(Settings())
        let plain = try picture(Settings().setting(CameraNode.mirror, to: false))

        var turned: [UInt8] = []
        for y in 0..<48 {
            for x in (0..<64).reversed() {
                let at = (y * 64 + x) * 3
                turned += plain[at..<at + 3]
            }
        }
        #expect(usual != plain)
        #expect(usual == turned)
    }

    @Test func `a test source comes at a camera's pace`() throws {
        let settings = Settings()
            .setting(CameraNode.device, to: "lavfi:testsrc=size=64x48:rate=50")
            .setting(CameraNode.frames, to: 5)
        var harness = try NodeHarness(CameraNode.self, settings)

        let before = MonotonicClock.now
        while !harness.isFinished { try harness.tick() }
        let elapsed = MonotonicClock.now - before

        let stamps = harness.stamps(CameraNode.frame)
        #expect(stamps.count == 5)
        #expect(elapsed >= 80_000_000)
        #expect(stamps.map { $0.captured - stamps[0].captured } == stamps.map(\.presentation))
        #expect(harness.received(CameraNode.frame).first?.shape == [1, 48, 64, 3])
    }

    /// `frames` counts those of all processes, and so do numbers and times.
    @Test func `a camera goes on where an earlier process of it ended`() throws {
        let settings = Settings().setting(CameraNode.device, to: "lavfi:testsrc=size=64x48:rate=50")
            .setting(CameraNode.frames, to: 5)
        var outputs = Outputs(stamp: nil)
        let nothing = Inputs(stamp: Stamp(frame: 0, captured: 0, presentation: 0), messages: [:])
        var first = try CameraNode(settings: settings)
        for _ in 0..<3 { try first.process(nothing, into: &outputs) }
        let state = try #require(first.save())
        var second = try CameraNode(settings: settings)

        // As long as a restart may take.
        usleep(100_000)
        second.restore(state.bytes)
        while !outputs.isFinished { try second.process(nothing, into: &outputs) }

        let stamps = outputs.sent.map(\.message.stamp)
        #expect(stamps.map(\.frame) == [0, 1, 2, 3, 4])
        let steps = zip(stamps.dropFirst(), stamps).map { $0.presentation - $1.presentation }
        #expect(steps.allSatisfy { $0 >= 20_000_000 })
        // What lies between the two is the time that there was between them.
        #expect(steps[2] == stamps[3].captured - stamps[2].captured)
    }

    @Test func `frames that waited too long in the camera are dropped by name`() throws {
        let settings = Settings()
            .setting(CameraNode.device, to: "lavfi:testsrc=size=64x48:rate=100")
        var harness = try NodeHarness(CameraNode.self, settings)

        try harness.tick()
        MonotonicClock.sleep(until: MonotonicClock.now + 200_000_000)
        try harness.tick()

        let sent = harness.stamps(CameraNode.frame).map(\.frame)
        let dropped = harness.dropped.map(\.stamp.frame)
        #expect(dropped.count >= 9)
        #expect((sent + dropped).sorted() == Array(0...UInt64(dropped.count + 1)))
    }

    @Test func `a missing camera says what to try`() {
        let error = #expect(throws: MediaError.self) {
            try Camera(device: "/dev/video-none")
        }
        #expect(
            error?.description
                == "camera /dev/video-none: No such file or directory; 'ls /dev/video*' lists "
                + "cameras; without one, try lavfi:testsrc=size=640x480:rate=25")
    }

    @Test func `a test source that FFmpeg does not know is an error`() {
        let error = #expect(throws: MediaError.self) {
            try Camera(device: "lavfi:nonsense=3")
        }
        #expect(error?.description.hasPrefix("camera lavfi:nonsense=3: ") == true)
    }

    @Test func `an encoder without frames says so`() throws {
        var harness = try NodeHarness(
            VideoEncoderNode.self, Settings().setting(VideoEncoderNode.path, to: file("b.mp4")))

        #expect(throws: MediaError.nothingToWrite(path: file("b.mp4"))) { try harness.finish() }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty)
    }
}
