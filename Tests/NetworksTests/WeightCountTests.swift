import Networks
import Synchronization
import Tensors
import Testing

/// The number of weights that a configuration says, against what its networks ask for.
@Suite struct WeightCountTests {
    private let mini = ModelConfiguration.mini

    /// Counts the numbers that a network asks its checkpoint for, each once.
    private final class Counter: Sendable {
        private let sizes = Mutex<[String: Int]>([:])

        var checkpoint: Checkpoint {
            Checkpoint.computed("counted") { [self] key, shape in
                sizes.withLock { $0[key] = shape.reduce(1, *) }
                return Tensor<Float>(repeating: 0.5, shape: shape)
            }
        }

        var count: Int { sizes.withLock { $0.values.reduce(0, +) } }
    }

    private func count(_ body: (Checkpoint) throws -> Void) throws -> Int {
        let counter = Counter()
        try body(counter.checkpoint)
        return counter.count
    }

    @Test func `both UNets ask for as many weights as the configuration says`() throws {
        #expect(
            try count { _ = try DenoisingUNet(from: $0, mini) } == mini.denoiserWeights)
        #expect(
            try count { _ = try ReferenceUNet(from: $0, mini.unet) } == mini.referenceWeights)
    }

    @Test func `both halves of the autoencoders do`() throws {
        let vae = mini.vae
        #expect(try count { _ = try VAEEncoder(from: $0, vae) } == vae.encoderWeights)
        #expect(try count { _ = try VAEDecoder(from: $0, vae) } == vae.decoderWeights)
        for tiny in [mini.tinyAutoencoder, .flux2] {
            #expect(try count { _ = try TinyEncoder(from: $0, tiny) } == tiny.encoderWeights)
            #expect(try count { _ = try TinyDecoder(from: $0, tiny) } == tiny.decoderWeights)
        }
    }

    @Test func `the small networks do`() throws {
        #expect(
            try count { _ = try ImageEncoder(from: $0, mini.imageEncoder) }
                == mini.imageEncoder.weights)
        #expect(
            try count { _ = try PoseGuider(from: $0, mini.poseGuider) } == mini.poseGuider.weights)
        #expect(
            try count { _ = try MotionExtractor(from: $0, mini.motionExtractor) }
                == mini.motionExtractor.weights)
        #expect(
            try count {
                _ = try MotionEncoder(from: $0, mini.motionEncoder, tokens: mini.motionTokens)
            } == mini.motionEncoderWeights)
    }

    /// The published numbers are of all weights in the files; those without effect are counted here.
    @Test func `the full model has the published numbers of weights`() {
        let full = ModelConfiguration.full
        let widths = [320, 320, 640, 640, 1280, 1280, 1280]
            + [1280, 1280, 1280, 640, 640, 640, 320, 320, 320]
        // Cross-attention to one token needs neither queries and keys nor the norm before them.
        let unused = widths.reduce(0) { $0 + $1 * $1 + full.unet.tokenDimension * $1 + 2 * $1 }

        #expect(full.denoiserWeights + unused == 1_684_818_244)
        #expect(full.referenceWeights + unused == 859_508_800)
        #expect(full.vae.encoderWeights == 34_163_664)
        #expect(full.vae.decoderWeights == 49_490_199)
        #expect(full.imageEncoder.weights == 303_966_208)
        #expect(full.poseGuider.weights == 1_086_480)
        #expect(
            full.tinyAutoencoder.encoderWeights + full.tinyAutoencoder.decoderWeights == 2_445_063)
        #expect(ModelConfiguration.TinyAutoencoder.flux2.encoderWeights == 1_338_528)
        #expect(ModelConfiguration.TinyAutoencoder.flux2.decoderWeights == 1_338_499)
        // The head for expressions, 768 to 63, is not used.
        #expect(full.motionExtractor.weights + 768 * 63 + 63 == 28_118_728)
        // Here the published number leaves running means and variances out.
        #expect((61_628_209...61_700_000).contains(full.motionEncoderWeights))
    }
}
