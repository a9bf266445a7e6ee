import Foundation
import Layers
import Parity
import Tensors
import Testing

let isLibtorchThere =
    ProcessInfo.processInfo.environment["PERSONALIVE_DEVICES"] == "required"
    || (try? TorchLibrary.find(for: .torch)) != nil

/// The published golden values on the device `torch`: the networks unchanged, all arithmetic by libtorch.
@Suite(
    .enabled(if: isLibtorchThere, "no libtorch here: 'make test-training' installs one"),
    .enabled(if: FileManager.default.fileExists(atPath: FixtureFolderTests.folder)), .serialized)
struct DeviceFixtureTests {
    private func lines(
        _ fixture: String, _ precision: WeightStorage.Precision
    ) throws -> [ParityLine] {
        try TorchLibrary.open(for: .torch)
        return try ParityRun(
            folder: FixtureFolderTests.folder, filter: fixture,
            storage: WeightStorage(precision, device: .torch))() { _ in }
    }

    @Test(arguments: [
        "mini_motion_extractor", "mini_motion_encoder", "mini_pose_guider", "mini_image_encoder",
        "mini_reference_unet", "mini_denoising_unet", "mini_modules", "mini_small_variance",
        "mini_vae", "mini_taesd", "mini_pipeline",
    ]) func `golden values are met within the processor's tolerances`(fixture: String) throws {
        let lines = try lines(fixture, .float32)

        #expect(!lines.isEmpty)
        for line in lines { #expect(line.passed, "\(line)") }
    }

    @Test(
        arguments: [
            "mini_motion_extractor", "mini_motion_encoder", "mini_denoising_unet", "mini_vae",
        ],
        [WeightStorage.Precision.float16, .bfloat16])
    func `narrow numbers stay within their own`(
        fixture: String, precision: WeightStorage.Precision
    ) throws {
        let lines = try lines(fixture, precision)

        #expect(!lines.isEmpty)
        for line in lines { #expect(line.passed, "\(line)") }
        // Were they F32, all of them would be a hundred times nearer.
        #expect((lines.map(\.relativeError).max() ?? 0) > 1e-4)
    }
}
