import Dataflow
import NodeKit
import Testing

/// One change to a graph without faults, and the one fault that it makes.
struct Mutation: Sendable, CustomTestStringConvertible {
    let from: String
    let to: String
    let code: String
    let place: String
    let hint: String?

    init(_ from: String, _ to: String, _ code: String, _ place: String, _ hint: String? = nil) {
        self.from = from
        self.to = to
        self.code = code
        self.place = place
        self.hint = hint
    }

    var testDescription: String { "\(code): \(to)" }
}

@Suite struct FaultTests {
    static let mutations = [
        Mutation("settings:", "setings:", "unknown-key", "1:1", "did you mean 'settings'?"),
        Mutation("use: vae-decoder", "uses: vae-decoder", "unknown-key", "20:5"),
        Mutation("use: vae-decoder", "use: vae-decodr", "unknown-kind", "20:10"),
        Mutation("use: vae-decoder", "use:", "no-value", "20:5"),
        Mutation("use: vae-decoder", "use: ${driving}", "reference-not-allowed", "20:10"),
        Mutation("use: vae-decoder", "use: [a, b]", "wrong-shape", "20:10"),
        Mutation(
            "use: vae-decoder", "use: vae-decoder\n    restart: ignore", "ignored-with-outputs",
            "21:14", "'ignore' is for nodes without outputs; leave it out here"),
        Mutation(
            "use: vae-decoder", "use: vae-decoder\n    restart: { then: maybe }", "not-a-choice",
            "21:22"),
        Mutation(
            "use: vae-decoder", "use: vae-decoder\n    restart: often", "wrong-shape", "21:14"),
        Mutation("use: vae-decoder", "use: blur", "unknown-input", "21:11"),
        Mutation(
            "denoiser.latent }", "denoiser.latnt }", "unknown-output", "21:19",
            "did you mean 'denoiser.latent'?"),
        Mutation(
            "denoiser.latent }", "denoser.latent }", "unknown-node", "21:19",
            "did you mean 'denoiser.latent'?"),
        Mutation(
            "denoiser.latent }", "denoiser }", "malformed-source", "21:19",
            "write 'denoiser.latent'"),
        Mutation(
            "denoiser.latent }", "denoiser/latent }", "malformed-source", "21:19",
            "did you mean 'denoiser.latent'?"),
        Mutation("denoiser.latent }", "denoiser.latent.x }", "malformed-source", "21:19"),
        Mutation("denoiser.latent }", "[denoiser.latent] }", "wrong-shape", "21:19"),
        Mutation("denoiser.latent }", "}", "no-value", "21:11"),
        Mutation(
            "latent: denoiser.latent", "laten: denoiser.latent", "unknown-input", "21:11",
            "did you mean 'latent'?"),
        Mutation(
            "{ latent: denoiser.latent }", "{}", "unconnected-input", "19:3",
            "connect it under 'in:' to 'denoiser.latent'"),
        Mutation("denoiser.latent }", "camera.frame }", "element-types-differ", "21:19"),
        Mutation("denoiser.latent }", "motion.motion }", "meanings-differ", "21:19"),
        Mutation("denoiser.latent }", "decoder.frame }", "self-edge", "21:19"),
        Mutation("frame: camera.frame", "frame: decoder.frame", "cycle", "12:18"),
        Mutation("keep: all", "keep: al", "not-a-choice", "24:68", "did you mean 'all'?"),
        Mutation("keep: all", "keep: last", "keep-mismatch", "24:68"),
        Mutation("keep: all", "kep: all", "unknown-key", "24:62", "did you mean 'keep'?"),
        Mutation("keep: all", "policy: all", "unknown-key", "24:62", "did you mean 'keep'?"),
        Mutation("keep: all", "window: 0", "out-of-range", "24:70"),
        Mutation("keep: all", "window: 65", "out-of-range", "24:70"),
        Mutation("keep: all", "window: \"3\"", "wrong-type", "24:70", "remove the quotes"),
        Mutation("keep: all", "window: 99999999999999999999", "out-of-range", "24:70"),
        Mutation("from: camera.audio, ", "", "missing-key", "24:33"),
        Mutation(
            "portrait: portrait.image }\n  motion",
            "portrait: { from: portrait.image, keep: all } }\n  motion", "keep-mismatch", "12:72"),
        Mutation(
            "${driving}", "${drivin}", "undefined-reference", "9:19",
            "did you mean ${driving}?"),
        Mutation("${driving}", "\"${driving\"", "malformed-reference", "9:19"),
        Mutation(
            "${driving}", "${dri.ving}", "yaml-syntax", "9:20",
            "write ${name} with letters, digits, '-' and '_'"),
        Mutation("driving: /dev/null", "driving: ${driving}", "circular-reference", "2:3"),
        Mutation("driving: /dev/null", "driving:", "setting-without-value", "2:3"),
        Mutation("driving: /dev/null", "driving: [1]", "wrong-shape", "2:12"),
        Mutation("{ path: ${driving} }", "{ path: ${driving}, count: 3.5 }", "wrong-type", "9:38"),
        Mutation("{ path: ${driving} }", "{ path: ${driving}, count: 0 }", "out-of-range", "9:38"),
        Mutation(
            "{ path: ${driving} }", "{ path: ${driving}, cout: 1 }", "unknown-setting",
            "9:31", "did you mean 'count'?"),
        Mutation(
            "{ path: ${driving} }", "{ path: ${driving}, count: \"3\" }", "wrong-type",
            "9:38", "remove the quotes: 3"),
        Mutation(
            "{ path: ${driving} }", "{ path: ${driving}, loop: yes }", "wrong-type",
            "9:37", "write true"),
        Mutation(
            "{ path: ${driving} }", "{ path: ${driving}, speed: 3 frames }", "wrong-type",
            "9:38", "its unit is fps: write 3 or 3fps"),
        Mutation(
            "{ path: ${driving} }", "{ path: ${driving}, count: 1_000 }", "wrong-type",
            "9:38", "write 1000"),
        Mutation("{ path: ${driving} }", "{ path: ${driving}, count: }", "no-value", "9:31"),
        Mutation("{ path: ${driving} }", "{ path: ${driving}, count: {} }", "wrong-shape", "9:38"),
        Mutation(
            "path: /dev/null", "path: /dev/nul", "missing-file", "6:19",
            "did you mean '/dev/null'?"),
        Mutation(
            "path: /tmp/portrait.mp4", "path: /tmp/nowhere-4711/a.mp4", "missing-folder",
            "25:19", "mkdir -p /tmp/nowhere-4711"),
        Mutation("path: /tmp/portrait.mp4", "path: /tmp", "output-is-folder", "25:19"),
        Mutation("path: /tmp/portrait.mp4", "preset: fast", "missing-setting", "22:3"),
        Mutation(
            "/tmp/portrait.mp4", "/tmp/p.mp4, preset: fats", "not-a-choice", "25:39",
            "did you mean 'fast'?"),
        Mutation("decoder:", "de_coder:", "bad-name", "19:3"),
        Mutation(
            "use: vae-decoder", "use: vae-decoder\n    machine: gpu", "unknown-machine",
            "21:14"),
        Mutation("use: vae-decoder", "use: vae-decoder\n    cores: 0", "out-of-range", "21:12"),
        Mutation(
            "use: vae-decoder", "use: vae-decoder\n    weights: x", "unknown-key", "21:5",
            "it is a setting: write it under 'with:'"),
        Mutation("nodes:", "latency_budget: 300ms\nnodes:", "budget-offline", "3:1"),
        Mutation("nodes:", "mode: live\nlatency_budget: 300\nnodes:", "bad-duration", "4:17"),
        Mutation("nodes:", "mode: lve\nnodes:", "not-a-choice", "3:7", "did you mean 'live'?"),
        Mutation("nodes:", "machines: { gpu: { shh: a } }\nnodes:", "unknown-key", "3:20"),
        Mutation(
            "nodes:", "machines: { gpu: { ssh: -oProxyCommand=x } }\nnodes:", "bad-host",
            "3:25"),
        Mutation(
            "nodes:", "machines: { gpu: { ssh: a, local: {} } }\nnodes:",
            "launcher-count", "3:13"),
        Mutation(
            "nodes:", "machines: { gpu: { ssh: a, memory: 16 } }\nnodes:", "bad-memory",
            "3:36"),
        Mutation(
            "nodes:", "machines: { gpu: { slurm: { partion: a } } }\nnodes:",
            "unknown-key", "3:29", "did you mean 'partition'?"),
        Mutation(
            "nodes:", "machines: { local: { ssh: a } }\nnodes:", "reserved-machine",
            "3:13"),
    ]

    @Test(arguments: mutations)
    func `a fault is found at its place, with what was meant`(mutation: Mutation) throws {
        let text = TestKinds.demo.replacing(mutation.from, with: mutation.to, maxReplacements: 1)
        try #require(text != TestKinds.demo)

        let check = TestKinds.check(text)
        let fault = try #require(
            check.diagnostics.first { $0.code == mutation.code }, "\(check.text)")
        #expect("\(fault.place.line):\(fault.place.column)" == mutation.place, "\(check.text)")
        if let hint = mutation.hint { #expect(fault.hint == hint) }
        #expect(check.graph == nil)
    }

    @Test func `all faults of a file are reported at once, from top to bottom`() {
        let text = TestKinds.demo
            .replacing("settings:", with: "setings:")
            .replacing("use: motion-encoder", with: "use: motion-encodr")
            .replacing("denoiser.latent", with: "denoiser.latents")
            .replacing("/tmp/portrait.mp4", with: "/tmp/none-4711/p.mp4")

        #expect(
            TestKinds.codes(text) == [
                "unknown-key", "undefined-reference", "unknown-kind", "unknown-output",
                "missing-folder",
            ])
    }

    @Test func `one mistake is one fault`() {
        let demo = TestKinds.demo
        let misspelt = [
            demo.replacing("use: vae-decoder", with: "uze: vae-decoder"),
            demo.replacing("latent: denoiser.latent", with: "laten: denoiser.latent"),
            demo.replacing("latent: denoiser.latent", with: "latent: denoser.latent"),
            demo.replacing("path: /tmp", with: "pth: /tmp"),
            demo.replacing("from: camera.audio", with: "form: camera.audio"),
            demo.replacing("${driving}", with: "${drving}"),
            demo.replacing("with: { path: /tmp", with: "params: { path: /tmp"),
            demo.replacing("with: { path: /tmp/portrait.mp4 }", with: "with: /tmp/portrait.mp4"),
        ]

        for text in misspelt {
            let check = TestKinds.check(text)
            #expect(check.diagnostics.count == 1, "\(check.text)")
        }
    }

    @Test func `both ends of an edge that cannot be are shown`() {
        let text = TestKinds.demo.replacing("denoiser.latent }", with: "camera.frame }")

        #expect(
            TestKinds.check(text).text.hasPrefix(
                """
                live.yaml:16:3: warning: nothing takes what node 'denoiser' makes ('latent')
                 16 |   denoiser:
                    |   ^~~~~~~~ connect it, or remove the node
                live.yaml:21:19: error: 'camera.frame' and 'decoder.latent' cannot meet: u8 is sent, f32 is needed
                 21 |     in: { latent: camera.frame }
                    |                   ^~~~~~~~~~~~
                live.yaml:8:10: note: output 'camera.frame' is u8 [1 h w 3] rgb
                 8 |     use: video-file
                   |          ^~~~~~~~~~
                live.yaml:20:10: note: input 'decoder.latent' is f32 [n 4 h w] latent/sd1
                """))
    }

    @Test func `an input's files stay as they are`() {
        let text = TestKinds.demo.replacing("path: /dev/null", with: "path: /etc/hostname")
            .replacing("/tmp/portrait.mp4", with: "/etc/hostname")

        #expect(TestKinds.codes(text).contains("output-overwrites-input"))
    }

    @Test func `a file on another machine is not looked for here`() throws {
        let text = TestKinds.demo
            .replacing("nodes:", with: "machines: { gpu: { ssh: ada@gpu-1 } }\nnodes:")
            .replacing("use: image-file", with: "use: image-file\n    machine: gpu")
            .replacing("path: /dev/null", with: "path: /there/only.png")

        let graph = try #require(TestKinds.check(text).graph)
        #expect(graph.node("portrait")?.machine == "gpu")
        #expect(graph.machines.map(\.name) == ["local", "gpu"])
        #expect(graph.machines[1].launcher == .ssh(host: "ada@gpu-1", options: [:]))
    }

    @Test func `a command line's value replaces the file's, and says so when it is wrong`() throws {
        let good = TestKinds.check(TestKinds.demo, [("driving", "/dev/zero")])
        #expect(good.graph?.node("camera")?.values["path"] == .text("/dev/zero"))

        let bad = TestKinds.check(TestKinds.demo, [("driving", "/dev/zer")])
        #expect(bad.diagnostics.map(\.code) == ["missing-file"])
        #expect(
            bad.diagnostics.first?.notes.first?.text
                == "the value is that of --set driving=/dev/zer")

        let unknown = TestKinds.check(TestKinds.demo, [("drving", "x")])
        #expect(unknown.diagnostics.map(\.code) == ["unknown-override"])
        #expect(unknown.diagnostics.first?.hint == "did you mean 'driving'?")
    }

    @Test func `a missing file is reported without a line, and is not readable`() {
        let check = GraphFile.check(path: "/nowhere/a.yaml", registry: TestKinds.registry)

        #expect(!check.isReadable)
        #expect(
            check.text
                == "/nowhere/a.yaml: error: there is no such file (looked for /nowhere/a.yaml)\n")
    }

    @Test func `a file of more than a megabyte is not read`() {
        let text = TestKinds.demo + String(repeating: "#", count: 1_000_000)

        #expect(TestKinds.codes(text) == ["file-too-large"])
    }
}
