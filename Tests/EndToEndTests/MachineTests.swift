import Foundation
import Glibc
import Media
import Tensors
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

    func tool(_ graph: String) throws -> Tool {
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

    @Test func `nodes move between machines while the graph runs, and no frame is lost`() throws {
        let graph = Hosts.machines + """
            nodes:
              source: { use: test-source, with: { bytes: 100000, count: 1000, rate: 100, numbered: true } }
              stage: { use: test-stage, machine: pl-b, in: { data: source.data } }
              sink:
                use: test-sink
                machine: pl-c
                in: { data: stage.data }
                with: { list: FOLDER/frames.txt }
            """
        let tool = try tool(graph)
        try tool.start()
        #expect(tool.waitUntil { tool.runs })

        let moves = try ["pl-c", "local", "pl-b"].map {
            try tool.ask("swap", "stage", "--machine", $0)
        }
        let outcome = tool.finish()

        #expect(moves.map(\.status) == [0, 0, 0], "\(moves.map(\.errors))")
        #expect(moves[0].output.contains("'stage' is 'test-stage' on 'pl-c' now"))
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.number("frames_out") == 1000)
        #expect(outcome.number("frames_unaccounted") == 0)
        let log = try String(contentsOfFile: tool.path(of: "frames.txt"), encoding: .utf8)
        let frames = log.split(separator: "\n").compactMap { $0.split(separator: " ").first }
        #expect(frames.compactMap { Int($0) } == Array(0..<1000))
    }

    // MARK: The portrait graph

    /// The demo's graph, its denoiser on one machine and what makes pictures on another.
    private static func portrait(machines: String, denoiser: String, decoder: String) -> String {
        """
        \(machines)
        nodes:
          portrait: { use: image-file, with: { path: Models/demo/portrait.png } }
          camera: { use: video-file, with: { path: FOLDER/driving.mp4 } }
          keypoints:
            use: keypoint-extractor
            in: { frame: camera.frame, portrait: portrait.image }
            with: { model: small, weights: Models/small }
          motion:
            use: motion-encoder
            in: { face: keypoints.face, portrait-face: keypoints.portrait-face }
            with: { model: small, weights: Models/small }
          denoiser:
            use: denoiser
            machine: \(denoiser)
            in:
              keypoints: keypoints.keypoints
              motion: motion.motion
              portrait: portrait.image
            with: { model: small, weights: Models/small }
          decoder:
            use: tiny-decoder
            machine: \(decoder)
            in: { latent: denoiser.latent }
            with: { model: small, weights: Models/small }
          encoder:
            use: video-encoder
            machine: \(decoder)
            in: { frame: decoder.frame }
            with: { path: FOLDER/portrait.mp4, label-ai-generated: false }
        """
    }

    /// Runs it on some frames and returns the film's bytes.
    private func film(_ graph: String, frames: Int = 80, _ during: (Tool) throws -> Void = { _ in })
        throws -> Data
    {
        let tool = try tool(graph)
        let writer = try VideoWriter(path: "\(tool.folder)/driving.mp4")
        let driving = try VideoReader(path: "Models/demo/driving.mp4")
        let picture = Tensor<UInt8>(repeating: 0, shape: [1, driving.height, driving.width, 3])
        var count = 0
        while count < frames, let item = try driving.next() {
            guard case .frame = item else { continue }
            try driving.copyFrame(into: picture)
            try writer.write(picture, presentation: Int64(count) * 40_000_000, duration: 40_000_000)
            count += 1
        }
        try writer.finish()
        try tool.start()
        try during(tool)
        let outcome = tool.finish()
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.number("frames_in") == frames)
        #expect(outcome.number("frames_out") == frames)
        return try Data(contentsOf: URL(fileURLWithPath: "\(tool.folder)/portrait.mp4"))
    }

    /// Without marks, which name the run.
    @Test func `the portrait graph over three machines makes the same film, bit for bit`() throws {
        let one = try film(Self.portrait(machines: "", denoiser: "local", decoder: "local"))

        let three = try film(
            Self.portrait(machines: Hosts.machines, denoiser: "pl-b", decoder: "pl-c"))
        let swapped = try film(
            Self.portrait(machines: Hosts.machines, denoiser: "pl-b", decoder: "pl-c")
        ) { tool in
            #expect(tool.waitUntil { tool.runs })
            let swap = try tool.ask("swap", "decoder", "--machine", "local")
            #expect(swap.status == 0, "\(swap.errors)")
        }

        #expect(one.count > 1000)
        #expect(three == one)
        #expect(swapped == one)
    }

    @Test(.enabled(if: Hosts.hasSlurm, "no Slurm is running on the hosts"))
    func `the portrait graph over two nodes of a Slurm cluster makes the same film`() throws {
        let machines = """
            machines:
              pl-b: { slurm: { partition: main } }
              pl-c: { slurm: { partition: main } }
            """
        let one = try film(Self.portrait(machines: "", denoiser: "local", decoder: "local"))

        let two = try film(Self.portrait(machines: machines, denoiser: "pl-b", decoder: "pl-c"))

        #expect(two == one)
        #expect(Self.jobs.isEmpty)
    }

    @Test(.enabled(if: Hosts.hasSlurm, "no Slurm is running on the hosts"))
    func `machines that ask for different things are one heterogeneous job`() throws {
        let graph = """
            machines:
              big: { slurm: { constraint: big, gres: "card:1" }, memory: 500MB }
              small: { slurm: { constraint: small } }
            nodes:
              source: { use: test-source, with: { bytes: 100000, count: 50 } }
              stage: { use: test-stage, machine: big, in: { data: source.data } }
              sink: { use: test-sink, machine: small, in: { data: stage.data } }
            """

        let outcome = try tool(graph).run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.number("frames_out") == 50)
        #expect(Self.jobs.isEmpty)
    }

    /// Jobs of the cluster, one a line.
    private static var jobs: String {
        let listing = Process(), output = Pipe()
        listing.executableURL = URL(fileURLWithPath: "/usr/bin/squeue")
        listing.arguments = ["--noheader", "--states=RUNNING,PENDING"]
        listing.standardOutput = output
        guard (try? listing.run()) != nil else { return "squeue cannot be started" }
        let data = output.fileHandleForReading.readAll()
        listing.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }

    // MARK: Doctor

    @Test func `doctor looks at machines, files and links, and names what is missing`() throws {
        let graph = Self.portrait(machines: Hosts.machines, denoiser: "pl-b", decoder: "pl-c")
            .replacing("FOLDER/driving.mp4", with: "Models/demo/driving.mp4")
        let tool = try Tool("doctor", graph: graph, "--megabytes", "8")
        tool.enter(Hosts.here)

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        #expect(outcome.output.contains("pl-b (ssh pl-b): reached in"))
        #expect(outcome.output.contains("program: the same as here; libraries: found"))
        #expect(outcome.output.contains(".safetensors: there"))
        #expect(outcome.output.contains("pl-b → pl-c: connects with this run's keys"))
        #expect(outcome.output.contains("all is well"))

        let lost = try Tool(
            "doctor", graph: graph.replacing("pl-c: { ssh: { host: pl-c", with: "pl-c: { ssh: { host: pl-x"))
        lost.enter(Hosts.here)
        let second = try lost.run()
        #expect(second.status == 1)
        #expect(second.output.contains("machine 'pl-c' (ssh pl-x) cannot be reached"))
    }

    // MARK: Trust

    @Test func `a live graph goes on when the way to a machine was lost and is found again`() throws {
        let graph = "mode: live\n" + Hosts.machines + """
            nodes:
              source: { use: test-source, with: { bytes: 100000, count: 1000, rate: 100 } }
              stage: { use: test-stage, machine: pl-b, in: { data: source.data } }
              sink: { use: test-sink, machine: pl-c, in: { data: stage.data } }
            """
        let tool = try tool(graph)
        try tool.start()
        #expect(tool.waitUntil { tool.runs })

        let agent = Hosts.processes(on: Hosts.middle).first { $0.value.last == "agent" }
        _ = agent.map { kill($0.key, SIGKILL) }
        let outcome = tool.finish()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains("machine 'pl-b' (ssh pl-b) was lost"))
        #expect(outcome.number("frames_in") == 1000)
        #expect(outcome.number("frames_out").map { $0 > 250 } ?? false)
        #expect(outcome.number("frames_unaccounted") == 0)
    }

    @Test func `what crosses a link cannot be read there`() throws {
        let graph = Hosts.machines + """
            nodes:
              source: { use: test-source, with: { bytes: 100000, count: 50 } }
              sink: { use: test-sink, machine: pl-b, in: { data: source.data } }
            """
        let hidden = try heard(graph)
        let open = try heard(graph.replacing("  pl-b: {", with: "  pl-b: { insecure: true,"))

        // The kernel may drop packets that a slow listener has no room for.
        #expect(hidden.bytes > 1_000_000, "\(hidden)")
        #expect(hidden.clear == 0, "\(hidden)")
        #expect(open.clear > 20, "\(open)")
    }

    private struct Heard: Decodable { var bytes, clear, dropped: Int }

    /// Runs a graph with somebody who listens to the cable of the middle host.
    private func heard(_ graph: String) throws -> Heard {
        let tool = try tool(graph)
        let listener = Process(), input = Pipe(), output = Pipe()
        listener.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        listener.arguments = ["python3", "Tests/Machines/listen.py", Hosts.middle]
        (listener.standardInput, listener.standardOutput) = (input, output)
        try listener.run()
        // It says that it listens.
        #expect(!output.fileHandleForReading.availableData.isEmpty)
        let outcome = try tool.run()
        #expect(outcome.status == 0, "\(outcome.errors)")
        try input.fileHandleForWriting.close()
        let words = output.fileHandleForReading.readAll()
        listener.waitUntilExit()
        return try JSONDecoder().decode(Heard.self, from: words)
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
