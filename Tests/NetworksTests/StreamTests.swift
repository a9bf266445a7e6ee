import Layers
import Networks
import Synchronization
import Tensors
import Testing

/// The streaming loop on networks small enough to run in a blink.
@Suite struct StreamTests {
    private let configuration: ModelConfiguration = {
        var tiny = ModelConfiguration.mini
        (tiny.imageSize, tiny.latentSize) = (64, 8)
        (tiny.unet.channels, tiny.unet.layersPerBlock) = ([32, 32, 32, 32], 1)
        tiny.unet.timeEmbeddingDimension = 32
        tiny.poseGuider.channels = [8, 8, 8, 8]
        tiny.imageEncoder.layers = 1
        return tiny
    }()

    private func networks() throws -> StreamNetworks {
        try StreamNetworks(configuration) { .synthetic(namespace: "tiny", network: $0) }
    }

    private func portrait(
        _ name: String, _ networks: StreamNetworks
    ) throws -> PortraitConditioning {
        let picture = SyntheticStream.image(name, height: 40, width: 70, cells: 4)
        return try networks.condition(
            on: PortraitPicture(picture.reshaped([1, 40, 70, 3]), configuration))
    }

    private func stream(seed: Int, rule: PortraitStream.KeyframeRule = .init()) throws
        -> PortraitStream
    {
        let networks = try networks()
        return PortraitStream(
            networks, portrait: try portrait("portrait", networks), noise: SeededNoise(seed: seed),
            keyframes: rule)
    }

    private func keypoints(_ rows: Int, _ name: String) -> Tensor<Float> {
        SyntheticStream("keypoints/\(name)").unit([rows, 21, 3], scale: 0.8)
    }

    private func motion(_ rows: Int, _ name: String) -> Tensor<Float> {
        let tokens = configuration.motionTokens
        return SyntheticStream("motion/\(name)").gauss([rows, tokens.count, tokens.dimension])
    }

    /// Latents of the first call.
    private func firstCall(seed: Int) throws -> Tensor<Float> {
        var stream = try stream(seed: seed)
        let count = stream.framesNeeded
        return stream.step(keypoints: keypoints(count, "0"), motion: motion(count, "0")).latents
    }

    @Test func `the first call takes a window of frames and later ones a chunk`() throws {
        var stream = try stream(seed: 1)
        #expect(stream.framesNeeded == 16)

        let step = stream.step(keypoints: keypoints(16, "0"), motion: motion(16, "0"))

        #expect(step.latents.shape == [4, 8, 8, 4])
        #expect(!step.latents.array.contains { !$0.isFinite })
        #expect(stream.framesNeeded == 4)
    }

    @Test func `a seed decides the result and another gives another`() throws {
        let one = try firstCall(seed: 7), same = try firstCall(seed: 7)
        let other = try firstCall(seed: 8)

        #expect(one.array == same.array)
        #expect(one.array != other.array)
    }

    /// Latents of two calls, before the second of which the portrait is changed to `name`.
    private func calls(changingTo name: String?) throws -> [[Float]] {
        let networks = try networks()
        var stream = try stream(seed: 1)
        return try (0..<2).map { call in
            if call == 1, let name {
                stream.change(to: FusedPortrait(try portrait(name, networks), networks))
            }
            let count = stream.framesNeeded
            return stream.step(
                keypoints: keypoints(count, "\(call)"), motion: motion(count, "\(call)")
            ).latents.array
        }
    }

    @Test func `a portrait looked at again is seen as before, by encoders that are made anew`() throws {
        let networks = try networks()

        let (first, again) = try (portrait("portrait", networks), portrait("portrait", networks))

        #expect(first.token.array == again.token.array)
        #expect(first.latent.array == again.latent.array)
    }

    @Test func `another portrait whose encoders are gone is refused, and nothing else suffers`() throws {
        let isGone = Mutex(false)
        let networks = try StreamNetworks(configuration) { (network) throws(CheckpointError) in
            if isGone.withLock({ $0 }) { throw .noFile(folder: "weights", network: network) }
            return .synthetic(namespace: "tiny", network: network)
        }
        _ = try portrait("portrait", networks)

        isGone.withLock { $0 = true }

        #expect(throws: CheckpointError.self) { _ = try portrait("someone else", networks) }
    }

    @Test func `another portrait is seen from the next call on, and the same one changes nothing`()
        throws
    {
        let undisturbed = try calls(changingTo: nil)
        let same = try calls(changingTo: "portrait")
        let other = try calls(changingTo: "someone else")

        #expect(same == undisturbed)
        #expect(other[0] == undisturbed[0])
        #expect(other[1] != undisturbed[1])
    }

    @Test func `keyframes are added while there is room, and the bank stops with them`() throws {
        var rule = PortraitStream.KeyframeRule()
        (rule.threshold, rule.firstCall, rule.limit) = (0, 1, 1)
        var stream = try stream(seed: 1, rule: rule)

        let steps = (0..<3).map { call in
            let count = stream.framesNeeded
            return stream.step(
                keypoints: keypoints(count, "\(call)"), motion: motion(count, "\(call)"))
        }

        #expect(steps.map(\.keyframes) == [0, 1, 1])
        #expect(steps.map(\.motionBankCount) == [1, 2, 2])
        #expect(steps.map { $0.distance != nil } == [false, true, false])
    }
}
