import Foundation
import NodeKit
import Testing

/// `personalive plugin run` as a program: one plugin without a graph.
@Suite(.enabled(if: Python.isComplete, "python3 with numpy is not here"))
struct PluginRunTests {
    private func run(_ arguments: String...) throws -> Tool.Outcome {
        try Tool(arguments: ["plugin", "run"] + arguments).run()
    }

    /// A recording of twelve frames, and of what the plugin makes of them in a graph.
    private func recorded() throws -> Tool {
        let tool = try Tool(
            "run",
            graph: """
                nodes:
                  camera: { use: video-file, with: { path: Models/demo/driving.mp4, frames: 12 } }
                  grey: { use: grayscale, in: { frame: { from: camera.frame, keep: all } } }
                  before:
                    use: record
                    in: { frame: { from: camera.frame, keep: all } }
                    with: { path: FOLDER/before.rec }
                  after: { use: record, in: { frame: grey.frame }, with: { path: FOLDER/after.rec } }
                """)
        tool.plugins = [Python.plugins]
        let outcome = try tool.run()
        try #require(outcome.status == 0, "\(outcome.errors)")
        return tool
    }

    /// What tells one message from another, the time of its capture left out.
    private struct Sent: Equatable {
        let frame: UInt64
        let presentation, duration: Int64
        let shape: [Int]
        let bytes: [UInt8]
    }

    private func messages(_ path: String) throws -> [Sent] {
        let reader = try Recording.Reader(path: path)
        var sent: [Sent] = []
        while let message = try reader.next() {
            sent.append(
                Sent(
                    frame: message.stamp.frame, presentation: message.stamp.presentation,
                    duration: message.stamp.duration, shape: message.tensor.shape,
                    bytes: message.tensor.withBytes { Array($0) }))
        }
        return sent
    }

    @Test func `a recorded edge makes what it makes in a graph, bit for bit`() throws {
        let graph = try recorded()
        let own = "\(graph.folder)/own.rec"

        let outcome = try run(
            "\(Python.plugins)/grayscale-python/node.yaml", "\(graph.folder)/before.rec", "--output", own)

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("grayscale: in 12 frame; out 12 frame"), "\(outcome.output)")
        #expect(outcome.output.contains("(p95)"), "\(outcome.output)")
        let made = try messages(own)
        #expect(made.count == 12)
        let after = try messages("\(graph.folder)/after.rec")
        #expect(made == after)
    }

    @Test func `pictures are made of what was made up, in the size that was asked for`() throws {
        let tool = try Tool(arguments: [])
        let folder = "\(tool.folder)/pictures/"

        let outcome = try run(
            "\(Python.plugins)/grayscale-python", "--axis", "h=32", "--axis", "w=48", "--frames", "3",
            "--output", folder, "--json")

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect((outcome.object["outputs"] as? [String: Int]) == ["frame": 3], "\(outcome.output)")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        #expect(names == ["000000.png", "000001.png", "000002.png"])
    }

    private static let passes = "@node\ndef passes(frame):\n"

    @Test(arguments: [
        (
            "    if stamp().frame == 3:\n        raise ValueError('no such face')\n    return frame",
            "error: 'faulty' failed at frame 3: plugin.py:6: ValueError: no such face"
        ),
        (
            "    import os\n    if stamp().frame == 3:\n        os._exit(9)\n    return frame",
            "error: 'faulty' failed with frame "
        ),
    ])
    func `an exception and an exit are named with the frame at which they came`(
        program: String, words: String
    ) throws {
        let folder = try Python.node("faulty", Self.passes + program)
        defer { try? FileManager.default.removeItem(atPath: folder) }

        let outcome = try run(folder)

        #expect(outcome.status == 1)
        #expect(outcome.errors.contains(words), "\(outcome.errors)")
        let isKnown = outcome.errors.contains("ValueError")
        #expect(isKnown || outcome.errors.contains("3 under way: exit code 9")
            || outcome.errors.contains("3 or 4 under way: exit code 9"), "\(outcome.errors)")
    }

    @Test(arguments: [
        (
            "    return frame[:, ::2].copy()",
            "message 0 of output 'frame' is u8 [1, 8, 24, 3], and it must be u8 [1, 16, 24, 3]"
        ),
        (
            "    import time\n    if stamp().frame == 3:\n        time.sleep(60)\n    return frame",
            "within 2.0 s there was nothing of this: it was done with frame 3 of input 'frame'"
        ),
    ])
    func `a shape that is not the port's, and a tick without an end, are found`(
        program: String, words: String
    ) throws {
        let folder = try Python.node("faulty", Self.passes + program)
        defer { try? FileManager.default.removeItem(atPath: folder) }

        let outcome = try run(folder, "--patience", "2")

        #expect(outcome.status == 1)
        #expect(outcome.output.contains(words), "\(outcome.output)\(outcome.errors)")
    }

    @Test func `a recording that the plugin cannot take is refused before anything is started`() throws {
        let graph = try recorded()
        let file = "\(graph.folder)/before.rec"
        let folder = try Python.passing()
        defer { try? FileManager.default.removeItem(atPath: folder) }

        let other = try run(folder, file)
        let none = try run("\(Python.plugins)/grayscale-python", "\(graph.folder)/graph.yaml")
        let axis = try run("\(Python.plugins)/grayscale-python", "--axis", "height=3")

        #expect(other.status == 2)
        let words = "(rgb) of 'camera.frame', and input 'data' takes u8 [bytes] (bytes)"
        #expect(other.errors.contains(words), "\(other.errors)")
        #expect(none.status == 2)
        #expect(none.errors.contains("graph.yaml is no recording"), "\(none.errors)")
        #expect(axis.status == 2)
        #expect(axis.errors.contains("has an axis 'height': there are h, n, w"), "\(axis.errors)")
    }
}
