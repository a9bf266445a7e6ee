import BuiltinNodes
import Dataflow
import Foundation
import NodeKit
import Testing

/// The graphs that people run.
@Suite struct GraphFilesTests {
    static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Graphs")
    /// Graphs and parts of the library.
    static let names = (FileManager.default.subpaths(atPath: folder.path) ?? [])
        .filter { $0.hasSuffix(".yaml") }.sorted()

    /// What a machine lacks, or a user has to give; all else is as the file says.
    private static let given = [
        "device": "/dev/null", "output": "/tmp/portrait.mp4", "weights": "/dev/null",
        "photos": "Models/demo/*.png", "portrait": "Models/demo/portrait.png",
    ]

    /// What record-motion.yaml would make, with nothing in it.
    private static func recording() -> String {
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("motion-\(UUID().uuidString).rec").path
        func header(_ port: String, _ axes: String, _ meaning: String) -> Recording.Header {
            .init(from: "crop.\(port)", port: port, type: "f32", axes: axes, meaning: meaning)
        }
        try? Recording.Writer(
            path: path, [header("mesh", "points 3", "face-mesh"), header("transform", "2 3", "affine")]
        ).finish()
        return path
    }

    @Test(arguments: names)
    func `a graph of the folder has no faults`(name: String) throws {
        let file = Self.folder.appendingPathComponent(name)
        let text = try String(contentsOf: file, encoding: .utf8)
        let settings = text.components(separatedBy: "\n\n").first { $0.hasPrefix("settings:") } ?? ""
        let recording = Self.recording()
        defer { try? FileManager.default.removeItem(atPath: recording) }
        var overrides = Self.given.filter { given in
            settings.split(separator: "\n").contains { line in
                guard line.hasPrefix("  \(given.key):") else { return false }
                switch given.key {
                case "weights": return !line.contains("Models/") && !line.contains("synthetic")
                case "portrait": return !line.contains("Models/")
                case "output": return ![".m4a", "/ ", ".rec"].contains { ending in line.contains(ending) }
                default: return true
                }
            }
        }
        if settings.contains("\n  motion:") { overrides["motion"] = recording }

        let check = GraphFile.check(
            path: file.path, overrides: overrides.map { (name: $0.key, value: $0.value) },
            registry: NodeRegistry(
                BuiltinKinds.specs, specOfFile: { BuiltinKinds.spec(of: $0, file: $1) }))
        #expect(check.diagnostics.isEmpty, "\(check.text)")
        #expect(check.graph != nil)
        #expect(text.hasPrefix("# "), "a graph opens by saying what one will see")
    }

    /// The demo's graph without the nodes that look for faces.
    private static func withoutCrops() throws -> String {
        let text = try String(contentsOf: folder.appendingPathComponent("demo.yaml"), encoding: .utf8)
        return text.replacing("driver-crop.frame", with: "camera.frame")
            .replacing("portrait-crop.frame", with: "portrait.image")
            .split(separator: "\n\n")
            .filter { !$0.contains("use: face-crop") }.joined(separator: "\n\n")
    }

    @Test func `a graph that looks for no face gets a warning at every input that wants one`() throws {
        let check = GraphFile.check(
            text: try Self.withoutCrops(), registry: NodeRegistry(BuiltinKinds.specs))

        let warnings = check.diagnostics.filter { $0.code == "unprepared-input" }
        #expect(check.graph != nil && warnings.allSatisfy { $0.severity == .warning })
        #expect(
            warnings.map(\.message) == [
                ("keypoints.frame", "camera"), ("keypoints.portrait", "portrait"),
                ("denoiser.portrait", "portrait"),
            ].map {
                "'\($0.0)' gets the pictures of '\($0.1)' as they are: no face is looked for in them"
            })
    }

    @Test func `the folder holds the graphs of the README`() {
        #expect(Self.names.contains("demo.yaml"))
        #expect(Self.names.contains("tiny.yaml"))
        #expect(Self.names.contains("webcam.yaml"))
        #expect(Self.names.contains("roundtrip.yaml"))
        #expect(Self.names.contains("parts/face-tracker.yaml"))
    }
}
