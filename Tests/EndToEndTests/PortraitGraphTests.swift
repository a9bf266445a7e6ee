import Foundation
import Media
import Tensors
import Testing

/// The portrait graph with its real networks at small size, as separate processes.
@Suite(.serialized) struct PortraitGraphTests {
    /// Ten frames: neither a whole number of chunks nor a whole window.
    private static func graph(decoder: String) -> String {
        """
        nodes:
          portrait: { use: image-file, with: { path: FOLDER/portrait.png } }
          camera: { use: video-file, with: { path: FOLDER/driving.mp4 } }
          keypoints:
            use: keypoint-extractor
            in: { frame: camera.frame, portrait: portrait.image }
            with: &mini { model: mini, weights: synthetic }
          motion:
            use: motion-encoder
            in: { face: keypoints.face, portrait-face: keypoints.portrait-face }
            with: *mini
          denoiser:
            use: denoiser
            in:
              keypoints: keypoints.keypoints
              motion: motion.motion
              portrait: portrait.image
            with: *mini
          decoder: { use: \(decoder), in: { latent: denoiser.latent }, with: *mini }
          encoder:
            use: video-encoder
            in: { frame: decoder.frame }
            with: { path: FOLDER/portrait.mp4 }
        """
    }

    private func tool(decoder: String) throws -> Tool {
        let tool = try Tool("run", graph: Self.graph(decoder: decoder), "--json")
        let colours = (0..<60 * 40 * 3).map { UInt8(truncatingIfNeeded: $0 * 7 / 3) }
        try ImageWriter.write(
            Tensor(colours, shape: [1, 60, 40, 3]), to: "\(tool.folder)/portrait.png")
        try Self.film(to: "\(tool.folder)/driving.mp4")
        return tool
    }

    /// A film, and not a camera, whose times would depend on how busy the machine is.
    private static func film(
        to path: String, _ picture: (Int) -> Tensor<UInt8> = Self.colours
    ) throws {
        let writer = try VideoWriter(path: path)
        for index in 0..<10 {
            try writer.write(
                picture(index), presentation: Int64(index) * 40_000_000, duration: 40_000_000)
        }
        try writer.finish()
    }

    private static func colours(_ index: Int) -> Tensor<UInt8> {
        let colours = (0..<150 * 200 * 3).map { UInt8(truncatingIfNeeded: $0 / 9 + index * 5) }
        return Tensor(colours, shape: [1, 150, 200, 3])
    }

    @Test(arguments: ["vae-decoder", "tiny-decoder"])
    func `every driving frame comes out of the whole graph`(decoder: String) throws {
        try expectFilm(of: try tool(decoder: decoder))
    }

    private static let graphs = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Graphs").path

    /// With the model that comes with the project, and its portrait.
    @Test(arguments: ["demo.yaml", "side-by-side.yaml", "tiny.yaml"])
    func `a graph of the folder makes a film of another driver`(name: String) throws {
        let tool = try tool(decoder: "tiny-decoder")
        let face = try ImageReader.read("Models/demo/portrait.png")
        try Self.film(to: "\(tool.folder)/driving.mp4") { _ in face }
        tool.process.arguments = [
            "run", "\(Self.graphs)/\(name)", "--json", "--set", "driving=\(tool.folder)/driving.mp4",
            "--set", "output=\(tool.folder)/portrait.mp4",
        ]

        let outcome = try expectFilm(of: tool)

        // Once on the way and once in the report, though four nodes have the model.
        #expect(outcome.errors.components(separatedBy: "faces that our renderer drew").count == 2)
        #expect(outcome.output.components(separatedBy: "faces that our renderer drew").count == 2)
    }

    @discardableResult
    private func expectFilm(of tool: Tool) throws -> Tool.Outcome {
        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.number("frames_in") == 10)
        #expect(outcome.number("frames_out") == 10)
        let reader = try VideoReader(path: "\(tool.folder)/portrait.mp4")
        var times: [Int64] = []
        while let item = try reader.next() {
            if case .frame(let frame) = item { times.append(frame.presentation) }
        }
        #expect(times == (0..<10).map { Int64($0) * 40_000_000 })
        return outcome
    }

    @Test func `weights of another model than the node's are refused with both names`() throws {
        let tool = try tool(decoder: "tiny-decoder")
        tool.process.arguments = [
            "run", "\(Self.graphs)/demo.yaml", "--set", "model=mini",
            "--set", "output=\(tool.folder)/portrait.mp4",
        ]

        let outcome = try tool.run()

        #expect(outcome.status == 3)
        #expect(outcome.errors.contains("describes the model 'small'"), "\(outcome.errors)")
        #expect(outcome.errors.contains("write 'model: small'"), "\(outcome.errors)")
    }
}
