import BuiltinNodes
import Foundation
import Media
import NodeKit
import Tensors
import Testing

/// Small nodes for pictures: sizes, places, files.
@Suite struct PaletteNodeTests {
    private let folder = Folder()

    private final class Folder {
        let path = "/tmp/pl-palette-\(UUID().uuidString)"
        init() { try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    private func file(_ name: String) -> String { "\(folder.path)/\(name)" }

    private func picture(_ value: UInt8, _ height: Int, _ width: Int) -> Tensor<UInt8> {
        Tensor(repeating: value, shape: [1, height, width, 3])
    }

    /// Every pixel of a column has its number.
    private func columns(_ height: Int, _ width: Int) -> Tensor<UInt8> {
        let picture = picture(0, height, width)
        for y in 0..<height {
            for x in 0..<width {
                for c in 0..<3 { picture.pointer[3 * (y * width + x) + c] = UInt8(x) }
            }
        }
        return picture
    }

    private func pixel(_ picture: Tensor<UInt8>, _ x: Int, _ y: Int) -> UInt8 {
        picture.array[3 * (y * picture.shape[2] + x)]
    }

    // MARK: Sizes

    private func scaled(_ settings: Settings, _ input: Tensor<UInt8>) throws -> Tensor<UInt8> {
        var harness = try NodeHarness(ScaleNode.self, settings)
        try harness.tick([.init(ScaleNode.input, input)])
        return try #require(harness.received(ScaleNode.output).first)
    }

    @Test func `a side that is not given follows from the picture's proportions`() throws {
        let wide = try scaled(Settings().setting(ScaleNode.width, to: 10), picture(7, 40, 20))
        let high = try scaled(Settings().setting(ScaleNode.height, to: 10), picture(7, 40, 20))

        #expect(wide.shape == [1, 20, 10, 3])
        #expect(high.shape == [1, 10, 5, 3])
        #expect(throws: ScaleNode.NoSize.self) { try ScaleNode(settings: Settings()) }
    }

    @Test func `a picture is stretched, set inside or made to cover`() throws {
        let size = Settings().setting(ScaleNode.width, to: 8).setting(ScaleNode.height, to: 8)
        let input = columns(4, 8)
        let stretched = try scaled(size, input)
        let inside = try scaled(size.setting(ScaleNode.fit, to: "inside"), picture(9, 4, 8))
        let cover = try scaled(size.setting(ScaleNode.fit, to: "cover"), picture(9, 4, 8))

        #expect([stretched, inside, cover].allSatisfy { $0.shape == [1, 8, 8, 3] })
        #expect((0..<8).map { pixel(stretched, $0, 7) } == Array(0..<8))
        #expect((0..<8).map { pixel(inside, 3, $0) } == [0, 0, 9, 9, 9, 9, 0, 0])
        #expect(cover.array.allSatisfy { $0 == 9 })
    }

    @Test func `a rectangle is cut out, and one that lies outside is told with its frame`() throws {
        let size = Settings().setting(CropNode.width, to: 4).setting(CropNode.height, to: 2)
        var harness = try NodeHarness(CropNode.self, size)
        try harness.tick([.init(CropNode.input, columns(6, 10))])
        harness.update(size.setting(CropNode.left, to: 6).setting(CropNode.top, to: 0))
        try harness.tick([.init(CropNode.input, columns(6, 10))])

        let cut = harness.received(CropNode.output)
        #expect(cut.map(\.shape) == [[1, 2, 4, 3], [1, 2, 4, 3]])
        #expect((0..<4).map { pixel(cut[0], $0, 1) } == [3, 4, 5, 6])
        #expect((0..<4).map { pixel(cut[1], $0, 0) } == [6, 7, 8, 9])
        let fault = #expect(throws: CropNode.Outside.self) {
            try harness.tick([.init(CropNode.input, columns(6, 9))])
        }
        #expect(
            fault?.description
                == "crop: frame 2 is 9x6, too small for 4x2 from column 6 and row 0 on")
    }

    // MARK: Places

    @Test func `an inset lies in its corner, as opaque as it is to be`() throws {
        let settings = Settings().setting(OverlayNode.part, to: 0.5)
            .setting(OverlayNode.margin, to: 0.1)
        var harness = try NodeHarness(OverlayNode.self, settings)
        let feeds: [NodeHarness<OverlayNode>.Feed] = [
            .init(OverlayNode.frame, picture(100, 20, 20)),
            .init(OverlayNode.inset, picture(200, 8, 8)),
        ]
        try harness.tick(feeds)
        harness.update(
            settings.setting(OverlayNode.corner, to: "top-left").setting(OverlayNode.opacity, to: 0.5))
        try harness.tick(feeds)

        let sent = harness.received(OverlayNode.output)
        // 10 of 20 columns, 2 from the edges: columns and rows 8 to 17.
        #expect((0..<20).map { pixel(sent[0], $0, 17) }
            == (0..<20).map { (8..<18).contains($0) ? 200 : 100 })
        #expect(pixel(sent[0], 8, 7) == 100 && pixel(sent[0], 8, 18) == 100)
        #expect(pixel(sent[1], 2, 2) == 150 && pixel(sent[1], 12, 2) == 100)
    }

    @Test func `of a logo its own transparency counts`() throws {
        // Two pixels: an opaque white one and a clear one. PNGs of this kind cannot be written here.
        let data = Data(base64Encoded:
            "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAYAAAD0In+KAAAAD0lEQVR4nGP4DwScnJwMABpABBhgvrAoAAAAAElFTkSuQmCC")!
        try data.write(to: URL(fileURLWithPath: file("logo.png")))
        let settings = Settings().setting(OverlayNode.logo, to: file("logo.png"))
            .setting(OverlayNode.part, to: 0.2).setting(OverlayNode.margin, to: 0)
            .setting(OverlayNode.corner, to: "top-left")
        var harness = try NodeHarness(OverlayNode.self, settings)

        try harness.tick([.init(OverlayNode.frame, picture(50, 10, 10))])

        let sent = try #require(harness.received(OverlayNode.output).first)
        #expect((0..<3).map { pixel(sent, $0, 0) } == [255, 50, 50])
    }

    @Test func `pictures stand in a grid, each made to fit the first`() throws {
        var harness = try NodeHarness(
            GridNode.self, Settings().setting(GridNode.columns, to: 2).setting(GridNode.fit, to: "stretch"))
        try harness.tick([
            .init(GridNode.still, picture(1, 9, 9)), .init(GridNode.pictures[0], picture(2, 4, 4)),
            .init(GridNode.pictures[1], picture(3, 2, 2)),
        ])
        try harness.tick([.init(GridNode.pictures[0], picture(2, 4, 4))])

        let sent = harness.received(GridNode.frame)
        #expect(sent[0].shape == [1, 8, 8, 3])
        #expect([(0, 0), (7, 0), (0, 7), (7, 7)].map { pixel(sent[0], $0.0, $0.1) } == [1, 2, 3, 0])
        // The still picture stays.
        #expect(sent[1].shape == [1, 4, 8, 3])
    }

    @Test func `text is written where it is to be, and changes while frames come`() throws {
        let settings = Settings().setting(TextNode.text, to: "Grüße: 100% \\ 'quoted', [a;b]")
            .setting(TextNode.place, to: "top").setting(TextNode.plate, to: 0)
        var harness = try NodeHarness(TextNode.self, settings)
        try harness.tick([.init(TextNode.input, picture(0, 100, 400))])
        harness.update(settings.setting(TextNode.text, to: ""))
        try harness.tick([.init(TextNode.input, picture(0, 100, 400))])
        harness.update(settings.setting(TextNode.color, to: "no color"))
        try harness.tick([.init(TextNode.input, picture(5, 100, 400))])

        let sent = harness.received(TextNode.output)
        func bright(_ rows: Range<Int>) -> Int {
            rows.reduce(0) { sum, y in sum + (0..<400).count { pixel(sent[0], $0, y) > 128 } }
        }
        #expect(bright(0..<30) > 100 && bright(50..<100) == 0)
        #expect(sent[1].array.allSatisfy { $0 == 0 })
        #expect(sent[2].array.allSatisfy { $0 == 5 })
        #expect(harness.warnings.count == 1 && harness.warnings[0].contains("no color"))
        #expect(throws: MediaError.self) {
            try TextNode(settings: settings.setting(TextNode.color, to: "no color"))
        }
    }

    // MARK: Files

    @Test func `pictures of a folder go through and into another folder, in their order`() throws {
        try FileManager.default.createDirectory(atPath: file("in"), withIntermediateDirectories: true)
        for (name, value) in [("a10", 3), ("a9", 2), ("a1", 1)] as [(String, UInt8)] {
            try ImageWriter.write(picture(value, 4, 4), to: file("in/\(name).png"))
        }
        var source = try NodeHarness(
            PicturesNode.self,
            Settings().setting(PicturesNode.path, to: file("in")).setting(VideoFileNode.rate, to: 10))
        var sink = try NodeHarness(
            SavePicturesNode.self,
            Settings(["label-ai-generated": .flag(false)])
                .setting(SavePicturesNode.path, to: file("out/")))
        while !source.isFinished { try source.tick() }
        for (frame, stamp) in zip(
            source.received(PicturesNode.frame), source.stamps(PicturesNode.frame))
        {
            try sink.tick([.init(SavePicturesNode.frame, frame)], stamp: stamp)
        }
        try sink.finish()

        #expect(source.received(PicturesNode.frame).map { $0.array[0] } == [1, 2, 3])
        #expect(source.stamps(PicturesNode.frame).map(\.presentation) == [0, 100_000_000, 200_000_000])
        let saved = try (0..<3).map { try ImageReader.read(file("out/00000\($0).png")).array[0] }
        #expect(saved == [1, 2, 3])
    }

    @Test(arguments: [("wav.m4a", false), ("copy.m4a", true), ("copy.mka", true), ("wav.weba", false)])
    func `sound goes into a file of its own, with its length`(name: String, isAAC: Bool) throws {
        let film = isAAC ? file("a.mp4") : file("a.mkv")
        let writer = try VideoWriter(path: film)
        let tone = (0..<48_000).map { Int16(8000 * sin(Double($0) * 0.06)) }
        try writer.write(AudioPacket(samples: tone, sampleRate: 48_000, channels: 1, first: 0))
        for frame in 0..<25 {
            try writer.write(
                picture(9, 32, 32), presentation: Int64(frame) * 40_000_000, duration: 40_000_000)
        }
        try writer.finish()

        var source = try NodeHarness(
            AudioFileNode.self, Settings().setting(AudioFileNode.path, to: film))
        var sink = try NodeHarness(
            AudioEncoderNode.self, Settings().setting(AudioEncoderNode.path, to: file(name)))
        while !source.isFinished { try source.tick() }
        for packet in source.received(AudioFileNode.audio) {
            try sink.tick([.init(AudioEncoderNode.audio, packet)])
        }
        try sink.finish()

        var again = try NodeHarness(
            AudioFileNode.self, Settings().setting(AudioFileNode.path, to: file(name)))
        while !again.isFinished { try again.tick() }
        let end = try #require(
            again.stamps(AudioFileNode.audio).map { $0.presentation + $0.duration }.max())
        #expect(abs(end - 1_000_000_000) < 60_000_000, "\(end)")
        if isAAC {
            #expect(again.received(AudioFileNode.audio).count == source.received(AudioFileNode.audio).count)
        } else {
            // A download that broke off.
            let whole = try Data(contentsOf: URL(fileURLWithPath: film))
            try whole.prefix(whole.count * 2 / 3).write(to: URL(fileURLWithPath: file("cut.mkv")))
            let cut = try SoundReader(path: file("cut.mkv"))
            while cut.next() != nil {}
            let warnings = cut.takeWarnings()
            #expect(warnings.count == 1 && warnings[0].contains("is cut short"), "\(warnings)")
        }
        #expect(source.warnings.isEmpty, "\(source.warnings)")

        // Another process goes on where one was killed.
        let settings = Settings().setting(AudioFileNode.path, to: film)
        var killed = try NodeHarness(AudioFileNode.self, settings)
        for _ in 0..<7 where !killed.isFinished { try killed.tick() }
        var next = try AudioFileNode(settings: settings)
        next.restore(try #require(killed.node.save()).bytes)
        var rest = try NodeHarness(resuming: next)
        while !rest.isFinished { try rest.tick() }
        let stamps = killed.stamps(AudioFileNode.audio) + rest.stamps(AudioFileNode.audio)
        #expect(stamps.map(\.frame) == source.stamps(AudioFileNode.audio).map(\.frame))
        #expect(stamps.map(\.presentation) == source.stamps(AudioFileNode.audio).map(\.presentation))
    }

    @Test func `a file without sound is told as what it is`() throws {
        try ImageWriter.write(picture(1, 4, 4), to: file("a.png"))
        let fault = #expect(throws: MediaError.self) { try SoundReader(path: file("a.png")) }
        #expect(fault?.description.contains("a file without sound (it has video png)") == true, "\(fault!)")
        #expect(throws: MediaError.self) { try SoundWriter(path: file("a.mp3")) }
    }

    @Test func `a timer counts seconds`() throws {
        let settings = Settings().setting(TimerNode.rate, to: 4).setting(TimerNode.count, to: 5)
            .setting(TimerNode.realtime, to: false)
        var harness = try NodeHarness(TimerNode.self, settings)
        while !harness.isFinished { try harness.tick() }

        #expect(harness.received(TimerNode.tick).map { $0.array[0] } == [0, 0.25, 0.5, 0.75, 1])
        #expect(harness.stamps(TimerNode.tick).map(\.frame) == [0, 1, 2, 3, 4])
    }

    @Test func `a slow timer gives the host a turn while it waits`() throws {
        var harness = try NodeHarness(
            TimerNode.self, Settings().setting(TimerNode.rate, to: 0.02))
        try harness.tick()
        let begin = MonotonicClock.now
        try harness.tick()

        // The next tick is due after 50 s.
        #expect(harness.stamps(TimerNode.tick).count == 1)
        #expect(MonotonicClock.now - begin < 25_000_000_000)
    }

    // MARK: Recordings

    private func record(_ frames: Int, finish: Bool = true) throws {
        var settings = Settings().setting(RecordNode.path, to: file("motion.rec"))
        settings.fedInputs = [
            (
                PortSpec(
                    name: "motion", elementType: .float32, axes: Axis.parse("1 m")!,
                    meaning: "motion", pace: .frame, isOptional: false, summary: ""), "tracker.motion"
            ),
            (
                PortSpec(
                    name: "mesh", elementType: .uint8, axes: Axis.parse("k")!, meaning: "mesh",
                    pace: .frame, isOptional: false, summary: ""), "crop.mesh"
            ),
        ]
        var node = try RecordNode(settings: settings)
        var outputs = Outputs()
        for frame in 0..<frames {
            let stamp = Stamp(
                frame: UInt64(frame), captured: Int64(frame), presentation: Int64(frame) * 40,
                duration: 40)
            let motion = AnyTensor(Tensor<Float>([Float(frame), 0.5], shape: [1, 2]))
            let mesh = AnyTensor(Tensor<UInt8>([UInt8(frame)], shape: [1]))
            try node.process(
                Inputs(
                    stamp: stamp,
                    messages: ["motion": Message(motion, stamp), "mesh": Message(mesh, stamp)]),
                into: &outputs)
        }
        if finish { try node.finish(into: &outputs) }
    }

    private func replay(
        _ settings: Settings = Settings(), ticks: Int = 1000
    ) throws -> NodeHarness<ReplayNode> {
        var harness = try NodeHarness(
            ReplayNode.self,
            settings.setting(ReplayNode.path, to: file("motion.rec"))
                .setting(ReplayNode.pace, to: "flat-out"))
        for _ in 0..<ticks where !harness.isFinished { try harness.tick() }
        return harness
    }

    @Test func `several outputs are recorded in one file and come back on ports of their names`() throws {
        try record(3)
        let spec = try #require(ReplayNode.spec(of: file("motion.rec")))
        let harness = try replay()

        #expect(spec.outputs.map(\.name) == ["motion", "mesh"])
        #expect(spec.outputs.map(\.axesText) == ["1 m", "k"])
        #expect(spec.outputs.map(\.meaning) == ["motion", "mesh"])
        #expect(harness.sent.map(\.port) == ["motion", "mesh", "motion", "mesh", "motion", "mesh"])
        #expect(harness.sent.map(\.message.stamp.frame) == [0, 0, 1, 1, 2, 2])
        let motion: Tensor<Float>? = harness.sent[4].message.tensor.typed()
        #expect(motion?.array == [2, 0.5])
        #expect(harness.warnings.isEmpty)
    }

    @Test func `a recording is trimmed and begins again, and its numbers and times go on`() throws {
        try record(6)
        let settings = Settings().setting(ReplayNode.first, to: 2).setting(ReplayNode.end, to: 4)
            .setting(ReplayNode.loop, to: true)
        let harness = try replay(settings, ticks: 12)

        #expect(harness.sent.map(\.message.stamp.frame) == [2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7])
        #expect(
            harness.sent.filter { $0.port == "mesh" }.map(\.message.stamp.presentation)
                == [80, 120, 160, 200, 240, 280])
        let meshes = harness.sent.filter { $0.port == "mesh" }
            .map { $0.message.tensor.withBytes { $0[0] } }
        #expect(meshes == [2, 3, 2, 3, 2, 3])
    }

    @Test func `a process that goes on sends what comes next, in whichever pass`() throws {
        try record(3)
        let settings = Settings().setting(ReplayNode.loop, to: true)
            .setting(ReplayNode.path, to: file("motion.rec"))
            .setting(ReplayNode.pace, to: "flat-out")
        let whole = try replay(settings, ticks: 20).sent.map { "\($0.port) \($0.message.stamp.frame)" }
        let harness = try replay(settings, ticks: 9)
        var next = try ReplayNode(settings: settings)
        try next.restore(try #require(harness.node.save()).bytes)
        var resumed = try NodeHarness(resuming: next)
        for _ in 9..<20 { try resumed.tick() }

        #expect(
            harness.sent.map { "\($0.port) \($0.message.stamp.frame)" }
                + resumed.sent.map { "\($0.port) \($0.message.stamp.frame)" } == whole)
    }

    @Test func `a recording that breaks off is sent as far as it is whole, and that is said`() throws {
        try record(3)
        let whole = try Data(contentsOf: URL(fileURLWithPath: file("motion.rec")))
        for cut in [1, 4, 5, 30, 90] {
            try whole.prefix(whole.count - cut).write(to: URL(fileURLWithPath: file("motion.rec")))
            let harness = try replay()
            #expect(harness.warnings.count == 1 && harness.warnings[0].contains("breaks off"), "\(cut)")
            #expect(harness.sent.count == (cut <= 4 ? 6 : cut == 90 ? 4 : 5), "\(cut)")
        }
        var other = whole
        other[5] = 9
        try other.write(to: URL(fileURLWithPath: file("motion.rec")))
        let fault = #expect(throws: RecordingError.self) { try replay() }
        #expect(fault?.description.contains("is a recording of version 9") == true)
    }
}
