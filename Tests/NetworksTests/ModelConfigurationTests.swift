import Foundation
import Networks
import Tensors
import Testing

/// Dimensions as files say them.
@Suite struct ModelConfigurationTests {
    private static let small: String = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Models/small").path
    private static let file: String = small + "/config.json"
    private static let isThere: Bool = FileManager.default.fileExists(atPath: file)

    /// A folder with a `config.json`.
    private func write(_ text: String) throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: folder.appendingPathComponent("config.json"))
        return folder
    }

    private func error(_ text: String) throws -> CheckpointError? {
        let folder = try write(text)
        defer { try? FileManager.default.removeItem(at: folder) }
        return #expect(throws: CheckpointError.self) {
            try ModelConfiguration.described(in: folder.path)
        }
    }

    @Test(arguments: ModelConfiguration.named)
    func `a size that has a name is sound`(configuration: ModelConfiguration) {
        #expect(configuration.faults == [])
    }

    /// What crashed a node, or made it compute beyond its data, and what is said now.
    private static let unsound:
        [(change: @Sendable (inout ModelConfiguration) -> Void, fault: String)] = [
            ({ $0.unet.normGroups = 0 }, "'unet.norm_groups' is 0, but must be 1 to 65536"),
            ({ $0.vae.normGroups = 3 }, "must be a multiple of 3: 'vae.norm_groups' share them"),
            ({ $0.unet.channels = [] }, "'unet.block_out_channels' has 0 numbers"),
            ({ $0.unet.channels[1] = -64 }, "'unet.block_out_channels[1]' is -64"),
            ({ $0.unet.attentionLevels = [true] }, "'unet.attention_levels' has 1 values"),
            ({ $0.unet.attentionHeads = 5 }, "'unet.attention_heads' share them"),
            ({ $0.motionExtractor.keypoints = 7 }, "'motion_extractor.keypoints' is 7"),
            ({ $0.motionExtractor.depths = [1, 1] }, "'motion_extractor.depths' has 2 numbers"),
            ({ $0.chunksInWindow = 3 }, "'chunks_in_window' is 3, but must be 4"),
            ({ $0.framesPerChunk = 5 }, "'frames_per_chunk' is 5, but must be 4"),
            ({ $0.latentSize = 17 }, "'image_size' is 128, but must be 136"),
            (
                {
                    $0.imageSize = 144; $0.latentSize = 18
                }, "'latent_size' is 18"
            ),
            ({ $0.poseGuider.outputChannels = 31 }, "'pose_guider.output_channels' is 31"),
            ({ $0.poseGuider.channels = [8, 16] }, "'pose_guider.block_channels' has 2 numbers"),
            ({ $0.tinyAutoencoder.decoderBlocks = [] }, "'taesd.decoder_blocks' has 0 numbers"),
            ({ $0.imageEncoder.projectionDimension = 32 }, "'image_encoder.projection_dim' is 32"),
            ({ $0.imageEncoder.patchSize = 57 }, "'image_encoder.patch_size' is 57"),
            ({ $0.motionTokens.dimension = 8 }, "'motion_tokens.dim' is 8, but must be 16"),
            ({ $0.motionTokens.count = 5 }, "'motion_encoder.output' is 64, but must be 80"),
            ({ $0.motionEncoder.stemChannels = 8 }, "'motion_encoder.stem_channels' is 8"),
            ({ $0.motionEncoder.hourglassDepth = 0 }, "'motion_encoder.hourglass_depth' is 0"),
            ({ $0.motionEncoder.hourglassDepth = 5 }, "cannot be halved so often"),
            ({ $0.motionEncoder.fullyConnectedInput = 1 }, "'motion_encoder.fc_input' is 1"),
            ({ $0.vae.scaling = 0 }, "'vae.scaling' is 0.0, but must be greater than 0"),
        ]

    @Test(arguments: unsound.indices)
    func `what a network or node cannot do is told`(index: Int) {
        var configuration = ModelConfiguration.small
        Self.unsound[index].change(&configuration)

        let faults = configuration.faults

        let fault = Self.unsound[index].fault
        #expect(faults.contains { $0.contains(fault) }, "\(faults)")
    }

    @Test(.enabled(if: isThere, "Models/small is absent"))
    func `a file's faults are all told at once`() throws {
        let text = try String(contentsOfFile: Self.file, encoding: .utf8)
            .replacing("\"chunks_in_window\": 4", with: "\"chunks_in_window\": 3")
            .replacing("\"keypoints\": 21", with: "\"keypoints\": 20")

        let description = try error(text)?.description ?? ""

        #expect(
            description.contains("/config.json does not describe a model: 'chunks_in_window' is 3"))
        #expect(description.contains("; 'motion_extractor.keypoints' is 20"))
    }

    @Test(arguments: [
        #"{"_class_name": "AutoencoderKL", "block_out_channels": [128], "sample_size": 256}"#,
        #"{"architectures": ["CLIPVisionModel"], "image_size": 224, "patch_size": 14}"#, "{}",
    ]) func `another program's file is none of ours`(text: String) throws {
        let folder = try write(text)
        defer { try? FileManager.default.removeItem(at: folder) }

        #expect(try ModelConfiguration.described(in: folder.path) == nil)
    }

    @Test func `a file of ours that lacks a key says which`() throws {
        let error = try error(#"{"chunks_in_window": 4}"#)

        #expect(
            error?.description.hasSuffix("does not describe a model: 'name' is missing") == true)
        #expect(try self.error("no JSON")?.description.hasSuffix("it is not JSON") == true)
    }

    @Test func `a file that cannot be read is told in the system's words`() throws {
        #expect(
            throws: CheckpointError.unreadable(
                file: "/nowhere/config.json", reason: "No such file or directory")
        ) { try ModelConfiguration(contentsOf: "/nowhere/config.json") }
    }
}
