import Layers
import Networks
import Tensors
import Testing

@Suite struct AutoencoderTests {
    private let configuration = ModelConfiguration.mini

    @Test func `the VAE goes eight times smaller and back`() throws {
        let weights = Checkpoint.synthetic(namespace: "mini", network: "vae")
        let encode = try VAEEncoder(from: weights, configuration.vae)
        let decode = try VAEDecoder(from: weights, configuration.vae)

        let latents = encode(sample("image", [2, 16, 24, 3]))

        #expect(latents.shape == [2, 2, 3, 4])
        #expect(decode(latents).shape == [2, 16, 24, 3])
    }

    @Test func `a frame decodes the same alone and among others`() throws {
        let weights = Checkpoint.synthetic(namespace: "mini", network: "vae")
        let decode = try VAEDecoder(from: weights, configuration.vae)
        let latents = sample("latents", [3, 2, 2, 4])

        let together = decode(latents)

        #expect(decode(latents.rows(1..<2)).array == together.rows(1..<2).array)
    }

    @Test func `the tiny autoencoder has the VAE's shapes at any width`() throws {
        var tiny = configuration.tinyAutoencoder
        tiny.channels = 8
        let weights = Checkpoint.synthetic(namespace: "narrow", network: "taesd")

        let latents = try TinyEncoder(from: weights, tiny)(sample("image", [1, 16, 16, 3]))
        let image = try TinyDecoder(from: weights, tiny)(latents)

        #expect(latents.shape == [1, 2, 2, 4])
        #expect(image.shape == [1, 16, 16, 3])
    }
}
