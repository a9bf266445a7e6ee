import Foundation
import Testing

/// Manifests for a graph's machines, and the graph run through a `kubectl` that plays the cluster.
@Suite struct DeployTests {
    private static let graph = """
        machines:
          render: { kubernetes: { gpus: 1, namespace: talk, node-selector: "pool=h100" }, memory: 16GB }
          decode: { kubernetes: { namespace: talk }, cores: 2 }
        nodes:
          camera: { use: test-source, with: { bytes: 65536, count: 60, numbered: true } }
          denoiser:
            use: test-stage
            machine: render
            in: { data: { from: camera.data, keep: all } }
          decoder:
            use: test-stage
            machine: decode
            in: { data: { from: denoiser.data, keep: all } }
          film:
            use: test-sink
            in: { data: { from: decoder.data, keep: all } }
            with: { list: FOLDER/list.txt }
        """

    private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("validate_manifests.py").path

    @Test(.enabled(if: Python.hasSchemas, "python3 with kubernetes-validate is not here"))
    func `manifests are what the published schemas say`() throws {
        let tool = try Tool("deploy", graph: Self.graph, "--claim", "media")
        tool.process.arguments! += ["--kubernetes", "\(tool.folder)/manifests"]
        let outcome = try tool.run()
        #expect(outcome.status == 0, "\(outcome.errors)")

        let files = ["machines", "network", "supervisor"].map {
            "\(tool.folder)/manifests/\($0).yaml"
        }
        #expect(Python.start([Self.script] + files) == 0)
    }

    @Test func `each machine is a Deployment, and no key is in any file`() throws {
        let tool = try Tool("deploy", graph: Self.graph)
        tool.process.arguments! += ["--kubernetes", "\(tool.folder)/manifests"]
        let outcome = try tool.run()
        #expect(outcome.status == 0, "\(outcome.errors)")

        func text(_ name: String) throws -> String {
            try String(contentsOfFile: "\(tool.folder)/manifests/\(name)", encoding: .utf8)
        }
        let machines = try text("machines.yaml")
        #expect(machines.components(separatedBy: "kind: Deployment").count == 3)
        #expect(machines.contains("nvidia.com/gpu: \"1\""))
        #expect(machines.contains("nodeSelector: { \"pool\": \"h100\" }"))
        #expect(machines.contains("runAsNonRoot: true"))
        #expect(try text("supervisor.yaml").contains("pods/exec"))
        #expect(try text("Containerfile").contains("libzmq5"))
        #expect(try text("Containerfile").contains("models pull face"))
        // What the probes run.
        #expect(machines.contains("exec: { command: [personalive, --version] }"))
        #expect(try Tool(arguments: ["--version"]).run().status == 0)
    }

    @Test(.enabled(if: Python.isComplete, "python3 with zmq and numpy is not here"))
    func `what a cluster does otherwise is said`() throws {
        let folder = try Python.passing()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func deploy(_ graph: String, _ arguments: String...) throws -> String {
            let tool = try Tool("deploy", graph: graph)
            tool.plugins = [folder]
            tool.process.arguments! += ["--kubernetes", "\(tool.folder)/manifests"] + arguments
            let outcome = try tool.run()
            #expect(outcome.status == 0, "\(outcome.errors)")
            return outcome.errors
        }

        let bare = try deploy(Self.graph)
        let claimed = try deploy(
            Self.graph.replacing(
                "use: test-stage\n    machine: render", with: "use: passes\n    machine: render"),
            "--claim", "media")

        #expect(bare.contains("machine 'render' asks for 1 GPU, and none of its nodes uses one"))
        #expect(bare.contains("'kubectl delete job graph-supervisor' first"))
        #expect(!bare.contains("claim") && !bare.contains("plugin"))
        #expect(
            claimed.contains(
                "claim 'media' is mounted by 3 pods: unless its access mode is ReadWriteMany"))
        #expect(
            claimed.contains(
                "node 'denoiser' is the plugin \(folder), which the image does not have"))
        #expect(!claimed.contains("GPU"), "a plugin may use one")
    }

    @Test func `a file's name becomes one that a cluster takes, or is refused in words`() throws {
        let tool = try Tool("deploy", graph: Self.graph)
        func deploy(_ name: String, _ old: String = "", _ new: String = "") throws -> Tool.Outcome {
            let graph = Self.graph.replacing("FOLDER", with: tool.folder)
            try (old.isEmpty ? graph : graph.replacing(old, with: new))
                .write(toFile: "\(tool.folder)/\(name)", atomically: true, encoding: .utf8)
            return try tool.ask(
                "deploy", "\(tool.folder)/\(name)", "--kubernetes", "\(tool.folder)/manifests")
        }

        let renamed = try deploy("3D-Talk-.yaml")
        let blank = try deploy("my talk.yaml")
        let capital = try deploy(
            "talk.yaml", "namespace: talk }, cores", "namespace: talk, deployment: My_Pod }, cores")

        #expect(renamed.status == 0, "\(renamed.errors)")
        let network = try String(
            contentsOfFile: "\(tool.folder)/manifests/network.yaml", encoding: .utf8)
        #expect(network.contains("name: \"graph-3d-talk\""), "\(network)")
        #expect(blank.status == 1)
        #expect(
            blank.errors.contains("'my talk.yaml' cannot be a file of a Secret"), "\(blank.errors)")
        #expect(capital.status == 1)
        #expect(
            capital.errors.contains("'My_Pod' is no name for a Deployment"), "\(capital.errors)")
    }

    @Test func `a graph without such machines is told what to write`() throws {
        let outcome = try Tool(
            "deploy", graph: "nodes: { camera: { use: test-source } }", "--kubernetes", "/tmp/none"
        ).run()

        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("kubernetes: {}"))
    }

    @Test func `a film on another machine is told with its machine, one without frames is not`()
        throws
    {
        let far = Self.graph.replacing("film:\n", with: "film:\n    machine: decode\n")
        func run(_ graph: String) throws -> (tool: Tool, outcome: Tool.Outcome) {
            let tool = try Tool("run", graph: graph, "--quiet")
            try tool.playCluster([
                "render": "export PERSONALIVE_ADDRESS=127.0.0.2",
                "decode": "export PERSONALIVE_ADDRESS=127.0.0.3",
            ])
            tool.process.environment?["PERSONALIVE_ADDRESS"] = "127.0.0.1"
            return (tool, try tool.run())
        }

        let whole = try run(far)
        let empty = try run(far.replacing("count: 60", with: "count: 0"))

        #expect(whole.outcome.status == 0, "\(whole.outcome.errors)")
        #expect(
            whole.outcome.output.contains("\(whole.tool.folder)/list.txt on 'decode'\n"),
            "\(whole.outcome.output)")
        #expect(!empty.outcome.output.contains("on 'decode'"), "\(empty.outcome.output)")
    }

    /// Pods are processes of this machine here, with addresses of their own on the loopback.
    @Test func `a graph runs in pods, over edges with keys, with the frames of one machine`() throws
    {
        let tool = try Tool("run", graph: Self.graph, "--quiet", "--json")
        try tool.playCluster([
            "render": "export PERSONALIVE_ADDRESS=127.0.0.2",
            "decode": "export PERSONALIVE_ADDRESS=127.0.0.3",
        ])
        tool.process.environment?["PERSONALIVE_ADDRESS"] = "127.0.0.1"

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.number("frames_out") == 60)
        let list = try String(contentsOfFile: tool.path(of: "list.txt"), encoding: .utf8)
        let hashes = Set(list.split(separator: "\n").map { $0.split(separator: " ")[1] })
        #expect(hashes.count == 60)
        let asked = try String(contentsOfFile: "\(tool.folder)/kubectl.txt", encoding: .utf8)
        #expect(
            asked.contains(
                "--namespace talk exec -i --pod-running-timeout=4m deployment/personalive-render"))
        #expect(tool.nodes.isEmpty)
    }
}
