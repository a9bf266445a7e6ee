import Layers
import Networks
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

    private func frames(seed: Int, rule: PortraitStream.KeyframeRule = .init()) throws
        -> FrameByFrame
    {
        FrameByFrame(try stream(seed: seed, rule: rule), configuration)
    }

    private func stream(seed: Int, rule: PortraitStream.KeyframeRule = .init()) throws
        -> PortraitStream
    {
        let networks = try StreamNetworks(configuration) {
            .synthetic(namespace: "tiny", network: $0)
        }
        let picture = SyntheticStream.image("portrait", height: 40, width: 70, cells: 4)
        let portrait = networks.condition(
            on: PortraitPicture(picture.reshaped([1, 40, 70, 3]), configuration))
        return PortraitStream(
            networks, portrait: portrait, noise: SeededNoise(seed: seed), keyframes: rule)
    }

    private func keypoints(_ rows: Int, _ name: String) -> Tensor<Float> {
        SyntheticStream("keypoints/\(name)").unit([rows, 21, 3], scale: 0.8)
    }

    private func motion(_ rows: Int, _ name: String) -> Tensor<Float> {
        let tokens = configuration.motionTokens
        return SyntheticStream("motion/\(name)").gauss([rows, tokens.count, tokens.dimension])
    }

    /// Feeds so many frames and gives all that is finished.
    private func run(_ count: Int, seed: Int = 1) throws -> [FrameByFrame.Finished] {
        var stream = try frames(seed: seed)
        var finished: [FrameByFrame.Finished] = []
        for frame in 0..<count {
            let rows = frame == 0 ? 13 : 1
            let done = stream.feed(
                keypoints: keypoints(rows, "\(frame)"), motion: motion(rows, "\(frame)"))
            if let done { finished.append(done) }
        }
        return finished + stream.finish()
    }

    @Test(arguments: [1, 4, 6]) func `every driving frame is finished once and in order`(
        count: Int
    ) throws {
        let finished = try run(count)

        let numbers = finished.flatMap { part in
            (0..<part.latents.shape[0]).map { part.firstFrame + $0 }
        }
        #expect(numbers.filter { $0 >= 0 } == Array(0..<count))
        #expect(finished.allSatisfy { $0.latents.shape.dropFirst() == [8, 8, 4] })
        #expect(finished.allSatisfy { $0.latents.array.allSatisfy(\.isFinite) })
    }

    @Test func `no frames give nothing`() throws {
        #expect(try run(0).isEmpty)
    }

    @Test func `a seed decides the result and another gives another`() throws {
        let one = try run(2, seed: 7), same = try run(2, seed: 7), other = try run(2, seed: 8)

        #expect(one.last?.latents.array == same.last?.latents.array)
        #expect(one.last?.latents.array != other.last?.latents.array)
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
