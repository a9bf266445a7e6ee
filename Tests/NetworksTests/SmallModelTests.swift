import Foundation
import Layers
import Networks
import Tensors
import Testing

private enum SmallModel {
    static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Models/small").path
    static let isThere = FileManager.default.fileExists(atPath: folder + "/fixture.safetensors")
}

/// The trained model that comes with the project, against what PyTorch made of the same files.
@Suite(.enabled(if: SmallModel.isThere, "Models/small is absent"))
struct SmallModelTests {
    private let configuration: ModelConfiguration
    private let fixture: Checkpoint

    init() throws {
        configuration = try ModelConfiguration(contentsOf: SmallModel.folder + "/config.json")
        fixture = try Checkpoint(contentsOf: SmallModel.folder + "/fixture.safetensors")
    }

    private func weights(_ network: String) throws(CheckpointError) -> Checkpoint {
        try Checkpoint.open(SmallModel.folder, size: "small", network: network)
    }

    private func stored(_ key: String, _ shape: [Int]) throws -> Tensor<Float> {
        try fixture.tensor(key, shape)
    }

    /// The largest difference, relative to the golden values' own size.
    private func error(_ found: Tensor<Float>, _ golden: Tensor<Float>) -> Float {
        let size = golden.array.map(abs).max() ?? 1
        return zip(found.array, golden.array).map { abs($0 - $1) }.max()! / size
    }

    @Test func `its dimensions are known without the file`() {
        #expect(configuration == .small)
    }

    /// The middle of a decoded picture of 128 × 128 pixels, which is what the fixture keeps of it.
    private func middle(_ picture: Tensor<Float>) -> Tensor<Float> {
        let values = picture.array
        var middle: [Float] = []
        for row in 32..<96 {
            let start = (row * 128 + 32) * 3
            middle += values[start..<start + 64 * 3]
        }
        return Tensor(middle, shape: [1, 64, 64, 3])
    }

    @Test func `either decoder agrees with PyTorch`() throws {
        let latent = try stored("out/latent", [1, 16, 16, 8])
        let tiny = try TinyDecoder(from: weights("taesd"), configuration.tinyAutoencoder)
        let full = try VAEDecoder(from: weights("vae"), configuration.vae)

        #expect(error(middle(tiny(latent)), try stored("out/picture", [1, 64, 64, 3])) < 1e-3)
        #expect(error(middle(full(latent)), try stored("out/full-picture", [1, 64, 64, 3])) < 1e-3)
    }

    @Test func `the motion extractor finds the key points that PyTorch finds`() throws {
        let extract = try MotionExtractor(
            from: weights("motion_extractor"), configuration.motionExtractor)
        let file = try SafetensorsFile(contentsOf: SmallModel.folder + "/fixture.safetensors")
        let pictures = try #require(file.stored("in/pictures", as: UInt8.self))

        let poses = extract(DrivingFrames.extractorInput(pictures, size: 64))

        let found = Tensor(keypoints: poses.map(\.posedKeypoints))
        #expect(error(found, try stored("out/keypoints", [2, 21, 3])) < 1e-3)
    }

    @Test func `the motion encoder agrees with PyTorch`() throws {
        let encode = try MotionEncoder(
            from: weights("motion_encoder"), configuration.motionEncoder,
            tokens: configuration.motionTokens)

        let tokens = encode(try stored("in/faces", [1, 64, 64, 3]))

        #expect(error(tokens, try stored("out/tokens", [1, 4, 16])) < 1e-3)
    }

    @Test func `the image encoder agrees with PyTorch`() throws {
        let encode = try ImageEncoder(from: weights("image_encoder"), configuration.imageEncoder)

        let token = encode(try stored("in/pixels", [1, 56, 56, 3]))

        #expect(error(token, try stored("out/token", [1, 64])) < 1e-3)
    }

    @Test func `the denoiser agrees with PyTorch, given portrait, pose and expression`() throws {
        let denoiser = try DenoisingUNet(from: weights("denoising_unet"), configuration)
        let reference = try ReferenceUNet(from: weights("reference_unet"), configuration.unet)
        let token = try stored("out/token", [1, 64])
        let banks = reference(try stored("out/latent", [1, 16, 16, 8]), token: token)
        let motion = try stored("out/tokens", [1, 4, 16])
        let pose = try stored("out/pose", [1, 16, 16, 32])

        let estimate = denoiser(
            try stored("in/latents", [8, 16, 16, 8]), timesteps: [0, 0, 333, 333, 666, 666, 999, 999],
            motion: Tensor(stacking: (0..<8).map { _ in motion }),
            pose: Tensor(stacking: (0..<8).map { _ in pose }),
            token: denoiser.prepare(token: token), banks: [denoiser.project(banks)])

        #expect(error(estimate, try stored("out/estimate", [8, 16, 16, 8])) < 2e-3)
    }

    @Test func `the pose guider agrees with PyTorch`() throws {
        let guide = try PoseGuider(from: weights("pose_guider"), configuration.poseGuider)
        let points = try stored("in/keypoints", [1, 21, 3])

        let pose = guide(KeypointDrawing(size: 128, finer: 4)(points.keypointSets))

        #expect(error(pose, try stored("out/pose", [1, 16, 16, 32])) < 1e-3)
    }
}
