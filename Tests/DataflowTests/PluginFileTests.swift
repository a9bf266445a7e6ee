import Dataflow
import Foundation
import NodeKit
import Tensors
import Testing

/// What a `node.yaml` may say, and what is said when it says something else.
@Suite struct PluginFileTests {
    private static let whole = """
        # A decoder.
        kind: onnx-decoder
        summary: Decodes latents with a network in ONNX form.
        command: [sh, -u, decode]
        held-frames: 2
        start-within: 5s
        inputs:
          latent:
            type: f32
            axes: n 4 h w
            meaning: latent/sd1
            when: { variant: { flux2: { axes: n 32 h w, meaning: latent/flux2 } } }
          portrait: { type: u8, axes: 1 h w 3, meaning: rgb, pace: last, optional: true }
          packet: { type: u8, axes: bytes, meaning: film-packet, live-window: 50, optional: true }
        outputs:
          frame: { type: u8, axes: n 8h 8w 3, meaning: rgb, summary: frames }
        settings:
          variant: { type: choice, choices: [sd1, flux2], default: sd1 }
          threads: { type: integer, minimum: 1, maximum: 64, default: 2, unit: threads }
          gain: { type: number, default: 0.5 }
          weights: { type: weights, optional: true }
          trace: { type: flag, default: false }
        """

    private func check(_ text: String) -> PluginFile.Check {
        PluginFile.check(bytes: Array(text.utf8), path: "/tmp/node.yaml")
    }

    @Test func `a whole file becomes a kind like any other`() throws {
        let check = check(Self.whole)

        #expect(check.text == "")
        let plugin = try #require(check.plugin)
        let spec = plugin.spec
        #expect(spec.kind == "onnx-decoder")
        #expect(spec.heldFrames == 2)
        #expect(plugin.startWithin == .seconds(5))
        #expect(plugin.command.first?.hasSuffix("/sh") == true)
        #expect(plugin.command.dropFirst() == ["-u", "decode"])
        #expect(spec.inputs.map(\.axesText) == ["n 4 h w", "1 h w 3", "bytes"])
        #expect(spec.inputs.map(\.pace) == [.frame, .last, .frame])
        #expect(spec.inputs.map(\.isOptional) == [false, true, true])
        #expect(spec.inputs.map(\.liveWindow) == [nil, nil, 50])
        #expect(spec.inputs[0].cases.map(\.meaning) == ["latent/flux2"])
        #expect(spec.outputs.map(\.elementType) == [.uint8])
        #expect(spec.settings.map(\.type) == [
            .choice(["sd1", "flux2"]), .integer(1...64),
            .number(-Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude), .weights,
            .flag,
        ])
        #expect(spec.settings.map(\.defaultValue) == [
            .text("sd1"), .integer(2), .number(0.5), nil, .flag(false),
        ])
    }

    /// One change to the whole file, and the code and line of what is said about it.
    @Test(arguments: [
        ("kind: onnx-decoder", "kind: onnx decoder", "bad-name", 2),
        ("kind: onnx-decoder", "name: onnx-decoder", "unknown-key", 2),
        ("[sh, -u, decode]", "[]", "empty-command", 4),
        ("[sh, -u, decode]", "no-such-program-here", "no-program", 4),
        ("[sh, -u, decode]", "[sh, ./not-there.py]", "no-program", 4),
        ("held-frames: 2", "held-frames: -2", "out-of-range", 5),
        ("start-within: 5s", "start-within: 5", "bad-duration", 6),
        ("start-within: 5s", "requirements: not-there.txt", "no-requirements", 6),
        ("type: f32", "type: float32", "not-a-choice", 9),
        ("axes: n 4 h w\n", "axes: n x4 h w\n", "bad-axes", 10),
        ("axes: n 4 h w\n", "axes: [1, 4]\n", "wrong-shape", 10),
        ("    meaning: latent/sd1\n", "", "missing-key", 8),
        ("axes: n 32 h w", "axes: n 32 h", "other-axes", 12),
        ("when: { variant", "when: { variety", "no-such-setting", 12),
        ("pace: last", "pace: lats", "not-a-choice", 13),
        ("optional: true }\n", "optional: maybe }\n", "not-a-choice", 13),
        ("live-window: 50", "live-window: 0", "out-of-range", 14),
        ("live-window: 50", "live-windows: 50", "unknown-key", 14),
        ("summary: frames", "live-window: 50", "unknown-key", 16),
        ("summary: frames", "optional: true", "unknown-key", 16),
        ("choices: [sd1, flux2], ", "", "no-choices", 18),
        ("default: sd1", "default: sd2", "not-a-choice", 18),
        ("minimum: 1,", "minimum: 99,", "empty-range", 19),
        ("default: 2", "default: 65", "out-of-range", 19),
        ("type: number, ", "", "missing-key", 20),
        ("type: flag", "type: flag, choices: [a]", "unknown-key", 22),
        ("type: weights", "type: weights, live: true", "unknown-key", 21),
        ("type: flag", "type: flag, live: maybe", "not-a-choice", 22),
        ("default: sd1", "default: sd1, live: true", "live-port", 12),
    ])
    func `each fault has a name and a line`(
        old: String, new: String, code: String, line: Int
    ) throws {
        try #require(Self.whole.contains(old))
        let check = check(Self.whole.replacing(old, with: new, maxReplacements: 1))

        #expect(check.plugin == nil)
        let fault = try #require(check.diagnostics.first, "\(new)")
        #expect(fault.code == code, "\(check.text)")
        #expect(fault.place.line == line, "\(check.text)")
        #expect(check.text.hasPrefix("/tmp/node.yaml:\(line):"))
    }

    @Test func `a node without ports, and an empty file, are refused`() {
        let portless = "kind: a\nsummary: b\ncommand: sh\n"

        #expect(check(portless).diagnostics.map(\.code) == ["no-ports"])
        #expect(check("").plugin == nil)
        #expect(check("").diagnostics.count == 1)
    }

    // MARK: Folders

    private func folders(_ kinds: String..., body: (String) throws -> Void) throws {
        let root = FileManager.default.temporaryDirectory
            .appendingPathComponent("pl-plugins-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: root) }
        for (index, kind) in kinds.enumerated() {
            let folder = root.appendingPathComponent("plugin-\(index)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let text = Self.whole.replacing("onnx-decoder", with: kind)
            try Data(text.utf8).write(to: folder.appendingPathComponent("node.yaml"))
        }
        try body(root.path)
    }

    private static let graph = """
        nodes:
          source: { use: latents }
          decoder: { use: KIND, in: { latent: source.latent } }
          sink: { use: video-encoder, in: { frame: decoder.frame }, with: { path: /tmp/a.mp4 } }
        """

    private static let builtin =
        TestKinds.registry.specs + [
            NodeSpec(
                "latents", "Makes latents.",
                outputs: [Port("latent", Float.self, "1 4 h w", meaning: "latent/sd1")])
        ]

    private func codes(_ kind: String, _ plugins: PluginFolders) -> [String] {
        GraphFile.check(
            text: Self.graph.replacing("KIND", with: kind), registry: plugins.registry
        ).diagnostics.map(\.code)
    }

    @Test func `a graph uses the plugins of the listed folders`() throws {
        try folders("first", "second") { root in
            let plugins = PluginFolders(builtin: Self.builtin, listed: root)

            #expect(!plugins.hasFaults, "\(plugins.text)")
            #expect(plugins.registry.plugin("second")?.file == "\(root)/plugin-1/node.yaml")
            #expect(plugins.registry.plugin("blur") == nil)
            #expect(codes("first", plugins) == [])
            #expect(codes("thrid", plugins) == ["unknown-kind"])
        }
    }

    @Test func `a kind that is taken is a fault of the later one, and of graphs that use it`() throws {
        try folders("mine", "mine", "blur") { root in
            let plugins = PluginFolders(builtin: Self.builtin, listed: root)

            #expect(plugins.checks.flatMap(\.diagnostics).map(\.code) == ["kind-taken", "kind-taken"])
            #expect(plugins.text.contains("plugin-1/node.yaml:2:7: error: kind 'mine' is already"))
            #expect(codes("mine", plugins) == ["broken-plugin"])
            #expect(codes("vae-decoder", plugins) == [])
        }
    }

    @Test func `a folder that is met twice counts once`() throws {
        try folders("mine") { root in
            let plugins = PluginFolders(
                builtin: Self.builtin, listed: "\(root):\(root)/plugin-0:\(root)/../nowhere")

            #expect(plugins.checks.count { $0.file.hasPrefix(root) } == 1)
        }
    }
}
