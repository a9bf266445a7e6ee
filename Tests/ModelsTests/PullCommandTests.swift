import Foundation
import Models
import Testing

/// `personalive models pull` as a program, from a hub of the test's own.
@Suite(.serialized, .timeLimit(.minutes(3))) struct PullCommandTests {
    private let folder = TemporaryFolder()

    private func personalive(
        _ arguments: [String], hub: String = "http://127.0.0.1:1"
    ) throws -> (status: Int32, output: String) {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let process = Process(), pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: own).deletingLastPathComponent()
            .appendingPathComponent("personalive")
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["HF_ENDPOINT": hub, "HF_HUB_CACHE": folder.path + "/hub", "HF_TOKEN": ""]) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }

    /// The published names, with weights by formula for the smallest networks.
    private func hosted() throws -> HostedRepositories {
        let made = folder.path + "/made"
        _ = try personalive(["models", "synthesize", made, "--model", "mini"])
        func bytes(_ network: String) -> [UInt8] {
            folder.content("made/\(network).safetensors") ?? []
        }
        let owner = "huaichang/PersonaLive"
        var hub = HostedRepositories([
            "\(owner)/LICENSE": "Some terms\n",
            "stabilityai/sd-vae-ft-mse/README.md": "---\nlicense: free-enough\n---\n",
            "stabilityai/sd-vae-ft-mse/config.json": "{}",
            "lambdalabs/sd-image-variations-diffusers/image_encoder/config.json": "{}",
            "lambdalabs/sd-image-variations-diffusers/model_index.json": "{}",
            "madebyollin/taesd/config.json": "{}",
        ])
        for network in [
            "reference_unet", "motion_encoder", "motion_extractor", "pose_guider", "denoising_unet",
        ] {
            hub.files["\(owner)/pretrained_weights/personalive/\(network).pth"] = bytes(network)
        }
        hub.files["\(owner)/pretrained_weights/personalive/temporal_module.pth"] = bytes(
            "denoising_unet")
        hub.files["stabilityai/sd-vae-ft-mse/diffusion_pytorch_model.bin"] = bytes("vae")
        hub.files["lambdalabs/sd-image-variations-diffusers/image_encoder/pytorch_model.bin"] =
            bytes(
                "image_encoder")
        hub.files["madebyollin/taesd/diffusion_pytorch_model.safetensors"] = bytes("taesd")
        return hub
    }

    @Test func `licences are shown and accepted, and verify holds to the lock`() throws {
        let hub = try hosted()
        let server = HubServer { hub.answer($0) }
        defer { server.stop() }
        let weights = folder.path + "/weights"
        let pull = ["models", "pull", "personalive", "--folder", weights, "--size", "mini"]

        let refused = try personalive(pull, hub: server.endpoint)
        let wasFetched = FileManager.default.fileExists(atPath: weights)
        let accepted = try personalive(pull + ["--accept-licences"], hub: server.endpoint)
        let again = try personalive(pull)
        let verified = try personalive(["models", "verify", weights + "/", "--model", "mini"])
        let text = weights + "/licences/huaichang--PersonaLive/LICENSE"
        let kept = FileManager.default.contents(atPath: text)
        try FileManager.default.removeItem(atPath: text)
        try Data("Other terms.\n".utf8).write(to: URL(fileURLWithPath: text))
        let spoiled = try personalive(["models", "verify", weights, "--model", "mini"])

        #expect(refused.status == 1)
        #expect(!wasFetched)
        for words in [
            "huaichang/PersonaLive: text in LICENSE",
            "stabilityai/sd-vae-ft-mse: free-enough by its model card",
            "madebyollin/taesd: no licence found", "| Some terms",
            "\(server.endpoint)/huaichang/PersonaLive/blob/",
        ] {
            #expect(refused.output.contains(words), "\(words) is not in \(refused.output)")
        }
        #expect(refused.output.contains("say so with --accept-licences"), "\(refused.output)")
        #expect(accepted.status == 0, "\(accepted.output)")
        #expect(accepted.output.hasSuffix("\(weights)\n"))
        #expect(again.status == 0, "\(again.output)")
        #expect(!again.output.contains("free-enough"), "it asks again: \(again.output)")
        #expect(verified.status == 0, "\(verified.output)")
        #expect(
            verified.output.contains("taesd: complete, f32, 620 kB, sums match"),
            "\(verified.output)")
        #expect(kept == Data("Some terms\n".utf8))
        #expect(spoiled.status == 1)
        #expect(
            spoiled.output.contains(
                "licences/huaichang--PersonaLive/LICENSE is not what personalive-lock.json holds: found 13 bytes, "
                    + "needed 11"), "\(spoiled.output)")
    }

    @Test(arguments: [
        ["--revision", "a..b"], ["--revision", "nobody/nothing=main"], ["--connections", "0"],
    ])
    func `a wrong command line is exit code 64`(arguments: [String]) throws {
        let outcome = try personalive(
            ["models", "pull", "personalive", "--folder", folder.path + "/weights"] + arguments)

        #expect(outcome.status == 64)
    }
}
