import Networks
import Tensors

/// A portrait's latent and token to its banks.
enum ReferenceUNetCheck: FixtureCheck {
    static func recognises(_ fixture: Fixture) -> Bool {
        fixture.isAbout("reference_unet", with: "latent")
    }

    static func run(_ fixture: Fixture, into results: FixtureResults) throws {
        let configuration = fixture.size.configuration.unet
        let token = try fixture.floats("token").reshaped([1, configuration.tokenDimension])
        let network = try ReferenceUNet(from: fixture.weights(), configuration)
        for (name, tokens) in network(try fixture.channelsLast("latent"), token: token).blocks {
            results.compare("out/" + name, tokens)
        }
    }
}

/// A window's noise estimate, with a look at every layer where the fixture has one.
enum DenoisingUNetCheck: FixtureCheck {
    static func recognises(_ fixture: Fixture) -> Bool {
        fixture.isAbout("denoising_unet", with: "latents")
    }

    static func run(_ fixture: Fixture, into results: FixtureResults) throws {
        let network = try DenoisingUNet(
            from: fixture.weights(), fixture.size.configuration)
        let window = try DenoiserWindow(fixture, prefix: "")
        let reference = try window.banks(0, for: network)
        if results.wants("out/eps_reference_only") {
            let estimate = window.estimate(network, [reference])
            results.compare("out/eps_reference_only", estimate.channelsFirst())
        }
        guard results.wants("out/eps_with_keyframe") else { return }
        // Traces are those of the pass with a keyframe.
        let keyframe = try window.banks(1, for: network)
        network.observe = { results.activation($0, $1) }
        let estimate = window.estimate(network, [reference, keyframe])
        results.compare("out/eps_with_keyframe", estimate.channelsFirst())
    }
}

/// The denoiser's inputs as a fixture describes them.
struct DenoiserWindow {
    private let fixture: Fixture
    private let latents, token, motion, pose: Tensor<Float>
    private let timesteps: [Int]

    init(_ fixture: Fixture, prefix: String) throws {
        self.fixture = fixture
        latents = try fixture.channelsLast(prefix + "latents")
        let token = try fixture.floats(prefix + "token")
        self.token = token.reshaped([1, token.count])
        motion = try fixture.floats(prefix + "motion")
        pose = try fixture.channelsLast(prefix + "pose")
        timesteps = try fixture.floats(prefix + "timesteps").array.map { Int($0) }
    }

    /// Bank `number` of every attention block: `<j>` and `<attention key>` in the description's id
    /// stand for these.
    func banks(_ number: Int, for network: DenoisingUNet) throws -> ProjectedBanks {
        let pattern = fixture.inputs["banks"]?["id"]?.text ?? ""
        let (h, w) = (latents.shape[1], latents.shape[2])
        var banks = ReferenceBanks()
        for block in network.attentionBlocks {
            let id = pattern.replacing("<j>", with: String(number))
                .replacing("<attention key>", with: block.name)
            let tokens = (h >> block.level) * (w >> block.level)
            banks.append(
                try fixture.floats("banks", id: id, shape: [1, tokens, block.channels]),
                for: block.name)
        }
        return network.project(banks)
    }

    func estimate(_ network: DenoisingUNet, _ banks: [ProjectedBanks]) -> Tensor<Float> {
        network(
            latents, timesteps: timesteps, motion: motion, pose: pose,
            token: network.prepare(token: token), banks: banks)
    }
}
