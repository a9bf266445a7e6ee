import Dataflow
import Foundation
import NodeKit
import Testing

/// Graph files that graph files use.
@Suite struct GraphPartsTests {
    private static let tracker = """
        # A part.
        settings: { weights: synthetic }
        inputs:
          frame: keypoints.frame
          portrait: [keypoints.portrait]
        outputs:
          keypoints: keypoints.keypoints
          motion: motion.motion
        nodes:
          keypoints: { use: keypoint-extractor, with: { weights: "${weights}" } }
          motion:
            use: motion-encoder
            in: { face: keypoints.face, portrait-face: keypoints.portrait-face }
            with: { weights: "${weights}" }

        """

    private static let graph = """
        nodes:
          portrait: { use: image-file, with: { path: /dev/null } }
          camera: { use: video-file, with: { path: /dev/null } }
          face:
            use: ./tracker.yaml
            in: { frame: { from: camera.frame, window: 5 }, portrait: portrait.image }
            with: { weights: /dev/null }
          denoiser:
            use: denoiser
            in: { keypoints: face.keypoints, motion: face.motion, portrait: portrait.image }
          decoder: { use: vae-decoder, in: { latent: denoiser.latent } }
          encoder:
            use: video-encoder
            in: { frame: decoder.frame }
            with: { path: /tmp/a.mp4 }

        """

    /// Checks files of one folder, the first of them as the graph.
    private func check(_ files: KeyValuePairs<String, String>) throws -> GraphFile.Check {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("pl-parts-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in files {
            let file = folder.appendingPathComponent(name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        return GraphFile.check(
            path: folder.appendingPathComponent(files[0].key).path, registry: TestKinds.registry)
    }

    private func check(
        _ graph: String = graph, tracker: String = tracker
    ) throws -> GraphFile.Check {
        try check(["graph.yaml": graph, "tracker.yaml": tracker])
    }

    @Test func `a part's nodes take its place, with its settings and what is fed to it`() throws {
        let check = try check()

        let graph = try #require(check.graph, "\(check.text)")
        let names = ["portrait", "camera", "face_keypoints", "face_motion", "denoiser", "decoder"]
        #expect(graph.nodes.map(\.name) == names + ["encoder"])
        #expect(graph.node("face_motion")?.values["weights"] == .text("/dev/null"))
        let edges = graph.edges.map { "\($0.from) > \($0.to) \($0.window)" }
        #expect(edges.contains("camera.frame > face_keypoints.frame 5"))
        #expect(edges.contains("portrait.image > face_keypoints.portrait 2"))
        #expect(edges.contains("face_keypoints.face > face_motion.face 2"))
        #expect(edges.contains("face_motion.motion > denoiser.motion 2"))
        #expect(graph.openInputs.isEmpty)
    }

    @Test func `a part is drawn as a box around its nodes`() throws {
        let drawing = GraphDrawing(try #require(try check().graph))

        #expect(drawing.mermaid.contains("subgraph p0n2[\"face: /"))
        #expect(drawing.mermaid.contains("    n2[\"<b>face_keypoints</b><br/>keypoint-extractor\"]"))
        #expect(drawing.dot.contains("subgraph cluster_p0n2 { style=dashed; label=\"face: /"))
    }

    @Test func `a part is checked by itself, and says what it waits for`() throws {
        let check = try check(["tracker.yaml": Self.tracker])

        #expect(check.diagnostics.isEmpty, "\(check.text)")
        #expect(check.graph?.openInputs == ["frame", "portrait"])
    }

    @Test func `parts may use parts`() throws {
        let outer = """
            inputs: { film: eyes.frame, portrait: eyes.portrait }
            outputs: { moved: eyes.motion, seen: eyes.keypoints }
            nodes: { eyes: { use: ./tracker.yaml, in: {} } }
            """
        let graph = Self.graph.replacing("tracker.yaml", with: "outer.yaml")
            .replacing("frame: { from", with: "film: { from").replacing("with: { weights: /dev/null }", with: "")
            .replacing("face.keypoints", with: "face.seen").replacing("face.motion", with: "face.moved")

        let check = try check(
            ["graph.yaml": graph, "outer.yaml": outer, "tracker.yaml": Self.tracker])

        let found = try #require(check.graph, "\(check.text)")
        #expect(found.edges(into: "face_eyes_keypoints").count == 2)
        #expect(found.edges(into: "denoiser").map(\.from.node).contains("face_eyes_motion"))
        #expect(found.parts.map(\.name) == ["face", "face_eyes"])
        #expect(GraphDrawing(found).mermaid.contains("    subgraph p1n2"))
    }

    @Test func `a part of the library is found by name beside the graph, and parts find each other`() throws {
        let outer = """
            inputs: { frame: eyes.frame, portrait: eyes.portrait }
            outputs: { motion: eyes.motion, keypoints: eyes.keypoints }
            nodes: { eyes: { use: parts/tracker } }
            """
        let graph = Self.graph.replacing("./tracker.yaml", with: "parts/outer")
            .replacing("    with: { weights: /dev/null }\n", with: "")

        let check = try check(
            ["graph.yaml": graph, "parts/outer.yaml": outer, "parts/tracker.yaml": Self.tracker])

        let found = try #require(check.graph, "\(check.text)")
        #expect(found.nodes.contains { $0.name == "face_eyes_motion" })
        #expect(found.parts.map(\.file).allSatisfy { $0.contains("/parts/") })
    }

    @Test func `a part that is not there is named, with where it was looked for and what there is`() throws {
        let graph = Self.graph.replacing("./tracker.yaml", with: "parts/trackr")

        let check = try check(["graph.yaml": graph, "parts/tracker.yaml": Self.tracker])

        #expect(check.text.contains("graph.yaml:5:10: error: there is no part 'parts/trackr' (looked in /"))
        #expect(check.text.contains("/parts, Graphs/parts"), "\(check.text)")
        #expect(check.text.contains("did you mean 'parts/tracker'?"), "\(check.text)")
    }

    @Test func `ports of a part that do not meet are said with the part's file and line`() throws {
        let graph = Self.graph.replacing("camera.frame, window: 5", with: "camera.audio, window: 5")
            .replacing("motion: face.motion", with: "motion: face.keypoints")

        let check = try check(graph)

        let text = check.text
        #expect(text.contains("graph.yaml:6:26: error: 'camera.audio' and 'face_keypoints.frame' cannot meet"), "\(text)")
        #expect(text.contains("tracker.yaml:4:10: note: the part's input is this"), "\(text)")
        #expect(text.contains("tracker.yaml:7:14: note: the part's output is this"), "\(text)")
    }

    @Test func `parts are looked for beside the file, beside the graph, in listed folders and in the project`() throws {
        let place = FileManager.default.temporaryDirectory
            .appendingPathComponent("pl-parts-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: place) }
        let folders = ["deep/parts", "graph/parts", "listed", "shipped"].map { "\(place)/\($0)" }
        for (number, folder) in folders.enumerated() {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            for name in ["all", "from\(number)"] {
                try Data("nodes: {}".utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name).yaml"))
            }
        }
        let library = PartFolders(listed: "\(place)/listed:/nowhere", shipped: ["\(place)/shipped"])
        let files = ["\(place)/graph/graph.yaml", "\(place)/deep/parts/own.yaml"]

        #expect(library.folders(besides: files) == folders[..<3] + ["/nowhere", folders[3]])
        for (number, folder) in folders.enumerated() {
            #expect(library.file(of: "from\(number)", besides: files) == "\(folder)/from\(number).yaml")
        }
        #expect(library.file(of: "all", besides: files) == "\(folders[0])/all.yaml")
        #expect(library.file(of: "all", besides: [files[0]]) == "\(folders[1])/all.yaml")
        #expect(library.all(besides: files).map(\.name) == ["all", "from0", "from1", "from2", "from3"])
        #expect(PartFolders.name("parts/a-b") == "a-b" && PartFolders.name("parts/a.yaml") == nil)
        #expect(PartFolders.name("./parts/a") == nil && PartFolders.name("parts/../a") == nil)
    }

    @Test func `a part is listed as a kind: its ports, its settings, and what its comments say`() throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("pl-parts-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let tracker = """
            # Reads a face. It is a part.
            settings:
              weights: synthetic           # of both networks
              count:
              text: 3
            inputs:
              frame: keypoints.frame       # the driver
              portrait: [keypoints.portrait, keypoints.nothing]
            outputs: { motion: motion.motion }
            nodes:
              film: { use: video-file, with: { path: /dev/null, count: "${count}" } }
              keypoints: { use: keypoint-extractor, with: { weights: "${weights}" } }
              motion: { use: motion-encoder, in: { face: keypoints.face }, with: { weights: "${weights}" } }
            """
        try Data(tracker.utf8).write(to: URL(fileURLWithPath: "\(folder)/tracker.yaml"))
        try Data("nodes: [".utf8).write(to: URL(fileURLWithPath: "\(folder)/broken.yaml"))

        let library = PartFolders(listed: folder, shipped: [])
        let parts = library.listing(besides: "/nowhere/graph.yaml", registry: TestKinds.registry)

        #expect(parts.map(\.spec.kind) == ["parts/broken", "parts/tracker"])
        #expect(parts[0].text.contains("broken.yaml:2:1: error: this is not YAML"), "\(parts[0].text)")
        let listing = NodeListing([parts[1].spec]).details
        #expect(parts[1].text.isEmpty, "\(parts[1].text)")
        #expect(listing.hasPrefix("parts/tracker: Reads a face.\n"), "\(listing)")
        for words in [
            "  frame     u8 [1 h w 3] rgb\n            the driver\n",
            "  portrait  u8 [1 ph pw 3] rgb  (a value that stays valid until the next)\n",
            "  motion  f32 [n tokens 16] motion\n",
            "default synthetic\n           of both networks\n",
            "; required\n",
        ] { #expect(listing.contains(words), "\(words)\n\(listing)") }
    }

    /// What is changed, in the graph or in the part, and what is said of it, with its place.
    private static let faults: [(file: String, from: String, to: String, words: String)] = [
        ("tracker", "keypoints.face,", "keypoints.fac,", "tracker.yaml:13:17: error: node 'face_keypoints' has no output 'fac'"),
        ("tracker", "use: motion-encoder", "use: motion-encodr", "tracker.yaml:12:10: error: there is no kind"),
        ("tracker", "frame: keypoints.frame", "frame: keypoints.fram", "tracker.yaml:4:10: error: 'face_keypoints.fram' is no port"),
        ("tracker", "nodes:", "mode: live\nnodes:", "tracker.yaml:9:1: error: 'mode' has no place in a graph that is part"),
        ("tracker", "nodes:", "nodes", "tracker.yaml:"),
        ("tracker", "in: { face: keypoints.face,", "in: { fase: keypoints.face,", "did you mean 'face'?"),
        ("graph", "portrait: portrait.image }\n    with: {", "}\n    with: {", "graph.yaml:4:3: error: node 'face': input 'portrait' is not connected"),
        ("graph", "face.motion", "face.motoin", "graph.yaml:10:46: error: 'face' has no output 'motoin'"),
        ("graph", "{ frame: { from", "{ fram: { from", "graph.yaml:6:11: error: './tracker.yaml' has no input 'fram'"),
        ("graph", "with: { weights", "with: { wieghts", "graph.yaml:7:13: error: './tracker.yaml' has no setting 'wieghts'"),
        ("graph", "/dev/null }\n  denoiser", "/nowhere }\n  denoiser", "graph.yaml:7:13: note: the value is given here"),
        ("graph", "./tracker", "./trackr", "graph.yaml:5:10: error: './trackr.yaml': there is no such file"),
        ("graph", "./tracker", "./graph", "graph.yaml:5:10: error: graphs use each other"),
        ("graph", "in: { frame: { from", "mashine: x\n    in: { frame: { from", "did you mean 'machine'?"),
    ]

    @Test(arguments: faults.indices)
    func `faults are said with the place in the file that has them`(index: Int) throws {
        let fault = Self.faults[index]
        let isPart = fault.file == "tracker"
        let changed = (isPart ? Self.tracker : Self.graph).replacing(fault.from, with: fault.to)

        let check = try isPart ? check(tracker: changed) : check(changed)

        #expect(check.graph == nil)
        #expect(check.text.contains(fault.words), "\(check.text)")
    }

    @Test func `a port is fed from inside or from outside`() throws {
        let tracker = Self.tracker.replacing("frame: keypoints.frame", with: "frame: motion.face")

        #expect(try check(tracker: tracker).text.contains("'motion.face' is fed inside this file"))
    }
}
