import Foundation
import Layers
import Networks
import Tensors
import Testing

/// Prints how long passes take; only on request: `PERSONALIVE_SPEED=1 swift test --filter SpeedTests`.
@Suite(.serialized, .enabled(if: Speed.isWanted)) struct SpeedTests {
    @Test func `one window of the mini denoiser`() throws {
        let model = ModelConfiguration.mini
        let network = try DenoisingUNet(
            from: .synthetic(namespace: "mini", network: "denoising_unet"), model)
        let token = network.prepare(token: sample("token", [1, 48]))
        let bank = try ReferenceUNet(
            from: .synthetic(namespace: "mini", network: "reference_unet"), model.unet)(
                sample("portrait", [1, 16, 16, 4]), token: sample("token", [1, 48]))
        let banks = [network.project(bank)]
        let (latents, pose) = (
            sample("latents", [16, 16, 16, 4]), sample("pose", [16, 16, 16, 32])
        )
        let motion = sample("motion", [16, 8, 16])
        let timesteps = Scheduler.timesteps.flatMap { [$0, $0, $0, $0] }
        let pass = {
            network(
                latents, timesteps: timesteps, motion: motion, pose: pose, token: token,
                banks: banks)
        }
        Speed.show("mini window, 16 frames") { _ = pass() }
        var times: [String: Duration] = [:]
        var last = ContinuousClock.now
        network.observe = { name, _ in
            let now = ContinuousClock.now
            times[Speed.kind(name), default: .zero] += now - last
            last = ContinuousClock.now
        }
        for _ in 0..<10 { last = .now; _ = pass() }
        for (kind, time) in times.sorted(by: { $0.value > $1.value }) {
            print("   ", kind, time / 10)
        }
    }

    @Test func `one frame of the mini decoders`() throws {
        let model = ModelConfiguration.mini
        let latents = sample("latents", [4, 16, 16, 4])
        let vae = try VAEDecoder(
            from: .synthetic(namespace: "mini", network: "vae"), model.vae)
        Speed.show("mini VAE, 4 frames") { _ = vae(latents) }
        let tiny = try TinyDecoder(
            from: .synthetic(namespace: "mini", network: "taesd"), model.tinyAutoencoder)
        Speed.show("mini TAESD, 4 frames") { _ = tiny(latents) }
    }
}

private enum Speed {
    static let isWanted = ProcessInfo.processInfo.environment["PERSONALIVE_SPEED"] != nil

    static func show(_ what: String, _ body: () -> Void) {
        body()
        let times = (0..<20).map { _ in ContinuousClock().measure(body) }.sorted()
        print(what, "median", times[10], "best", times[0])
    }

    /// Such as `motion_modules/after_ff`: the sort of layer and the step, wherever it is.
    static func kind(_ name: String) -> String {
        let parts = name.split(separator: "/")
        let sort = parts[0].split(separator: ".").first { layerSorts.contains(String($0)) }
        let step = parts.count > 1 ? "/" + parts[1] : ""
        return (sort ?? parts[0]) + step
    }

    private static let layerSorts: Set = [
        "resnets", "attentions", "motion_modules", "temporal_modules", "downsamplers",
        "upsamplers",
    ]
}
