import Foundation
import Media
import Tensors
import Testing

/// Graphs with nodes that are programs in Python.
@Suite(.serialized, .enabled(if: Python.hasZMQ, "python3 with zmq and numpy is not here"))
struct PluginTests {
    private static let film = """
        nodes:
          camera: { use: camera, with: { device: "lavfi:testsrc=size=200x150:rate=25", frames: 12 } }
          plugin:
            use: KIND
            in: { frame: { from: camera.frame, keep: all } }
          film:
            use: video-encoder
            in: { frame: plugin.frame }
            with: { path: FOLDER/film.mp4, preset: ultrafast }
        """

    /// When the frames of a film are shown, and how far red and blue of its first one are apart.
    private func read(_ file: String) throws -> (times: [Int64], colour: Int) {
        let reader = try VideoReader(path: file)
        let picture = Tensor(repeating: UInt8(0), shape: reader.shape)
        var (times, colour): ([Int64], Int) = ([], 0)
        while let item = try reader.next() {
            guard case .frame(let frame) = item else { continue }
            times.append(frame.presentation)
            guard times.count == 1 else { continue }
            try reader.copyFrame(into: picture)
            let pixels = picture.array
            for index in stride(from: 0, to: pixels.count, by: 3) {
                colour = max(colour, abs(Int(pixels[index]) - Int(pixels[index + 2])))
            }
        }
        return (times, colour)
    }

    @Test func `frames go through a node written in Python and come out grey`() throws {
        let tool = try Tool("run", graph: Self.film.replacing("KIND", with: "grayscale"), "--json")
        tool.plugins = [Python.plugins]

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        // A busy machine's camera passes frames over.
        let dropped = try #require(outcome.number("frames_dropped"))
        #expect(outcome.number("frames_in") == 12 + dropped)
        #expect(outcome.number("frames_out") == 12)
        let film = try read("\(tool.folder)/film.mp4")
        #expect(film.times.count == 12)
        #expect(film.times == film.times.sorted() && film.times.allSatisfy { $0 % 40_000_000 == 0 })
        // H.264 rounds colours; the test picture's own are up to 255 apart.
        #expect(film.colour <= 3)
    }

    @Test(arguments: [
        ("None", "it gave nothing for them"), ("Dropped(\"no face\")", "no face"),
    ])
    func `frames that end in a plugin are dropped there, with its reason`(
        answer: String, reason: String
    ) throws {
        let folder = try Python.node(
            "gives-half",
            """
            @node
            def gives_half(frame):
                return frame if stamp().frame % 2 else \(answer)
            """)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let tool = try Tool("run", graph: Self.film.replacing("KIND", with: "gives-half"), "--json")
        tool.plugins = [folder]

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.number("frames_out") == 6)
        #expect(outcome.number("frames_unaccounted") == 0)
        let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
        let dropped = (object as? [String: Any])?["dropped"] as? [[String: Any]] ?? []
        let own = dropped.filter { $0["place"] as? String == "plugin" }
        #expect(own.map { $0["reason"] as? String } == [reason], "\(dropped)")
        #expect(own.map { $0["count"] as? Int } == [6])
    }

    @Test func `a Python sink counts its frames, and a slow one is spared what it cannot take`()
        throws
    {
        let folder = try Python.node(
            "slow-sink", outputs: "",
            """
            import time

            @node
            def slow_sink(frame):
                time.sleep(0.03)
            """)
        let graph = """
            nodes:
              camera: { use: camera, with: { device: "lavfi:testsrc=size=64x48:rate=100", frames: 40 } }
              sink: { use: slow-sink, in: { frame: { from: camera.frame, keep: newest } } }
            """
        let tool = try Tool("run", graph: graph, "--json")
        tool.plugins = [folder]

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        let (arrived, dropped) = (
            try #require(outcome.number("frames_out")),
            try #require(outcome.number("frames_dropped"))
        )
        #expect(arrived > 0)
        #expect(arrived + dropped == outcome.number("frames_in"))
        #expect(outcome.number("frames_unaccounted") == 0)
    }

    /// What goes wrong, how the host is changed to do it, and what the message must say.
    private static let faults: [(name: String, change: String, words: String)] = [
        (
            "throws", "on_message(5, lambda: 1 / 0)", "ZeroDivisionError: division by zero"
        ),
        ("exits", "on_message(5, lambda: os._exit(0))", "exit code 0"),
        ("is-killed", "on_message(5, lambda: os.kill(os.getpid(), 9))", "signal 9"),
        (
            "wrong-shape", "change_header(5, lambda h: setattr(h, 'shape', (1, 150, 200, 4)))",
            "a tensor u8 [1, 150, 200, 4], but input 'frame' takes u8 ["
        ),
        (
            "wrong-type", "change_header(5, lambda h: setattr(h, 'code', 6))",
            "a tensor f32 [1, 150, 200, 3], but input 'frame' takes u8 ["
        ),
        (
            "unknown-type", "change_header(5, lambda h: setattr(h, 'code', 99))",
            "a tensor of unknown element type 99"
        ),
        (
            "four-gigabytes",
            "change_header(5, lambda h: setattr(h, 'shape', (1, 1 << 20, 1 << 12, 3)))",
            "of more than 4 GiB"
        ),
        (
            "short-payload", "change_header(5, lambda h: setattr(h, 'shape', (1, 150, 202, 3)))",
            "a payload of 90000 bytes for [1, 150, 202, 3]"
        ),
        (
            "truncated", "change_bytes(5, lambda data: data[:40])",
            "a header of 40 bytes, 64 are needed"
        ),
        ("noise", "change_bytes(5, lambda data: os.urandom(100))", "a header that starts with"),
        (
            "backwards", "change_header(5, lambda h: setattr(h, 'sequence', 2))",
            "message 2 where 5 or a later one is due"
        ),
        (
            "wrong-place",
            "change_header(5, lambda h: setattr(h, 'place', Place(1, os.getpid(), 999, 90112)))",
            "/fd/999): No such file or directory"
        ),
        (
            "many-credits", "change_grant(5, 1000)", "credits at once, but its window is"
        ),
        (
            "without-credits",
            """
            on_message(5, lambda: [HOST.router.send_multipart([
                b"film.frame",
                Header(DATA, Stamp(i, 0, 40000000 * i, 40000000, 0), i, 0, 1, (1, 150, 200, 3)).encoded(),
                bytes(90000)]) for i in range(5, 65)])
            """, "more messages than its window of 2 allows"
        ),
        (
            "huge-number",
            "change_header(5, lambda h: setattr(h, 'stamp', h.stamp._replace(frame=1 << 53)))",
            "a number or a time out of range"
        ),
        (
            "leaves-open",
            "on_message(5, lambda: (HOST.say('done', report=HOST.report()), time.sleep(0.3), os._exit(0)))",
            "it said 'done' without sending 'end' on its output 'frame'"
        ),
        (
            "talks-without-end",
            "on_message(5, lambda: [HOST.say('progress', report={}) for _ in iter(int, 1)])",
            "it sent more than 5000 control messages in a second"
        ),
        ("bad-control", "on_message(5, lambda: HOST.control.send(b'{]'))", "cannot be read: {]"),
        ("says-nothing", "Host.say = lambda *a, **b: None", "it did not say hello within 2.0 s"),
        ("bad-start", "raise SystemExit('no weights here')", "no weights here"),
    ]

    @Test(arguments: faults.map(\.name))
    func `a plugin at fault is named, and what others made is whole`(name: String) throws {
        let fault = try #require(Self.faults.first { $0.name == name })
        let folder = try Python.plugin(name, change: fault.change)
        let tool = try Tool("run", graph: Self.film.replacing("KIND", with: name))
        tool.plugins = [folder]

        let outcome = try tool.run()

        #expect(outcome.status == 3)
        #expect(outcome.errors.contains("node 'plugin' (\(name)) failed"), "\(outcome.errors)")
        #expect(outcome.errors.contains(fault.words), "\(outcome.errors)")
        #expect(tool.nodes.isEmpty)
        #expect(tool.traces.isEmpty)
        if !["says-nothing", "bad-start"].contains(name) {
            #expect(!(try read("\(tool.folder)/film.mp4").times.isEmpty))
        }
    }

    @Test func `the bytes in the manual are what a program in Python writes and reads`() {
        let program = """
            import re, sys
            sys.dont_write_bytecode = True
            sys.path.insert(0, "\(Python.plugins)/../Tests/EndToEndTests")
            from plain_node import *
            text = open("\(Python.plugins)/README.md").read()
            blocks = re.findall("```hexdump\\n(.*?)```", text, re.S)
            stored = [
                bytes.fromhex("".join(line.split(" ", 1)[1] for line in block.splitlines()))
                for block in blocks]
            stamp = Stamp(7, 1000000000, 280000000, 40000000, 0)
            place = Place(3, 4242, 12, 786432)
            made = [
                Header(DATA, stamp, 9, 1000500000, 1, (1, 512, 512, 3), place),
                Header(GRANT, count=1, released=[3])]
            assert stored == [header.encoded() for header in made]
            assert [vars(Header.decoded(data)) for data in stored] == [vars(h) for h in made]
            """

        #expect(Python.run(program) == 0)
    }

    @Test func `a killed supervisor leaves no plugin behind`() throws {
        let graph = Self.film.replacing("KIND", with: "grayscale")
            .replacing("frames: 12", with: "frames: 100000")
        let tool = try Tool("run", graph: graph)
        tool.plugins = [Python.plugins]
        try tool.start()
        #expect(tool.waitForFile("film.mp4", bytes: 1000))
        #expect(tool.nodes.keys.sorted() == ["camera", "film", "plugin"])

        kill(tool.process.processIdentifier, SIGKILL)
        _ = tool.finish()

        #expect(tool.waitUntil { tool.nodes.isEmpty })
        #expect(tool.waitUntil { tool.traces.isEmpty }, "\(tool.traces)")
    }

    @Test func `faults of a plugin's file are shown with those of graphs`() throws {
        let folder = try Python.plugin("grey", outputs: "frame: { type: u9, axes: n h w 3 }")
        let tool = try Tool("check", graph: Self.film.replacing("KIND", with: "grey"))
        tool.plugins = [folder]

        let outcome = try tool.run()

        #expect(outcome.status == 1)
        #expect(outcome.output.contains("node.yaml:7:18: error: 'type' cannot be 'u9'"))
        #expect(outcome.output.contains("port 'frame' lacks 'meaning'"))
        #expect(outcome.output.contains("the plugin that defines 'grey' has faults"))
    }
}
