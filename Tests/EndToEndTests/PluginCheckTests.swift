import Foundation
import Media
import Tensors
import Testing

/// `personalive plugin check` as a program, with good plugins and bad ones.
@Suite(.enabled(if: Python.hasZMQ, "python3 with zmq and numpy is not here"))
struct PluginCheckTests {
    private func check(_ folder: String, _ arguments: String...) throws -> Tool.Outcome {
        try Tool(arguments: ["plugin", "check", folder] + arguments).run()
    }

    @Test func `the worked example has no faults`() throws {
        let outcome = try check("\(Python.plugins)/grayscale-python")

        #expect(outcome.status == 0, "\(outcome.output)")
        #expect(outcome.output.contains("9 acts, nothing is wrong"))
    }

    @Test func `a sink is checked too, and as JSON`() throws {
        let folder = try Python.node("good-sink", outputs: "", "@node\ndef sink(frame): pass")

        let outcome = try check(folder, "--json")

        #expect(outcome.status == 0, "\(outcome.output)")
        let answer = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
        let acts = (answer as? [String: Any])?["acts"] as? [[String: Any]]
        #expect(acts?.count == 6)
    }

    @Test
    func
        `a value that ends with its stream is given first, and frames may be dropped with a reason`()
        throws
    {
        let folder = try Python.node(
            "takes-a-value",
            inputs: Python.picture + ", portrait: { type: u8, axes: n h w 3, meaning: rgb, pace: last }",
            """
            @node
            def takes_a_value(frame, portrait):
                return Dropped("no face")
            """)
        defer { try? FileManager.default.removeItem(atPath: folder) }

        let outcome = try check(folder)

        #expect(outcome.status == 0, "\(outcome.output)")
    }

    @Test(arguments: [
        (
            "does-not-say-sets", "{k: v for k, v in m.items() if k != 'sets'}",
            "found:  node.yaml has settings with 'live: true', but its hello did not say 'sets'"
        ),
        (
            "names-another-frame", "{**m, 'frame': m['frame'] + 1} if 'frame' in m else m",
            "found:  after frame 0 it answered change 1 with edition 1, frame 2"
        ),
    ])
    func `what a plugin does wrong when live settings change is said`(
        name: String, members: String, words: String
    ) throws {
        let folder = try Python.plugin(
            name, settings: "strength: { type: number, default: 1, live: true }",
            change: """
                say = Host.say
                Host.say = lambda self, type, **m: say(
                    self, type, **(\(members) if type in ("hello", "applied") else m))
                """)
        defer { try? FileManager.default.removeItem(atPath: folder) }

        let outcome = try check(folder)

        #expect(outcome.status == 1)
        #expect(outcome.output.contains(words), "\(outcome.output)")
    }

    @Test(arguments: [
        ("none", "", "'state: none' promises that a tick depends on its inputs and the settings alone"),
        ("saved", "1", "'state: saved' promises that a process which is given the saved bytes goes on"),
        ("saved", "self.count", "nothing is wrong"),
    ])
    func `a node that forgets when it is killed is found`(
        state: String, saved: String, words: String
    ) throws {
        let folder = try Python.node(
            "counts", state: state,
            """
            @node
            class Counts:
                def __init__(self):
                    self.count = 0

                def __call__(self, frame):
                    self.count += 1
                    return frame + self.count % 7

                def save(self):
                    return bytes([\(saved)])

                def restore(self, state):
                    self.count = state[0]
            """)
        defer { try? FileManager.default.removeItem(atPath: folder) }

        let outcome = try check(folder)

        let isGood = saved == "self.count"
        #expect(outcome.status == (isGood ? 0 : 1), "\(outcome.output)")
        #expect(outcome.output.contains(words), "\(outcome.output)")
        let found = "killed after frame 2, it sent other numbers as frame 3"
        #expect(outcome.output.contains(found) != isGood, "\(outcome.output)")
    }

    /// What `plain_node.py` is changed to do, and what is said of it.
    private static let faults: [(name: String, change: String, words: String)] = [
        (
            "minds-the-weather",
            """
            read = json.loads
            def strict(data):
                message = read(data)
                return {k: {"type": k, **message} for k in ["configure", "connect"]}[message["type"]]
            json.loads = strict
            """, "found:  a control message of type 'weather' was too much for it: KeyError"
        ),
        (
            "loses-the-stamp",
            """
            publish = Host.publish
            Host.publish = lambda self, arrays, stamp: publish(self, arrays, stamp._replace(epoch=0))
            """, "needed: what is sent keeps the stamp of the frame that it was made from"
        ),
        (
            "needs-no-credit",
            """
            hear = Output.hear
            def generous(self, header):
                hear(self, header)
                self.credits += 3
            Output.hear = generous
            """, "found:  message 0 of output 'frame' was sent without a credit"
        ),
        (
            "knows-one-size",
            "Node.process = lambda s, i: {'frame': numpy.zeros((1, 16, 24, 3), numpy.uint8)}",
            "message 0 of output 'frame' is u8 [1, 16, 24, 3], and it must be u8 [1, 7, 5, 3]"
        ),
        (
            "knows-no-shared-memory", "Slots.view = lambda self, place: b''",
            "it gave up before it gave input 'frame' a credit back"
        ),
        (
            "keeps-slots",
            """
            done = Input.done
            def keep(self, header):
                header.place = None
                done(self, header)
            Input.done = keep
            """, "found:  input 'frame' never gave back 3 slots of shared memory"
        ),
        (
            "takes-too-much",
            """
            tell = Input.tell
            def greedy(self, header):
                header.count = 99 if header.kind == HELLO else header.count
                tell(self, header)
            Input.tell = greedy
            """,
            "found:  input 'frame' said hello with 99 credits"
        ),
        (
            "never-leaves", "Host.end_alone = lambda self: time.sleep(60)",
            "found:  it still runs 5 s after its standard input ended"
        ),
        (
            "ends-badly",
            """
            run = Host.run
            Host.run = lambda self: run(self) or 3
            """, "found:  it ended with exit code 3"
        ),
        (
            "says-no-goodbye",
            """
            tell = Input.tell
            Input.tell = lambda self, h: None if h.kind == BYE else tell(self, h)
            """, "it answered the end of input 'frame' with bye"
        ),
        (
            "talks-rubbish", "Host.say = lambda self, *a, **m: self.control.send(b'{]')",
            "found:  its control message cannot be read: {]"
        ),
        (
            "keeps-silent",
            """
            Node.process = lambda self, inputs: None
            report = Host.report
            def silent(self, is_last=True):
                return {key: value for key, value in report(self, is_last).items() if key != "dropped"}
            Host.report = silent
            """,
            "found:  nothing came of frames 0, 1, 2, 5, 6, 7, 8, 40, and its last report does not"
        ),
        ("dies-young", "raise SystemExit('no weights here')", "its last lines: no weights here"),
    ]

    @Test(arguments: faults.map(\.name))
    func `what a plugin does wrong is said, with what would be right`(name: String) throws {
        let fault = try #require(Self.faults.first { $0.name == name })
        let folder = try Python.plugin(
            name, change: fault.change, within: name == "talks-rubbish" ? 1 : 60)

        let outcome = try check(folder, "--patience", "2")

        #expect(outcome.status == 1)
        #expect(outcome.output.contains(fault.words), "\(outcome.output)")
    }

    @Test func `a folder without a plugin, and a setting that is none, are exit code 2`() throws {
        let none = try check("/tmp")
        let unknown = try check("\(Python.plugins)/grayscale-python", "--set", "strenght=1")

        #expect(none.status == 2)
        #expect(unknown.status == 2)
        #expect(unknown.errors.contains("did you mean 'strength'?"))
    }
}

/// The plugins that come with the tool besides the worked example.
@Suite struct ExamplePluginTests {
    private static let film = """
        nodes:
          camera: { use: camera, with: { device: "lavfi:testsrc=size=64x48:rate=25", frames: 5 } }
          grey: { use: grayscale-swift, in: { frame: { from: camera.frame, keep: all } } }
          film:
            use: video-encoder
            in: { frame: grey.frame }
            with: { path: FOLDER/film.mp4, preset: ultrafast }
        """

    /// Whether no pixel of a film is far from grey.
    private func isGrey(_ path: String) throws -> Bool {
        let reader = try VideoReader(path: path)
        let picture = Tensor(repeating: UInt8(0), shape: reader.shape)
        guard case .frame? = try reader.next() else { return false }
        try reader.copyFrame(into: picture)
        let pixels = picture.array
        return stride(from: 0, to: pixels.count, by: 3).allSatisfy { pixel in
            let three = pixels[pixel..<pixel + 3].map(Int.init)
            return three.max()! - three.min()! <= 3
        }
    }

    @Test func `a package of its own that knows only NodeKit makes a node, and has no faults`()
        throws
    {
        let plugin = "\(Python.plugins)/grayscale-swift"
        let tool = try Tool("run", graph: Self.film, "--json")
        tool.plugins = [plugin]

        let checked = try Tool(arguments: ["plugin", "check", plugin]).run()
        let outcome = try tool.run()

        #expect(checked.status == 0, "\(checked.output)\(checked.errors)")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.number("frames_out") == 5)
        #expect(try isGrey("\(tool.folder)/film.mp4"))
    }

    private static let decoded = """
        nodes:
          camera: { use: camera, with: { device: "lavfi:testsrc=size=64x48:rate=25", frames: 4 } }
          encoder:
            use: tiny-encoder
            in: { frame: { from: camera.frame, keep: all } }
            with: { model: mini, weights: synthetic }
          decoder:
            use: KIND
            in: { latent: encoder.latent }
            with: { SETTING }
          film:
            use: video-encoder
            in: { frame: decoder.frame }
            # Each run has a watermark of its own.
            with: { path: FOLDER/film.mp4, crf: 1, label-ai-generated: false }
        """

    @Test(.enabled(if: Python.hasONNX, "python3 with onnxruntime and onnx is not here"))
    func `a decoder exported to ONNX makes the pictures that the tool's own makes`() throws {
        let plugin = "\(Python.plugins)/onnx-decoder"
        let own = try Tool(
            "run",
            graph: Self.decoded.replacing("KIND", with: "tiny-decoder").replacing(
                "SETTING", with: "model: mini, weights: synthetic"))
        let model = "\(own.folder)/taesd.onnx"
        _ = try Tool(
            arguments: [
                "models", "synthesize", own.folder, "--network", "taesd", "--model", "mini",
            ]
        ).run()
        let exported = Python.start(
            ["\(plugin)/export_taesd.py", "\(own.folder)/taesd.safetensors", model])
        let other = try Tool(
            "run",
            graph: Self.decoded.replacing("KIND", with: "onnx-decoder")
                .replacing("SETTING", with: "model: \(model)"), "--json")
        other.plugins = [plugin]

        let checked = try Tool(arguments: ["plugin", "check", plugin, "--set", "model=\(model)"])
            .run()
        let first = try own.run()
        let second = try other.run()

        #expect(exported == 0)
        #expect(checked.status == 0, "\(checked.output)\(checked.errors)")
        #expect(first.status == 0, "\(first.errors)")
        #expect(second.status == 0, "\(second.errors)")
        #expect(second.number("frames_out") == 4)
        let films = ["\(own.folder)/film.mp4", "\(other.folder)/film.mp4"]
        // The same arithmetic in another order: a value that lies between two bytes may go either way.
        let compared = try Tool(arguments: ["compare"] + films + ["--at-least", "50"]).run()
        #expect(compared.status == 0, "\(compared.output)\(compared.errors)")
    }
}
