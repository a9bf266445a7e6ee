import Foundation
import Testing

/// Plugins on other machines, and people who look on at nodes there.
extension MachineTests {
    private static func grey(_ kind: String, _ first: String, _ second: String) -> String {
        Hosts.machines + """
            nodes:
              # It waits where a camera would drop: the program in C is compiled first.
              camera: { use: video-file, with: { path: Models/demo/driving.mp4, frames: 120, realtime: true } }
              grey: { use: \(kind), machine: \(first), in: { frame: { from: camera.frame, keep: all } } }
              again: { use: \(kind), machine: \(second), in: { frame: grey.frame } }
              list: { use: frame-list, in: { frame: again.frame }, with: { path: FOLDER/frames.txt } }
            """
    }

    /// Runs it and returns frame and hash of each that came.
    private func frames(_ graph: String, _ during: (Tool) throws -> Void = { _ in }) throws -> [Substring] {
        let tool = try tool(graph)
        tool.plugins = [Python.plugins]
        try tool.start()
        #expect(tool.waitUntil { tool.runs })
        try during(tool)
        let outcome = tool.finish()
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.number("frames_unaccounted") == 0)
        #expect(Hosts.processes(on: Hosts.middle).isEmpty)
        let text = try String(contentsOfFile: tool.path(of: "frames.txt"), encoding: .utf8)
        return text.split(separator: "\n").compactMap { line in
            line.lastIndex(of: " ").map { line[..<$0] }
        }
    }

    @Test(
        .enabled(if: Python.isComplete, "python3 with zmq and numpy is not here"),
        arguments: ["grayscale", "grayscale-c"])
    func `nodes in Python and C on other machines make the frames that they make here, and move`(
        kind: String
    ) throws {
        let one = try frames(Self.grey(kind, "local", "local"))
        let three = try frames(Self.grey(kind, "pl-b", "pl-c")) { tool in
            let status = try tool.ask("status")
            #expect(status.output.contains(" on pl-b"), "\(status.output)")
            let move = try tool.ask("swap", "grey", "--machine", "pl-c")
            #expect(move.status == 0, "\(move.errors)")
        }

        #expect(one.count == 120)
        #expect(three == one)
    }

    @Test(.enabled(if: Python.isComplete, "python3 with numpy is not here"))
    func `what a plugin needs is looked for on its machine, by doctor and by its node`() throws {
        let plugin = try Python.node(
            "asks", more: "requirements: requirements.txt", "@node\ndef asks(frame):\n    return frame")
        defer { try? FileManager.default.removeItem(atPath: plugin) }
        try Data("pl-no-such-package>=3\n".utf8)
            .write(to: URL(fileURLWithPath: "\(plugin)/requirements.txt"))
        let graph = Hosts.machines + """
            nodes:
              camera: { use: camera, with: { device: "lavfi:testsrc=size=64x48:rate=25", frames: 5 } }
              asks: { use: asks, machine: pl-b, in: { frame: { from: camera.frame, keep: all } } }
              list: { use: frame-list, in: { frame: asks.frame }, with: { path: FOLDER/list.txt } }
            """
        let (run, doctor) = (try tool(graph), try Tool("doctor", graph: graph))
        doctor.enter(Hosts.here)
        run.plugins = [plugin]
        doctor.plugins = [plugin]

        let (ran, looked) = (try run.run(), try doctor.run())

        let words = "requirements.txt: pl-no-such-package (>=3) is not there: "
        #expect(looked.status == 1)
        #expect(looked.output.contains("✗   \(plugin)/\(words)"), "\(looked.output)\(looked.errors)")
        #expect(ran.status == 3)
        #expect(ran.errors.contains("node 'asks' (asks) failed: \(plugin)/\(words)"), "\(ran.errors)")
    }

    @Test(.enabled(if: Python.isComplete, "python3 with zmq and numpy is not here"))
    func `live settings change on other machines, in plugins too, without another process`() throws {
        let graph = Hosts.machines + """
            nodes:
              source: { use: test-source, with: { bytes: 4096, count: 1000000, rate: 60 } }
              stage: { use: test-stage, machine: pl-b, in: { data: source.data } }
              sink: { use: test-sink, in: { data: stage.data }, with: { list: FOLDER/list.txt } }
              camera: { use: camera, with: { device: "lavfi:testsrc=size=64x48:rate=25" } }
              grey: { use: grayscale, machine: pl-c, in: { frame: { from: camera.frame, keep: all } } }
              frames: { use: frame-list, in: { frame: grey.frame }, with: { path: FOLDER/frames.txt } }
            """
        let tool = try tool(graph)
        tool.plugins = [Python.plugins]
        try tool.start()
        #expect(tool.waitForFile("list.txt", bytes: 1) && tool.waitForFile("frames.txt", bytes: 1))
        let before = try tool.ask("status")
        let done = try tool.ask("set", "stage.add=3", "grey.strength=0.5")
        let after = try tool.ask("status")
        tool.process.interrupt()
        let outcome = tool.finish()

        #expect(done.status == 0, "\(done.errors)")
        #expect(done.output.matches(of: /from frame [0-9]+ on/).count == 2, "\(done.output)\(done.errors)")
        #expect(after.output.contains("add 3") && after.output.contains("strength 0.5"), "\(after.output)")
        let processes = [before, after].map { status in
            status.output.matches(of: /process ([0-9]+)/).map(\.1)
        }
        #expect(processes[0].count == 6 && processes[0] == processes[1], "\(after.output)")
        #expect(outcome.number("frames_unaccounted") == 0, "\(outcome.output)")
    }

    @Test func `record and shadow see nodes of other machines`() throws {
        let graph = Hosts.machines + """
            nodes:
              camera: { use: camera, with: { device: "lavfi:testsrc=size=48x40:rate=25" } }
              encoder:
                use: tiny-encoder
                machine: pl-b
                in: { frame: { from: camera.frame, keep: all } }
                with: { variant: flux2, weights: synthetic }
              decoder: { use: tiny-decoder, machine: pl-c, in: { latent: encoder.latent }, with: { variant: flux2, weights: synthetic } }
              list: { use: frame-list, in: { frame: decoder.frame }, with: { path: FOLDER/list.txt } }
            """
        let tool = try tool(graph)
        try tool.start()
        #expect(tool.waitForFile("list.txt", bytes: 1))

        let record = try tool.ask("record", "-", "decoder.frame", "\(tool.folder)/decoder.rec", "--frames", "20")
        let shadow = try tool.ask(
            "swap", "decoder=tiny-decoder", "--set", "variant=flux2", "--shadow", "--seconds", "4")
        tool.process.interrupt()
        let outcome = tool.finish()

        #expect(record.status == 0, "\(record.errors)")
        #expect(record.output.contains("20 messages"), "\(record.output)")
        #expect(shadow.status == 0, "\(shadow.errors)")
        #expect(shadow.output.contains("'tiny-decoder' and 'tiny-decoder': no pixel differs"), "\(shadow.output)")
        #expect(outcome.number("frames_unaccounted") == 0, "\(outcome.errors)")
        #expect(tool.waitUntil { Hosts.processes(on: Hosts.last).isEmpty })
    }
}
