import Layers
import Networks
import Tensors

/// Single modules of the denoiser, each under the key that the fixture gives.
enum ModulesCheck: FixtureCheck {
    static func recognises(_ fixture: Fixture) -> Bool {
        fixture.network == "denoising_unet" && fixture.inputs["keys"] != nil
    }

    static func run(_ fixture: Fixture, into results: FixtureResults) throws {
        let modules = try Modules(fixture)
        results.compare("out/time_embedding", modules.time.embedding)
        let variants = fixture.inputs.keys.filter { $0.hasPrefix("x_") }.map { $0.dropFirst(2) }
        for variant in variants.sorted() {
            let x = try fixture.channelsLast("x_\(variant)")
            for (name, output) in try modules.run(x) {
                results.compare("out/\(variant)/\(name)", output.channelsFirst())
            }
        }
    }
}

/// The modules of one fixture with what they need beside their input.
private struct Modules {
    let time: TimeCondition
    private let fixture: Fixture
    private let token, motion: Tensor<Float>
    private let configuration: ModelConfiguration

    init(_ fixture: Fixture) throws {
        self.fixture = fixture
        configuration = fixture.size.configuration
        let token = try fixture.floats("token")
        self.token = token.reshaped([1, token.count])
        motion = try fixture.floats("motion")
        let unet = configuration.unet
        let embed = try TimeEmbedding(
            from: fixture.weights().scope("time_embedding"), frequencies: unet.channels[0],
            dimension: unet.timeEmbeddingDimension)
        time = embed(try fixture.floats("timesteps").array.map { Int($0) })
    }

    private func key(_ module: String) throws -> String {
        guard let key = fixture.inputs["keys"]?[module]?.text else {
            throw FixtureError.noInput(fixture: fixture.name, input: "keys/" + module)
        }
        // Resamplers are named without the convolution that they consist of.
        return key.hasSuffix(".conv") ? String(key.dropLast(5)) : key
    }

    func run(_ x: Tensor<Float>) throws -> [(String, Tensor<Float>)] {
        let (weights, unet, c) = (fixture.weights(), configuration.unet, x.shape[3])
        let resnet = try ResnetBlock(
            from: weights, key("resnet"), c, c, groups: unet.normGroups,
            timeDimension: unet.timeEmbeddingDimension, eps: 1e-5)
        let attention = try SpatialTransformer(from: weights, key("attention"), c, unet)
        let motionModule = try MotionModule(
            from: weights, key("motion"), c, unet, motionDimension: motion.shape[2])
        let temporal = try TemporalModule(from: weights, key("temporal"), c, unet)
        let down = try Downsampler(from: weights, key("downsample"), c, padding: .all(1))
        let up = try Upsampler(from: weights, key("upsample"), c)
        let banks = try ["bank0", "bank1"].map { try fixture.floats($0) }
        return [
            ("resnet", resnet(x, at: time)),
            ("attention_no_reference", attention(x, token: token, banks: [])),
            ("attention_two_banks", attention(x, token: token, banks: banks)),
            ("motion", motionModule(x, motion: motion)), ("temporal", temporal(x)),
            ("downsample", down(x)), ("upsample", up(x)),
        ]
    }
}
