import Foundation
import Glibc
import Testing

/// Processes that do not do what is expected of them, from their start to their exit.
@Suite(.serialized, .enabled(if: Python.isComplete, "python3 with zmq and numpy is not here"))
struct LifeTests {
    private static func graph(_ kind: String, count: Int = 20) -> String {
        """
        nodes:
          source: { use: test-source, with: { bytes: 500, count: \(count), rate: 60 } }
          stage: { use: \(kind), in: { data: { from: source.data, keep: all } } }
          sink: { use: test-sink, in: { data: { from: stage.data, keep: all } } }
          other: { use: test-sink, in: { data: { from: source.data, keep: all } } }
        """
    }

    private static func plugin(_ kind: String, _ change: String) throws -> String {
        try Python.plugin(
            kind, inputs: "data: { type: u8, axes: n, meaning: bytes }",
            outputs: "data: { type: u8, axes: n, meaning: bytes }",
            change: "Node.process = lambda self, inputs: {'data': inputs['data']}\n" + change)
    }

    @Test func `a node that is done and does not exit is named and ended, and the run is complete`()
        throws
    {
        let tool = try Tool("run", graph: Self.graph("lingers"), "--json")
        tool.plugins = [
            try Self.plugin(
                "lingers",
                """
                import atexit
                atexit.register(lambda: (signal.signal(signal.SIGTERM, signal.SIG_IGN), time.sleep(1000)))
                """)
        ]
        try tool.start()
        // A run that waits for ever is a failure, not a test that waits with it.
        let isOver = tool.waitUntil { !tool.process.isRunning }
        if !isOver {
            tool.kill("stage")
            kill(tool.process.processIdentifier, SIGKILL)
        }
        let outcome = tool.finish()

        #expect(isOver)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.number("frames_out") == 20)
        #expect(outcome.errors.contains("warning: stage: it sent 'done'"), "\(outcome.errors)")
        #expect(tool.waitUntil { tool.nodes.isEmpty })
    }

    @Test func `after the second Ctrl-C a run is over in five seconds whatever its children do`()
        throws
    {
        let tool = try Tool("run", graph: Self.graph("deaf", count: 100_000), "--json")
        tool.plugins = [
            try Self.plugin(
                "deaf",
                """
                def turn_deaf():
                    open("deaf.txt", "w").close()
                    signal.signal(signal.SIGTERM, signal.SIG_IGN)
                    time.sleep(1000)
                on_message(3, turn_deaf)
                """)
        ]
        tool.process.currentDirectoryURL = URL(fileURLWithPath: tool.folder)
        try tool.start()
        #expect(
            tool.waitUntil { FileManager.default.fileExists(atPath: "\(tool.folder)/deaf.txt") })

        tool.process.interrupt()
        #expect(tool.waitUntil { tool.errorsSoFar.contains("finishing the frames under way") })
        tool.process.interrupt()
        let second = ContinuousClock.now
        let outcome = tool.finish()
        let elapsed = ContinuousClock.now - second

        #expect(elapsed < .seconds(5), "\(elapsed)")
        #expect(outcome.status == 130, "\(outcome.errors)")
        #expect(tool.waitUntil { tool.nodes.isEmpty })
        #expect(tool.traces.isEmpty)
    }

    @Test
    func `a plugin gets configure, connect and start, and no reconnect where nothing was replaced`()
        throws
    {
        let tool = try Tool("run", graph: Self.graph("notes"), "--json")
        tool.plugins = [
            try Self.plugin(
                "notes",
                """
                read = json.loads
                def note(text):
                    message = read(text)
                    open("heard.txt", "a").write(message["type"] + "\\n")
                    return message
                json.loads = note
                """)
        ]
        tool.process.currentDirectoryURL = URL(fileURLWithPath: tool.folder)
        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        let heard = try String(contentsOfFile: "\(tool.folder)/heard.txt", encoding: .utf8)
            .split(separator: "\n")
        #expect(heard.prefix(3) == ["configure", "connect", "start"])
        #expect(!heard.contains("reconnect"))
    }

    @Test func `a node cannot blame one that is not its neighbour`() throws {
        let tool = try Tool("run", graph: Self.graph("accuses"), "--json")
        tool.plugins = [
            try Self.plugin(
                "accuses",
                "on_message(5, lambda: (HOST.say('failed', reason='it is the other', culprit='other'), time.sleep(1000)))"
            )
        ]

        let outcome = try tool.run()

        #expect(outcome.status == 3)
        #expect(
            outcome.errors.contains("node 'stage' (accuses) failed: it is the other"),
            "\(outcome.errors)")
        #expect(
            outcome.errors.contains("'other', which is no neighbour of it"), "\(outcome.errors)")
    }

    @Test func `a Slurm cluster that takes its time holds up no answer and no Ctrl-C`() throws {
        let graph = """
            machines: { far: { slurm: {} } }
            nodes:
              source: { use: test-source, with: { bytes: 500, count: 20 } }
              sink: { use: test-sink, machine: far, in: { data: source.data } }
            """
        let tool = try Tool("run", graph: graph, "--json")
        let bin = "\(tool.folder)/bin"
        try FileManager.default.createDirectory(atPath: bin, withIntermediateDirectories: true)
        for program in ["sbatch", "srun", "squeue", "scancel"] {
            let text = "#!/bin/sh\ntouch \(tool.folder)/\(program).txt\nexec sleep 40\n"
            try Data(text.utf8).write(to: URL(fileURLWithPath: "\(bin)/\(program)"))
            chmod("\(bin)/\(program)", 0o755)
        }
        let path = tool.process.environment?["PATH"] ?? "/usr/bin:/bin"
        tool.process.environment?["PATH"] = "\(bin):\(path)"
        tool.process.environment?["SLURM_JOB_ID"] = nil
        try tool.start()
        #expect(
            tool.waitUntil { FileManager.default.fileExists(atPath: "\(tool.folder)/sbatch.txt") })

        let status = try tool.ask("status")
        let interrupted = ContinuousClock.now
        tool.process.interrupt()
        let outcome = tool.finish()

        #expect(status.status == 0, "\(status.errors)")
        #expect(status.output.contains("starting"), "\(status.output)")
        #expect(ContinuousClock.now - interrupted < .seconds(5))
        #expect(outcome.status == 130, "\(outcome.errors)")
    }
}
