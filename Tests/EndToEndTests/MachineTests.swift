import Foundation
import Glibc
import Testing

/// Graphs on several machines, reached by the real `ssh`: `make test-machines` makes the hosts.
@Suite(.serialized, .enabled(if: Hosts.folder != nil, "hosts are made by 'make test-machines'"))
struct MachineTests {
    private static func graph(count: Int, rate: Int = 0) -> String {
        Hosts.machines + """
            nodes:
              source:
                use: test-source
                machine: pl-b
                with: { bytes: 100000, count: \(count), rate: \(rate) }
              stage: { use: test-stage, machine: pl-b, in: { data: source.data } }
              sink: { use: test-sink, machine: pl-b, in: { data: stage.data } }
            """
    }

    private func tool(_ graph: String) throws -> Tool {
        let tool = try Tool("run", graph: graph, "--json")
        tool.enter(Hosts.here)
        return tool
    }

    @Test func `a graph runs on another machine and leaves nothing there`() throws {
        let tool = try tool(Self.graph(count: 200))

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.number("frames_out") == 200)
        #expect(Hosts.processes(on: Hosts.middle).isEmpty)
    }

    @Test func `a killed node of another machine is started again there, and no frame is lost`() throws {
        let tool = try tool(Self.graph(count: 300, rate: 100))
        try tool.start()
        var stage: Int32?
        #expect(tool.waitUntil {
            stage = Hosts.process(of: "stage", on: Hosts.middle)
            return stage != nil && tool.runs
        })

        _ = stage.map { kill($0, SIGKILL) }
        let outcome = tool.finish()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.number("frames_out") == 300)
        #expect(outcome.errors.contains("node 'stage' (test-stage) ended: signal 9"))
    }

    @Test func `when the supervisor is killed nothing goes on running elsewhere`() throws {
        let tool = try tool(Self.graph(count: 100_000, rate: 100))
        try tool.start()
        #expect(tool.waitUntil { tool.runs })
        #expect(Hosts.processes(on: Hosts.middle).count == 4)

        kill(tool.process.processIdentifier, SIGKILL)

        #expect(tool.waitUntil { Hosts.processes(on: Hosts.middle).isEmpty })
    }

    @Test func `a machine that is gone ends an offline run by its name`() throws {
        let tool = try tool(Self.graph(count: 100_000, rate: 100))
        try tool.start()
        #expect(tool.waitUntil { tool.runs })

        try Hosts.setCable(of: Hosts.middle, "down")
        defer { try? Hosts.setCable(of: Hosts.middle, "up") }
        let outcome = tool.finish()

        #expect(outcome.status == 3)
        #expect(
            outcome.errors.contains(
                "its machine 'pl-b' (ssh pl-b) was lost: nothing was heard of it for 15 s"))
        // Its own agent has seen the same from the other side.
        #expect(tool.waitUntil { Hosts.processes(on: Hosts.middle).isEmpty })
    }

    @Test func `a host whose key nobody knows is not trusted, and the message says what to do`() throws {
        let config = try String(contentsOfFile: "\(Hosts.folder!)/ssh_config", encoding: .utf8)
        let graph = Self.graph(count: 1).replacing("\(Hosts.folder!)/ssh_config", with: "FOLDER/config")
        let tool = try tool(graph)
        try config.replacing("\(Hosts.folder!)/known_hosts", with: "/dev/null")
            .write(toFile: "\(tool.folder)/config", atomically: true, encoding: .utf8)

        let outcome = try tool.run()

        #expect(outcome.status == 3)
        #expect(outcome.errors.contains("machine 'pl-b' (ssh pl-b) cannot be reached"))
        #expect(outcome.errors.contains("Host key verification failed"))
        #expect(outcome.errors.contains("connect once by hand ('ssh pl-b')"))
    }
}

extension Tool {
    /// Whether the run's sources were told to begin.
    var runs: Bool {
        guard let status = try? ask("status", "--json") else { return false }
        return status.output.contains("\"state\" : \"running\"")
            && !status.output.contains("\"state\" : \"loading\"")
    }
}
