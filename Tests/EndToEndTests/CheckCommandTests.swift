import Foundation
import Testing

/// `personalive check`, `graph`, `nodes` and `schema` as programs: what they print and return.
@Suite struct CheckCommandTests {
    private struct Outcome {
        let status: Int32
        let output: String
    }

    /// The tool is built beside the test's own program.
    private static func personalive(_ arguments: String...) throws -> Outcome {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: own).deletingLastPathComponent()
            .appendingPathComponent("personalive")
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = pipe.fileHandleForReading.readAll()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus, output: String(decoding: data, as: UTF8.self))
    }

    private static let graph = """
        nodes:
          source: { use: test-source, with: { bytes: 64 } }
          sink: { use: test-sink, in: { data: source.data } }
        """

    private func withFile(_ text: String, _ body: (String) throws -> Void) throws {
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("personalive-\(UUID().uuidString).yaml")
        try Data(text.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        try body(file.path)
    }

    @Test func `a graph without faults is one line and exit code 0`() throws {
        try withFile(Self.graph) { path in
            let outcome = try Self.personalive("check", path)

            #expect(outcome.status == 0)
            #expect(outcome.output == "\(path): 2 nodes, 1 edge, no faults\n")
        }
    }

    @Test func `faults are exit code 1, and JSON holds all of them`() throws {
        let text = Self.graph.replacing("test-sink", with: "test-sin")
            .replacing("bytes: 64", with: "bytes: many")

        try withFile(text) { path in
            let outcome = try Self.personalive("check", path, "--format", "json")

            #expect(outcome.status == 1)
            let json = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
            let faults = try #require(json as? [[String: Any]])
            #expect(faults.map { $0["code"] as? String } == ["wrong-type", "unknown-kind"])
            #expect(faults.map { $0["line"] as? Int } == [2, 3])
            #expect(faults.map { $0["file"] as? String } == [path, path])
        }
    }

    @Test func `a graph that names no weights is told what it can write`() throws {
        let text = """
            nodes:
              source: { use: camera, with: { device: "lavfi:testsrc", frames: 1 } }
              encoder: { use: tiny-encoder, in: { frame: source.frame } }
              decoder: { use: vae-decoder, in: { latent: encoder.latent } }
              list: { use: frame-list, in: { frame: decoder.frame }, with: { path: /tmp/x.txt } }
            """

        try withFile(text) { path in
            let outcome = try Self.personalive("check", path)

            #expect(outcome.status == 1)
            for words in [
                "node 'encoder' needs the setting 'model'",
                "node 'encoder' needs the setting 'weights'",
                "node 'decoder' needs the setting 'model'",
                "node 'decoder' needs the setting 'weights'",
                "Models/small for 'model: small'", "'personalive models pull personalive' fills",
                "'synthetic' with 'model: mini'", "4 faults",
            ] {
                #expect(outcome.output.contains(words), "\(words) is not in \(outcome.output)")
            }
        }
    }

    @Test func `a graph that its machine cannot hold is refused before it starts`() throws {
        let film = "/tmp/personalive-\(UUID().uuidString).mp4"
        let text = """
            machines:
              small: { local: {}, memory: 900MB }
            nodes:
              source: { use: camera, with: { device: "lavfi:testsrc", frames: 1 } }
              encoder: { use: tiny-encoder, in: { frame: source.frame }, with: { model: full, weights: synthetic } }
              decoder:
                use: vae-decoder
                machine: small
                in: { latent: encoder.latent }
                with: { model: full, weights: synthetic }
              film: { use: video-encoder, in: { frame: decoder.frame }, with: { path: \(film) } }
            """

        try withFile(text) { path in
            let plan = try Self.personalive("plan", path, "--json")
            let json = try JSONSerialization.jsonObject(with: Data(plan.output.utf8))
            let nodes = (json as? [String: Any])?["nodes"] as? [[String: Any]]
            let decoder = try #require(nodes?.first { $0["node"] as? String == "decoder" })

            #expect(plan.status == 1)
            #expect(try #require(decoder["weights_bytes"] as? Int) >= 4 * 49_490_199)
            #expect(try Self.personalive("run", path).status == 1)
            #expect(!FileManager.default.fileExists(atPath: film))
        }
    }

    @Test
    func `addresses, folders and patterns are sources; a pattern that nothing fits is a fault`()
        throws
    {
        func graph(_ path: String) -> String {
            """
            nodes:
              source: { use: video-file, with: { path: "\(path)" } }
              film: { use: video-encoder, in: { frame: source.frame }, with: { path: /tmp/x.mp4 } }
            """
        }
        for path in [
            "http://127.0.0.1:1/a.mp4", "rtsp://camera/stream", "Models/demo", "Models/demo/*.png",
            "file://" + FileManager.default.currentDirectoryPath + "/Models/demo/driving.mp4",
        ] {
            try withFile(graph(path)) { file in
                let outcome = try Self.personalive("check", file)
                #expect(outcome.status == 0, "\(path)")
            }
        }
        for path in ["Models/demo/%04d.png", "Models/demo/*.webm", "file:///nowhere/a.mp4"] {
            try withFile(graph(path)) { file in
                let outcome = try Self.personalive("check", file, "--format", "json")
                #expect(outcome.status == 1, "\(path)")
                #expect(outcome.output.contains("missing-file"))
            }
        }
    }

    @Test func `a live graph whose film does not come in real time is warned of`() throws {
        func graph(_ realtime: String) -> String {
            """
            mode: live
            nodes:
              source: { use: video-file, with: { path: Models/demo/driving.mp4\(realtime) } }
              film: { use: video-encoder, in: { frame: source.frame }, with: { path: /tmp/x.mp4 } }
            """
        }
        try withFile(graph("")) { path in
            let outcome = try Self.personalive("check", path, "--format", "json")

            #expect(outcome.status == 0)
            #expect(outcome.output.contains("not-realtime"))
        }
        try withFile(graph(", realtime: true")) { path in
            let outcome = try Self.personalive("check", path)
            #expect(outcome.output.hasSuffix("no faults\n"))
        }
    }

    @Test func `doctor and deploy say where faces would not be looked for`() throws {
        let graph = """
            machines: { pod: { kubernetes: {} } }
            nodes:
              camera: { use: camera, with: { device: "lavfi:testsrc=size=64x48:rate=25", frames: 4 } }
              face:
                use: face-crop
                in: { frame: camera.frame }
                with: { subject: driver, model: mini, weights: synthetic }
              sink: { use: video-encoder, machine: pod, in: { frame: face.frame }, with: { path: x.mp4 } }
            """
        let alone = try Tool("doctor", graph: graph.replacing("machine: pod, ", with: ""))
        // Where there is no folder Models/face.
        alone.process.currentDirectoryURL = URL(fileURLWithPath: alone.folder)
        let deploy = try Tool("deploy", graph: graph, "--claim", "media", "--kubernetes", "FOLDER")
        deploy.process.arguments![deploy.process.arguments!.count - 1] =
            "\(deploy.folder)/manifests"

        let (doctor, deployed) = (try alone.run(), try deploy.run())

        #expect(doctor.status == 1)
        #expect(
            doctor.output.contains(
                "node 'face' does not look for faces: there are no face networks in 'Models/face'"),
            "\(doctor.output)")
        #expect(deployed.status == 0, "\(deployed.errors)")
        #expect(deployed.errors.contains("node 'face' looks for Models/face on claim 'media'"))
    }

    @Test func `a folder where a film or a picture is due is looked into`() throws {
        let folder = "/tmp/pl-folder-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func check(_ kind: String, _ port: String) throws -> Outcome {
            var outcome = Outcome(status: -1, output: "")
            let graph = """
                nodes:
                  source: { use: \(kind), with: { path: \(folder) } }
                  film: { use: video-encoder, in: { frame: source.\(port) }, with: { path: /tmp/x.mp4 } }
                """
            try withFile(graph) { outcome = try Self.personalive("check", $0) }
            return outcome
        }

        let (film, picture) = (try check("video-file", "frame"), try check("image-file", "image"))
        try FileManager.default.copyItem(
            atPath: "Models/demo/portrait.png", toPath: "\(folder)/0001.png")
        let pictures = try check("video-file", "frame")

        #expect(film.status == 1)
        #expect(
            film.output.contains("2:44: error: \(folder) is a folder without pictures"),
            "\(film.output)")
        #expect(picture.status == 1)
        #expect(picture.output.contains("'\(folder)' is a folder, and one picture is needed"))
        #expect(pictures.status == 0, "\(pictures.output)")
    }

    @Test func `a plan looks at the picture's true size`() throws {
        let picture = FileManager.default.temporaryDirectory
            .appendingPathComponent("personalive-\(UUID().uuidString).pgm")
        defer { try? FileManager.default.removeItem(at: picture) }
        try (Data("P5 6000 5000 255\n".utf8) + Data(count: 30_000_000)).write(to: picture)
        let text = """
            nodes:
              portrait: { use: image-file, with: { path: "\(picture.path)" } }
              film: { use: video-encoder, in: { frame: portrait.image }, with: { path: /tmp/x.mp4 } }
            """

        try withFile(text) { path in
            let plan = try Self.personalive("plan", path, "--json")
            let json = try JSONSerialization.jsonObject(with: Data(plan.output.utf8))
            let nodes = (json as? [String: Any])?["nodes"] as? [[String: Any]]
            let portrait = try #require(nodes?.first { $0["node"] as? String == "portrait" })

            // The grey picture, and twice the RGB that it is scaled down to.
            #expect(portrait["work_bytes"] as? Int == 30_000_000 + 2 * 3 * 4_096 * 3_413)
        }
    }

    @Test func `a graph that fits is planned with exit code 0`() throws {
        try withFile(Self.graph) { path in
            let plan = try Self.personalive("plan", path)

            #expect(plan.status == 0)
            #expect(plan.output.contains("machine 'local': 134 MB needed"))
        }
    }

    @Test func `a file that is not there is exit code 2, a wrong command line 64`() throws {
        #expect(try Self.personalive("check", "/nowhere.yaml").status == 2)
        #expect(try Self.personalive("graph", "/nowhere.yaml").status == 2)
        #expect(try Self.personalive("check").status == 64)
        #expect(try Self.personalive("check", "a.yaml", "--set", "b").status == 64)
        #expect(try Self.personalive("nodes", "test-sin").status == 64)
    }

    @Test func `a graph is drawn, its kinds are listed, and their schema is JSON`() throws {
        try withFile(Self.graph) { path in
            let mermaid = try Self.personalive("graph", path, "--format", "mermaid")
            let dot = try Self.personalive("graph", path, "--format", "dot")
            #expect(mermaid.output.hasPrefix("flowchart LR\n"))
            #expect(dot.output.hasPrefix("digraph"))
        }
        #expect(try Self.personalive("nodes").output.contains("test-source "))
        #expect(try Self.personalive("nodes", "test-source").output.contains("default 786432"))
        let schema = try Self.personalive("schema").output
        let json = try JSONSerialization.jsonObject(with: Data(schema.utf8))
        #expect(json is [String: Any])
    }
}
