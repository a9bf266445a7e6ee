import Foundation
import Media
import Networks
import Tensors
import Testing

/// `personalive evaluate` on short films made of the demo's.
@Suite(
    .serialized,
    .enabled(
        if: FaceModel.isThere(FaceModel.folder)
            || ProcessInfo.processInfo.environment["PERSONALIVE_FACE"] == "required"))
struct EvaluateTests {
    private static let driving = "Models/demo/driving.mp4"

    /// The first frames of the demo's driver.
    private static let frames: [Tensor<UInt8>] = {
        let reader = try! VideoReader(path: driving, frameLimit: 75)
        var frames: [Tensor<UInt8>] = []
        while let item = try! reader.next() {
            guard case .frame = item else { continue }
            let frame = Tensor<UInt8>(uninitialized: reader.shape)
            try! reader.copyFrame(into: frame)
            frames.append(frame)
        }
        return frames
    }()

    /// Writes a film of 25 frames a second, without marks.
    private func film(_ frames: [Tensor<UInt8>], _ path: String) throws {
        var options = VideoWriterOptions()
        (options.preset, options.threads, options.marks) = ("ultrafast", 1, .none)
        let writer = try VideoWriter(path: path, options: options)
        for (number, frame) in frames.enumerated() {
            try writer.write(
                frame, presentation: Int64(number) * 40_000_000, duration: 40_000_000)
        }
        try writer.finish()
    }

    /// Self-reenactment: the portrait is the driver's first frame, and the result shows the driver seven
    /// frames late.
    private func reenactment(_ more: String...) throws -> Tool {
        let tool = try Tool(arguments: [])
        let frames = Self.frames
        try film(frames, "\(tool.folder)/driver.mp4")
        try film(
            frames.indices.map { frames[max($0 - 7, 0)] }, "\(tool.folder)/result.mp4")
        try ImageWriter.write(frames[0], to: "\(tool.folder)/portrait.png")
        tool.process.arguments =
            [
                "evaluate", "\(tool.folder)/result.mp4", "--driver", "\(tool.folder)/driver.mp4",
                "--portrait", "\(tool.folder)/portrait.png", "--python", "/bin/false",
            ] + more.map { $0.replacing("FOLDER", with: tool.folder) }
        return tool
    }

    private func figures(_ outcome: Tool.Outcome) -> [String: [String: Any]] {
        let all = outcome.object["figures"] as? [[String: Any]] ?? []
        return Dictionary(uniqueKeysWithValues: all.map { ($0["name"] as! String, $0) })
    }

    @Test func `a delay is found and taken out, and every figure is better than its controls`()
        throws
    {
        let tool = try reenactment(
            "--truth", "FOLDER/driver.mp4", "--json", "--report", "FOLDER/report.html")

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.number("version") == 1)
        let delay = try #require(outcome.object["delay"] as? [String: Any])
        #expect(delay["frames"] as? Int == 7 && delay["ms"] as? Double == 280)
        let found = figures(outcome)
        #expect(
            Set(found.keys).isSuperset(of: [
                "l1_pct", "psnr_db", "ssim", "t_l1_pct", "keypoints_px", "pose_deg",
                "expression_pct", "r_yaw", "r_mouth", "jitter", "identity_pct",
            ]), "\(found.keys)")
        for (name, figure) in found where !["identity_pct", "jitter"].contains(name) {
            let value = try #require(figure["value"] as? Double, "\(name)")
            let isHigher = figure["better"] as? String == "higher"
            let controls = try #require(figure["controls"] as? [String: Double])
            for name in ["copied_portrait", "shuffled_driver"] {
                guard let control = controls[name] else { continue }
                #expect(isHigher ? value > control : value < control, "\(figure)")
            }
            let (low, high) = (
                try #require(figure["low"] as? Double), try #require(figure["high"] as? Double)
            )
            #expect(low <= value && value <= high, "\(figure)")
        }
        #expect(try #require(found["psnr_db"]?["value"] as? Double) > 30)
        #expect(try #require(found["ssim"]?["value"] as? Double) > 0.9)
        #expect(try #require(found["pose_deg"]?["value"] as? Double) < 1)
        let missing = outcome.object["not_measured"] as? [String] ?? []
        #expect(missing.contains { $0.hasPrefix("LPIPS and FVD:") })
        #expect(
            missing.contains { $0.hasPrefix("Identity by dlib's descriptor: /bin/false failed") })

        let page = try String(contentsOfFile: "\(tool.folder)/report.html", encoding: .utf8)
        // The portrait, and five moments of driver, result and truth.
        #expect(page.components(separatedBy: "src=\"data:image/jpeg;base64,").count == 17)
        #expect(page.contains("the result is 7 frames (280 ms) late"))
        #expect(page.contains("prefers-color-scheme") && !page.contains("http"))
    }

    @Test func `a report that is there is not replaced`() throws {
        let tool = try reenactment("--report", "FOLDER/report.html")
        try Data("mine".utf8).write(to: URL(fileURLWithPath: "\(tool.folder)/report.html"))

        let outcome = try tool.run()

        #expect(outcome.status == 64)
        #expect(outcome.errors.contains("report.html' is there already"))
        #expect(try String(contentsOfFile: "\(tool.folder)/report.html", encoding: .utf8) == "mine")
    }

    @Test func `without a truth the face alone is measured, and what is missing is said`() throws {
        let outcome = try reenactment().run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("the result is 7 frames (280 ms) late, which is taken out"))
        #expect(
            outcome.output.contains("Expression error, %") && !outcome.output.contains("PSNR, dB"))
        #expect(outcome.output.contains("not measured: L1, PSNR, SSIM, key point distance"))
    }

    @Test func `frames without a face are counted and left out`() throws {
        let tool = try reenactment("--json")
        let wall = Tensor<UInt8>(repeating: 90, shape: Self.frames[0].shape)
        try film(
            Self.frames.enumerated().map { (30..<40).contains($0) ? wall : $1 },
            "\(tool.folder)/result.mp4")

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        let notes = outcome.object["notes"] as? [String] ?? []
        #expect(notes.contains { $0.hasPrefix("No face in 10 of 75 frames of ") }, "\(notes)")
        #expect(figures(outcome)["pose_deg"]?["frames"] as? Int == 65)
    }

    @Test func `what cannot be compared is said in words`() throws {
        let tool = try reenactment()
        let plain = tool.process.arguments!
        let small = Self.frames.map { $0.resampled(height: 128, width: 128, .bicubic) }
        try film(small, "\(tool.folder)/small.mp4")
        let wall = Tensor<UInt8>(repeating: 90, shape: [1, 64, 64, 3])
        try film(Array(repeating: wall, count: 20), "\(tool.folder)/wall.mp4")
        try film(Array(Self.frames.prefix(4)), "\(tool.folder)/short.mp4")
        func ask(_ change: (inout [String]) -> Void) throws -> Tool.Outcome {
            var arguments = plain
            change(&arguments)
            return try tool.ask(arguments)
        }

        let size = try ask { $0 += ["--truth", "\(tool.folder)/small.mp4"] }
        let faceless = try ask { $0[1] = "\(tool.folder)/wall.mp4" }
        let short = try ask { $0[1] = "\(tool.folder)/short.mp4" }
        let text = try ask { $0[1] = "\(tool.folder)/graph.yaml" }
        let nothing = try ask { $0 += ["--networks", "\(tool.folder)/nowhere"] }

        #expect(size.status == 1)
        #expect(
            size.errors.contains("has pictures of 256x256 and \(tool.folder)/small.mp4 of 128x128"))
        #expect(faceless.status == 1)
        #expect(faceless.errors.contains("no face was found in any of the 20 frames of"))
        #expect(short.status == 1)
        #expect(short.errors.contains("has 4 frames and"))
        #expect(text.status == 2 && text.errors.contains("graph.yaml"), "\(text.errors)")
        #expect(nothing.status == 1 && nothing.errors.contains("personalive models pull face"))
    }

    @Test(.enabled(if: Python.isComplete, "python3 with numpy is not here"))
    func `a Python with dlib is asked whose face it is`() throws {
        let tool = try reenactment("--json", "--python", "python3")
        // In dlib's place a module that describes a face by its mean colours.
        let modules = "\(tool.folder)/modules"
        try FileManager.default.createDirectory(
            atPath: "\(modules)/face_recognition_models", withIntermediateDirectories: true)
        try Data().write(
            to: URL(fileURLWithPath: "\(modules)/face_recognition_models/__init__.py"))
        try Data(
            """
            class face_recognition_model_v1:
                def __init__(self, path):
                    assert path.endswith("face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat")

                def compute_face_descriptor(self, face):
                    assert face.shape == (150, 150, 3)
                    return [float(value) / 255 for value in face.mean((0, 1))]
            """.utf8
        ).write(to: URL(fileURLWithPath: "\(modules)/dlib.py"))
        tool.process.environment?["PYTHONPATH"] = modules
        tool.process.environment?["PYTHONDONTWRITEBYTECODE"] = "1"

        let outcome = try tool.run()

        let figure = try #require(
            figures(outcome)["id_distance"], "\(outcome.output)\(outcome.errors)")
        #expect(figure["frames"] as? Int == 32)
        // One person throughout; frames of another film would be a tenth or more apart.
        #expect(try #require(figure["value"] as? Double) < 0.05)
        #expect((figure["controls"] as? [String: Double])?["copied_portrait"] == 0)
    }
}
