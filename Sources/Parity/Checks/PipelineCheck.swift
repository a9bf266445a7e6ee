import Layers
import Networks
import Tensors

/// The streaming loop from pictures to video, with given noise, chunk by chunk.
enum PipelineCheck: FixtureCheck {
    static func recognises(_ fixture: Fixture) -> Bool {
        ["reference", "driving", "noise", "parameters"].allSatisfy { fixture.inputs[$0] != nil }
    }

    static func run(_ fixture: Fixture, into results: FixtureResults) throws {
        let configuration = fixture.size.configuration
        var run = try PipelineRun(fixture, configuration, results)
        let frames = try fixture.pictures("driving"), chunk = configuration.framesPerChunk
        for index in 0..<frames.shape[0] / chunk {
            run.call(index, frames.rows(index * chunk..<(index + 1) * chunk))
        }
    }
}

/// One pass through a pipeline fixture.
private struct PipelineRun {
    private let results: FixtureResults
    private let configuration: ModelConfiguration
    private let decode: VAEDecoder
    private let drawing: KeypointDrawing
    private var keypoints: KeypointTracker
    private var motion: MotionTracker
    private var stream: PortraitStream

    init(
        _ fixture: Fixture, _ configuration: ModelConfiguration, _ results: FixtureResults
    ) throws {
        (self.configuration, self.results) = (configuration, results)
        let networks = try StreamNetworks(configuration) { fixture.weights($0) }
        let picture = PortraitPicture(try fixture.pictures("reference"), configuration)
        let portrait = try networks.condition(on: picture)
        results.compare("reference/extractor_input", picture.extractorInput.channelsFirst())
        results.compare("reference/token", portrait.token)
        results.compare("reference/latent", portrait.latent.channelsFirst())
        decode = try VAEDecoder(from: fixture.weights("vae"), configuration.vae)
        drawing = KeypointDrawing(
            size: configuration.imageSize, finer: configuration.keypointFineness)
        keypoints = KeypointTracker(
            try MotionExtractor(
                from: fixture.weights("motion_extractor"), configuration.motionExtractor),
            portrait: picture, configuration)
        motion = MotionTracker(
            try MotionEncoder(
                from: fixture.weights("motion_encoder"), configuration.motionEncoder,
                tokens: configuration.motionTokens),
            portraitFace: keypoints.portraitFace, configuration)
        results.compare("chunk0/reference_box", Tensor(boxes: [keypoints.portraitBox]))
        stream = PortraitStream(
            networks, portrait: portrait, noise: FixtureNoise(fixture),
            keyframes: .init(fixture.inputs["parameters"] ?? .null))
    }

    /// One chunk of driving frames through everything.
    mutating func call(_ index: Int, _ frames: Tensor<UInt8>) {
        let prefix = "chunk\(index)/"
        let tracked = (0..<frames.shape[0]).map { keypoints.track(frames.rows($0..<$0 + 1)) }
        let drawn = Tensor(stacking: tracked.map(\.keypoints))
        let tokens = Tensor(stacking: tracked.map { motion.track($0.face) })
        compare(prefix, tracked, drawn, tokens)
        stream.observe = { [results] name, value in
            results.compare(prefix + name, value.channelsFirst())
            results.activation(prefix + name, value)
        }
        let step = stream.step(keypoints: drawn, motion: tokens)
        results.compare(prefix + "x0", step.latents.channelsFirst())
        results.compare(
            prefix + "video",
            decode(step.latents.scaled(by: 1 / configuration.vae.scaling)).unitRange())
        let decision = [step.isRemembered ? 1 : 0, step.keyframes, step.motionBankCount]
        results.compare(prefix + "keyframe", Tensor(decision.map(Int32.init), shape: [3]))
        if let distance = step.distance {
            results.compare(prefix + "keyframe_distance", Tensor([distance], shape: [1]))
        }
    }

    private func compare(
        _ prefix: String, _ tracked: [KeypointTracker.Tracked], _ drawn: Tensor<Float>,
        _ tokens: Tensor<Float>
    ) {
        results.compare(prefix + "keypoints", drawn)
        results.compare(prefix + "drawn_points", drawing.points(drawn.keypointSets))
        results.compare(
            prefix + "own_keypoints", Tensor(keypoints: tracked.map(\.pose.posedKeypoints)))
        results.compare(prefix + "boxes", Tensor(boxes: tracked.map(\.box)))
        // Of the interpolated motion only the portrait's, which is first, is golden.
        let count = tokens.shape[0], own = tokens.rows(count - tracked.count..<count)
        let isFirst = count > tracked.count
        results.compare(
            prefix + "motion", isFirst ? Tensor(stacking: [tokens.rows(0..<1), own]) : own)
    }
}

/// Noise as a fixture gives it: one name per draw, channels before frames.
private struct FixtureNoise: NoiseSource {
    let ids: [String]

    init(_ fixture: Fixture) {
        ids = fixture.inputs["noise"]?["ids"]?.list?.compactMap(\.text) ?? []
    }

    func noise(draw: Int, shape: [Int]) -> Tensor<Float> {
        let (n, h, w, c) = (shape[0], shape[1], shape[2], shape[3])
        let name = draw < ids.count ? ids[draw] : "missing noise \(draw)"
        return SyntheticStream(name).gauss([1, c, n, h, w]).channelsLast().reshaped(shape)
    }
}

extension PortraitStream.KeyframeRule {
    /// As a pipeline fixture states it.
    fileprivate init(_ parameters: JSONValue) {
        self.init()
        threshold = parameters["threshold"]?.number.map(Float.init) ?? threshold
        firstCall = parameters["keyframe_min_count"]?.integer.map { $0 + 1 } ?? firstCall
        limit = parameters["max_keyframes"]?.integer ?? limit
        comparesBeyondLimit = true
    }
}

extension Tensor<Int32> {
    /// Left, top, right and bottom of boxes, `[n, 4]`.
    init(boxes: [FaceBox]) {
        self.init(
            boxes.flatMap { [$0.left, $0.top, $0.right, $0.bottom].map(Int32.init) },
            shape: [boxes.count, 4])
    }
}

extension Tensor<Float> {
    /// From -1...1 to 0...1, without what lies outside.
    fileprivate func unitRange() -> Tensor {
        Tensor(host().array.map { min(max($0 / 2 + 0.5, 0), 1) }, shape: shape)
    }
}
