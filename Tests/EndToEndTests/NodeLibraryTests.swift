import Foundation
import Glibc
import Media
import Testing

/// Programs in other languages, on `libpersonalive-node.so`.
@Suite(.serialized, .enabled(if: Python.isComplete, "python3 with numpy is not here"))
struct NodeLibraryTests {
    /// Its source waits, so that every frame comes.
    private static let graph = """
        nodes:
          camera: { use: video-file, with: { path: Models/demo/driving.mp4, frames: COUNT } }
          node:
            use: KIND
            in: { frame: { from: camera.frame, keep: all } }
            restart: { limit: 1000, backoff: 1ms }
          list: { use: frame-list, in: { frame: node.frame }, with: { path: FOLDER/list.txt } }
        """

    private func tool(_ kind: String, count: Int = 60, plugins: [String] = [Python.plugins]) throws -> Tool {
        let graph = Self.graph.replacing("KIND", with: kind).replacing("COUNT", with: "\(count)")
        let tool = try Tool("run", graph: graph, "--json")
        tool.plugins = plugins
        return tool
    }

    /// Frame and hash of each line.
    private func frames(_ tool: Tool) -> [Substring] {
        let text = (try? String(contentsOfFile: tool.path(of: "list.txt"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { line in
            line.lastIndex(of: " ").map { line[..<$0] }
        }
    }

    /// What a run gives that is left alone, and what one gives whose node is killed again and again.
    private func expectSame(
        _ kind: String, kills: Int, plugins: [String] = [Python.plugins]
    ) throws {
        let quiet = try tool(kind, plugins: plugins)
        #expect(try quiet.run().status == 0)

        let tool = try tool(kind, plugins: plugins)
        try tool.start()
        for _ in 0..<kills {
            let before = frames(tool).count
            guard tool.waitUntil({ frames(tool).count > before || !tool.process.isRunning }) else { break }
            tool.kill("node")
        }
        let outcome = tool.finish()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains("signal 9"), "\(outcome.errors)")
        #expect(frames(quiet).count == 60)
        #expect(frames(tool) == frames(quiet))
        #expect(outcome.number("frames_unaccounted") == 0)
        #expect(tool.nodes.isEmpty && tool.traces.isEmpty)
    }

    @Test(arguments: ["grayscale", "grayscale-c"])
    func `a program that is killed again and again sends the frames of one that is left alone`(
        kind: String
    ) throws {
        try expectSame(kind, kills: 12)
    }

    @Test func `what a class in Python has saved is there after a kill`() throws {
        let plugin = try Python.node(
            "blends", state: "saved",
            """
            import pickle

            @node
            class Blends:
                def __init__(self, strength):
                    self.mean = 0.0

                def __call__(self, frame):
                    self.mean = 0.5 * self.mean + 0.5 * frame
                    return self.mean.astype("uint8")

                def save(self):
                    return pickle.dumps(self.mean) if stamp().frame % 3 == 0 else None

                def restore(self, state):
                    self.mean = pickle.loads(state)
            """)
        defer { try? FileManager.default.removeItem(atPath: plugin) }

        try expectSame("blends", kills: 8, plugins: [plugin])
    }

    @Test func `a program that says that it saves, and does not, is named, and its frames come`() throws {
        let yaml = "\(Python.plugins)/grayscale-c/node.yaml"
        let plugin = "/tmp/pl-unsaved-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: plugin) }
        #expect(try Tool(arguments: ["plugin", "new", "unsaved", "--language", "c", "--into", plugin]).run().status == 0)
        let text = try String(contentsOfFile: yaml, encoding: .utf8)
            .replacing("state: none", with: "state: saved").replacing("kind: grayscale-c", with: "kind: unsaved")
        try text.write(toFile: "\(plugin)/unsaved/node.yaml", atomically: true, encoding: .utf8)
        let tool = try tool("unsaved", count: 110, plugins: [plugin])

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(
            outcome.errors.contains("it has saved nothing in 101 ticks, and node.yaml says 'state: saved'"),
            "\(outcome.errors)")
        #expect(frames(tool).count == 110)
    }

    @Test func `C and Swift make the same frames`() throws {
        let lists = try ["grayscale-c", "grayscale-swift"].map { kind in
            let tool = try tool(kind, count: 3)
            let outcome = try tool.run()
            #expect(outcome.status == 0, "\(outcome.errors)")
            return frames(tool)
        }

        #expect(lists[0].count == 3)
        #expect(lists[0] == lists[1])
    }

    @Test func `arrays that a node in Python keeps stay what they were`() throws {
        let plugin = try Python.node(
            "delays",
            """
            import numpy
            kept = []
            warn("it keeps nine")

            @node
            def delays(frame):
                kept.append((frame, frame.copy()))
                for array, copy in kept[-18:]:
                    assert (array == copy).all()
                    assert not array.flags.writeable
                figure("kept_count", float("nan"))
                out = empty("frame", frame.shape)
                numpy.copyto(out, kept[-17:][0][0])
                kept.append((out, out.copy()))
                return out
            """)
        defer { try? FileManager.default.removeItem(atPath: plugin) }
        let tool = try tool("delays", plugins: [plugin])

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains("it keeps nine"), "\(outcome.errors)")
        #expect(frames(tool).count == 60)
    }

    @Test func `a source in Python ends its stream, and a list sends several messages`() throws {
        let plugin = try Python.node(
            "counts", inputs: "", settings: "count: { type: integer, default: 7 }",
            """
            import numpy

            @node
            def counts(count):
                for number in range(count):
                    frame = numpy.full((1, 8, 8, 3), number, "uint8")
                    yield Message(frame, presentation=number * 40_000_000, duration=40_000_000)
            """)
        defer { try? FileManager.default.removeItem(atPath: plugin) }
        let tool = try Tool(
            "run",
            graph: """
                nodes:
                  source: { use: counts }
                  list: { use: frame-list, in: { frame: { from: source.frame, keep: all } }, with: { path: FOLDER/list.txt } }
                """, "--json")
        tool.plugins = [plugin]

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.number("frames_out") == 7)
        #expect(outcome.number("frames_unaccounted") == 0)
    }

    /// What a program does wrong, and what is said of it.
    private static let faults: [(name: String, program: String, words: String)] = [
        (
            "throws", "@node\ndef f(frame):\n    return frame / 0 if stamp().frame < 5 else 1 // 0",
            "output 'frame' was given float64 [1, 256, 256, 3], and node.yaml says u8 n h w 3"
        ),
        ("divides", "@node\ndef f(frame):\n    1 // 0", "plugin.py:5: ZeroDivisionError"),
        (
            "other-shape", "@node\ndef f(frame):\n    return frame[..., 0]",
            "output 'frame' was sent a tensor u8 [1, 256, 256], and node.yaml says u8 [n h w 3]"
        ),
        (
            "other-output", "@node\ndef f(frame):\n    return {'picture': frame}",
            "gave 'picture', and node.yaml has the outputs ['frame']"
        ),
        (
            "unknown-parameter", "@node\ndef f(frame, gain):\n    return frame",
            "plugin.py:3: parameter 'gain' is no input and no setting that has a value"
        ),
        ("no-module", "import no_such_module", "plugin.py:3: ModuleNotFoundError: No module named 'no_such_module'"),
        ("no-syntax", "def f(:", "plugin.py:3: SyntaxError"),
        ("no-node", "x = 1", "plugin.py has no nodes: put @node before one function or class"),
        ("exits", "@node\ndef f(frame):\n    import os; os._exit(0)", "exit code 0"),
        ("leaves", "@node\ndef f(frame):\n    raise SystemExit('enough')", "plugin.py:5: SystemExit: enough"),
        (
            "keeps-nothing", "@node\nclass F:\n    def __init__(self): pass",
            "class F has no __call__, which is a tick"
        ),
        (
            "saves-nothing", "@node\nclass F:\n    def __call__(self, frame): return frame",
            "node.yaml says 'state: saved': F needs to be a class with save() and restore(state)"
        ),
        (
            "other-time",
            "@node\ndef f(frame):\n    return Message(frame, stamp=stamp()._replace(presentation=(1 << 63) - 1, duration=9))",
            "output 'frame' was sent a tensor with a number or a time out of range"
        ),
        (
            "huge", "@node\ndef f(frame):\n    return empty('frame', (1, 1 << 16, 1 << 15, 3))",
            "output 'frame' was asked for a tensor of an impossible shape"
        ),
        (
            "other-version",
            """
            import ctypes
            library = ctypes.CDLL("libpersonalive-node.so")
            library.personalive_open_version(9, 0, None)
            """, "this program was built for version 9 of the node library"
        ),
    ]

    @Test(arguments: faults.map(\.name))
    func `a program at fault is named with its line, and other nodes are whole`(name: String) throws {
        let fault = try #require(Self.faults.first { $0.name == name })
        let state = name == "saves-nothing" ? "saved" : "none"
        let plugin = try Python.node(name, state: state, fault.program)
        defer { try? FileManager.default.removeItem(atPath: plugin) }
        let graph = """
            nodes:
              camera: { use: video-file, with: { path: Models/demo/driving.mp4, frames: 20 } }
              node: { use: \(name), in: { frame: { from: camera.frame, keep: all } }, restart: { limit: 0 } }
              film: { use: video-encoder, in: { frame: node.frame }, with: { path: FOLDER/film.mp4, preset: ultrafast } }
              whole: { use: frame-list, in: { frame: { from: camera.frame, keep: all } }, with: { path: FOLDER/list.txt } }
            """
        let tool = try Tool("run", graph: graph)
        tool.plugins = [plugin]

        let outcome = try tool.run()

        #expect(outcome.status == 3)
        #expect(outcome.errors.contains("node 'node' (\(name)) failed"), "\(outcome.errors)")
        #expect(outcome.errors.contains(fault.words), "\(outcome.errors)")
        #expect(!outcome.errors.contains("node 'whole'"), "\(outcome.errors)")
        #expect(tool.nodes.isEmpty && tool.traces.isEmpty)
    }

    @Test func `a program that hangs ends soon after the second Ctrl-C`() throws {
        let plugin = try Python.node("hangs", "import time\n@node\ndef f(frame): time.sleep(1000)")
        defer { try? FileManager.default.removeItem(atPath: plugin) }
        let tool = try tool("hangs", plugins: [plugin])
        try tool.start()
        #expect(tool.waitUntil { tool.nodes["node"] != nil })
        #expect(tool.waitUntil { (try? tool.ask("status").output.contains("node (hangs): running")) ?? false })

        tool.process.interrupt()
        #expect(tool.waitUntil { (try? tool.ask("status").output.contains(": ending")) ?? true })
        tool.process.interrupt()
        // A run that waits for ever is a failure, not a test that waits with it.
        let isOver = tool.waitUntil { !tool.process.isRunning }
        if !isOver { kill(tool.process.processIdentifier, SIGKILL) }
        let outcome = tool.finish()

        #expect(isOver)
        #expect(outcome.status == 130 || outcome.status == 3, "\(outcome.errors)")
        #expect(tool.waitUntil { tool.nodes.isEmpty })
    }

    @Test func `a live graph goes on after a tick that threw`() throws {
        let plugin = try Python.passing("stamp().frame == 30 and 1 // 0")
        defer { try? FileManager.default.removeItem(atPath: plugin) }
        let graph = """
            mode: live
            nodes:
              source: { use: test-source, with: { bytes: 50000, count: 200, rate: 60, numbered: true } }
              stage: { use: passes, in: { data: source.data } }
              sink: { use: test-sink, in: { data: stage.data }, with: { list: FOLDER/list.txt } }
            """
        let tool = try Tool("run", graph: graph, "--json")
        tool.plugins = [plugin]

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains("ZeroDivisionError"), "\(outcome.errors)")
        #expect(outcome.number("frames_unaccounted") == 0)
        #expect((outcome.number("frames_out") ?? 0) > 60)
    }

    @Test func `apply puts a node before and behind a program, which goes on in its process`() throws {
        let graph = """
            nodes:
              source: { use: test-source, with: { bytes: 5000, count: 1000000, rate: 60, numbered: true } }
              stage: { use: passes, in: { data: source.data } }
              sink: { use: test-sink, in: { data: stage.data }, with: { list: FOLDER/list.txt } }
            """
        let plugin = try Python.passing()
        defer { try? FileManager.default.removeItem(atPath: plugin) }
        let tool = try Tool("run", graph: graph, "--json")
        tool.plugins = [plugin]
        try tool.start()
        #expect(tool.waitUntil { frames(tool).count > 5 })
        let process = tool.nodes["stage"]
        let edited = graph.replacing("FOLDER", with: tool.folder)
            .replacing("source.data", with: "before.data")
            .replacing("data: stage.data", with: "data: behind.data")
            + "\n  before: { use: test-stage, in: { data: source.data } }"
            + "\n  behind: { use: test-stage, in: { data: stage.data } }"
        try edited.write(toFile: "\(tool.folder)/edited.yaml", atomically: true, encoding: .utf8)

        let done = try tool.ask("apply", "\(tool.folder)/edited.yaml")
        let after = tool.nodes["stage"]
        let count = frames(tool).count
        #expect(tool.waitUntil { frames(tool).count > count + 5 })
        tool.process.interrupt()
        let outcome = tool.finish()

        #expect(done.status == 0, "\(done.errors)")
        #expect(process != nil && after == process)
        #expect(outcome.number("frames_unaccounted") == 0, "\(outcome.errors)")
        let numbers = frames(tool).compactMap { $0.split(separator: " ").first.flatMap { Int($0) } }
        #expect(numbers == Array(0..<numbers.count))
    }
}
