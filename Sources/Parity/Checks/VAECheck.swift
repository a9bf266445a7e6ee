import Layers
import Networks
import Tensors

/// Images to the means of their latents, and latents to images.
enum VAECheck: FixtureCheck {
    static func recognises(_ fixture: Fixture) -> Bool {
        fixture.isAbout("vae", with: "image", "latent")
    }

    static func run(_ fixture: Fixture, into results: FixtureResults) throws {
        try run(fixture, into: results, prefix: "")
    }

    /// The same for inputs and outputs whose names have a prefix, such as `vae/`.
    static func run(_ fixture: Fixture, into results: FixtureResults, prefix: String) throws {
        let weights = fixture.weights("vae")
        let configuration = fixture.size.configuration.vae
        if fixture.inputs[prefix + "image"] != nil {
            let encode = try VAEEncoder(from: weights, configuration)
            let image = try fixture.image(prefix + "image")
            results.compare("out/\(prefix)mean", encode(image).channelsFirst())
        }
        if fixture.inputs[prefix + "latent"] != nil {
            let decode = try VAEDecoder(from: weights, configuration)
            let latent = try fixture.channelsLast(prefix + "latent")
            results.compare("out/\(prefix)decoded", decode(latent).channelsFirst())
        }
    }
}

/// The same for the tiny autoencoder.
enum TinyAutoencoderCheck: FixtureCheck {
    static func recognises(_ fixture: Fixture) -> Bool {
        fixture.isAbout("taesd", with: "image", "latent")
    }

    static func run(_ fixture: Fixture, into results: FixtureResults) throws {
        let configuration = fixture.size.configuration.tinyAutoencoder
        if fixture.inputs["image"] != nil {
            let encode = try TinyEncoder(from: fixture.weights(), configuration)
            results.compare("out/latent", encode(try fixture.image("image")).channelsFirst())
        }
        if fixture.inputs["latent"] != nil {
            let decode = try TinyDecoder(from: fixture.weights(), configuration)
            let latent = try fixture.channelsLast("latent")
            results.compare("out/decoded", decode(latent).channelsFirst())
        }
    }
}

extension Fixture {
    /// An image in -1...1, `[n, h, w, 3]`: given as a picture or as numbers.
    func image(_ input: String) throws -> Tensor<Float> {
        inputs[input]?["height"] != nil
            ? try pictures(input, centred: true) : try channelsLast(input)
    }
}
