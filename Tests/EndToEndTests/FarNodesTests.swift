import Foundation
import Glibc
import Testing

/// Nodes on other machines, as far as their agents and edges go: pods that are processes of this one.
@Suite(.serialized) struct FarNodesTests {
    /// Numbers of the frames that came to a sink, in order.
    private func frames(of tool: Tool, in list: String = "list.txt") -> [Int] {
        let text = (try? String(contentsOfFile: tool.path(of: list), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { Int($0.prefix { $0 != " " }) }
    }

    private func goesOn(_ tool: Tool, in list: String = "list.txt") -> Bool {
        let reached = frames(of: tool, in: list).count
        return tool.waitUntil { frames(of: tool, in: list).count > reached + 10 }
    }

    @Test func `inputs go on with producers that nobody elsewhere heard before`() throws {
        let graph = """
            machines: { render: { kubernetes: {} } }
            nodes:
              source: { use: test-source, with: { bytes: 5000, count: 1000000, rate: 60, numbered: true } }
              first: { use: test-stage, machine: render, in: { data: source.data } }
              second: { use: test-stage, machine: render, in: { data: source.data } }
              sink: { use: test-sink, in: { data: first.data }, with: { list: FOLDER/list.txt } }
              copy:
                use: test-sink
                machine: render
                in: { data: second.data }
                with: { list: FOLDER/copy.txt }
            """
        let tool = try Tool("run", graph: graph, "--json")
        try tool.playCluster(["render": "export PERSONALIVE_ADDRESS=127.0.0.2"])
        tool.process.environment?["PERSONALIVE_ADDRESS"] = "127.0.0.1"
        try tool.start()
        #expect(tool.waitUntil { frames(of: tool).count > 5 })

        let file = "\(tool.folder)/edited.yaml"
        try graph.replacing("FOLDER", with: tool.folder)
            .replacing("    in: { data: second.data }", with: "    in: { data: first.data }")
            .replacing("test-sink, in: { data: first.data }", with: "test-sink, in: { data: second.data }")
            .write(toFile: file, atomically: true, encoding: .utf8)
        let change = try tool.ask("apply", file)

        #expect(change.status == 0, "\(change.errors)")
        #expect(goesOn(tool))
        #expect(goesOn(tool, in: "copy.txt"))
        tool.process.interrupt()
        let outcome = tool.finish()
        #expect(outcome.status == 130, "\(outcome.errors)")
        let arrived = frames(of: tool)
        #expect(arrived == Array(0..<arrived.count))
    }

    @Test func `a node that comes again under its old name begins anew where it left`() throws {
        let graph = """
            machines: { render: { kubernetes: {} } }
            nodes:
              source: { use: test-source, with: { bytes: 5000, count: 1000000, rate: 60, numbered: true } }
              first: { use: test-stage, machine: render, in: { data: source.data } }
              sink: { use: test-sink, in: { data: first.data }, with: { list: FOLDER/list.txt } }
            """
        let tool = try Tool("run", graph: graph, "--json")
        try tool.playCluster(["render": "export PERSONALIVE_ADDRESS=127.0.0.2"])
        tool.process.environment?["PERSONALIVE_ADDRESS"] = "127.0.0.1"
        try tool.start()
        #expect(tool.waitUntil { frames(of: tool).count > 5 })
        let file = "\(tool.folder)/edited.yaml"
        let copy = "  copy: { use: test-sink, machine: render, in: { data: first.data }, with: { list: \(tool.folder)/copy.txt } }\n"
        try (graph.replacing("FOLDER", with: tool.folder) + "\n" + copy)
            .write(toFile: file, atomically: true, encoding: .utf8)

        for _ in 0..<2 {
            unlink("\(tool.folder)/copy.txt")
            let come = try tool.ask("apply", file)
            #expect(come.status == 0, "\(come.errors)")
            #expect(goesOn(tool, in: "copy.txt"))
            let gone = try tool.ask("apply", "\(tool.folder)/graph.yaml")
            #expect(gone.status == 0, "\(gone.errors)")
            #expect(tool.waitUntil { tool.nodes["copy"] == nil })
        }

        tool.process.interrupt()
        let outcome = tool.finish()
        #expect(outcome.status == 130, "\(outcome.errors)")
    }

    @Test func `a machine that is away for long uses up nothing of what restart allows`() throws {
        let graph = """
            mode: live
            machines: { render: { kubernetes: {} } }
            nodes:
              source: { use: test-source, with: { bytes: 5000, count: 1000000, rate: 60, numbered: true } }
              first:
                use: test-stage
                machine: render
                in: { data: source.data }
                restart: { limit: 2, within: 60s, backoff: 100ms }
              sink: { use: test-sink, in: { data: first.data }, with: { list: FOLDER/list.txt } }
            """
        let tool = try Tool("run", graph: graph, "--json")
        let (down, number) = ("\(tool.folder)/down", "\(tool.folder)/agent")
        try tool.playCluster(
            ["render": "export PERSONALIVE_ADDRESS=127.0.0.2"],
            first: "if [ -e \(down) ]; then echo 'no route to host' >&2; exit 1; fi; echo $$ >\(number)")
        tool.process.environment?["PERSONALIVE_ADDRESS"] = "127.0.0.1"
        try tool.start()
        #expect(tool.waitUntil { frames(of: tool).count > 5 })
        func tries() -> Int {
            let text = (try? String(contentsOfFile: "\(tool.folder)/kubectl.txt", encoding: .utf8)) ?? ""
            return text.split(separator: "\n").count
        }

        try Data().write(to: URL(fileURLWithPath: down))
        let agent = try String(contentsOfFile: number, encoding: .utf8)
        kill(try #require(Int32(agent.trimmingCharacters(in: .whitespacesAndNewlines))), SIGKILL)
        #expect(tool.waitUntil { tries() >= 5 || !tool.process.isRunning })
        #expect(tool.process.isRunning)
        unlink(down)

        #expect(goesOn(tool))
        tool.process.interrupt()
        let outcome = tool.finish()
        #expect(outcome.status == 130, "\(outcome.errors)")
        #expect(outcome.errors.components(separatedBy: "cannot be reached").count <= 2, "\(outcome.errors)")
    }

    /// An address of this machine that is not the loopback's.
    private static let ownAddress: String? = {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return nil }
        defer { freeifaddrs(list) }
        var next = list
        while let entry = next?.pointee {
            next = entry.ifa_next
            guard let address = entry.ifa_addr, address.pointee.sa_family == sa_family_t(AF_INET) else { continue }
            var host = [CChar](repeating: 0, count: 64)
            getnameinfo(
                address, socklen_t(MemoryLayout<sockaddr_in>.size), &host, socklen_t(host.count), nil, 0,
                NI_NUMERICHOST)
            let text = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if !text.isEmpty, !text.hasPrefix("127.") { return text }
        }
        return nil
    }()

    @Test(.enabled(if: ownAddress != nil, "this machine has no address but the loopback's"))
    func `a consumer that moves finds this machine by the address that its new one sees`() throws {
        let graph = """
            machines: { render: { kubernetes: {} }, decode: { kubernetes: {} } }
            nodes:
              source: { use: test-source, with: { bytes: 5000, count: 1000000, rate: 60, numbered: true } }
              first: { use: test-stage, machine: render, in: { data: source.data } }
              sink: { use: test-sink, in: { data: first.data }, with: { list: FOLDER/list.txt } }
              other: { use: test-source, machine: decode, with: { bytes: 5, count: 1000000, rate: 10 } }
              rest: { use: test-sink, machine: decode, in: { data: other.data } }
            """
        let tool = try Tool("run", graph: graph, "--json")
        try tool.playCluster([
            "render": "export PERSONALIVE_ADDRESS=127.0.0.2 PERSONALIVE_CALLER=\(Self.ownAddress!)",
            "decode": "export PERSONALIVE_ADDRESS=127.0.0.3 PERSONALIVE_CALLER=127.0.0.1",
        ])
        try tool.start()
        #expect(tool.waitUntil { frames(of: tool).count > 5 })

        let swap = try tool.ask("swap", "first", "--machine", "decode")

        #expect(swap.status == 0, "\(swap.errors)")
        #expect(goesOn(tool))
        tool.process.interrupt()
        _ = tool.finish()
    }
}

/// The same with plugins.
@Suite(.serialized, .enabled(if: Python.isComplete, "python3 with zmq and numpy is not here"))
struct FarPluginsTests {
    @Test func `how long a plugin takes to start counts from when its machine was there`() throws {
        let graph = """
            machines: { render: { kubernetes: {} } }
            nodes:
              source: { use: test-source, with: { bytes: 500, count: 20 } }
              stage: { use: passes, machine: render, in: { data: { from: source.data, keep: all } } }
              sink: { use: test-sink, in: { data: { from: stage.data, keep: all } } }
            """
        let tool = try Tool("run", graph: graph, "--json")
        try tool.playCluster(["render": "export PERSONALIVE_ADDRESS=127.0.0.2"], first: "sleep 8")
        tool.process.environment?["PERSONALIVE_ADDRESS"] = "127.0.0.1"
        tool.plugins = [try Python.passing(within: 5)]

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.number("frames_out") == 20)
    }

    @Test func `what a plugin started ends with it`() throws {
        let seconds = Int.random(in: 100_000...999_999)
        let graph = """
            nodes:
              source: { use: test-source, with: { bytes: 500, count: 20 } }
              stage: { use: passes, in: { data: { from: source.data, keep: all } } }
              sink: { use: test-sink, in: { data: { from: stage.data, keep: all } } }
            """
        let tool = try Tool("run", graph: graph, "--json")
        tool.plugins = [
            try Python.passing(before: "subprocess.Popen(['sleep', '\(seconds)'], stdout=-3, stderr=-3)")
        ]

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        let words = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap {
            Int32($0) != nil ? FileManager.default.contents(atPath: "/proc/\($0)/cmdline") : nil
        }
        #expect(!words.contains(Data("sleep\0\(seconds)\0".utf8)))
    }
}
