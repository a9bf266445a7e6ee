import Layers
import Networks
import Tensors

/// A portrait and driving frames through the motion extractor, then keypoints of two chunks.
enum MotionExtractorCheck: FixtureCheck {
    static func recognises(_ fixture: Fixture) -> Bool {
        fixture.network == "motion_extractor"
            && ["reference", "driving"].allSatisfy { fixture.inputs[$0] != nil }
    }

    static func run(_ fixture: Fixture, into results: FixtureResults) throws {
        let configuration = fixture.size.configuration
        let extract = try MotionExtractor(from: fixture.weights(), configuration.motionExtractor)
        let pictures = Tensor(stacking: [
            try fixture.pictures("reference", centred: false),
            try fixture.pictures("driving", centred: false),
        ])
        let heads = extract.heads(pictures)
        compare(heads, "out/", results)
        let poses = heads.poses
        results.compare(
            "out/degrees", Tensor(keypoints: [poses.map(\.degrees)]).reshaped([poses.count, 3]))
        results.compare("out/rotation", .transposedRotations(poses))
        results.compare("out/own_keypoints", Tensor(keypoints: poses.map(\.posedKeypoints)))
        compareChunks(poses[0], Array(poses.dropFirst()), configuration, results)
    }

    /// The six heads as they come.
    static func compare(_ heads: MotionExtractor.Heads, _ prefix: String, _ results: FixtureResults)
    {
        results.compare(prefix + "kp", heads.keypoints)
        results.compare(prefix + "t", heads.translation)
        results.compare(prefix + "scale", heads.scale)
        results.compare(prefix + "pitch", heads.pitch)
        results.compare(prefix + "yaw", heads.yaw)
        results.compare(prefix + "roll", heads.roll)
    }

    private static func compareChunks(
        _ portrait: FacePose, _ driving: [FacePose], _ configuration: ModelConfiguration,
        _ results: FixtureResults
    ) {
        guard let first = driving.first else { return }
        let chunk = configuration.framesPerChunk
        let drawn = driving.map { portrait.drawn(for: $0, since: first) }
        let lead = portrait.gliding(
            to: first, count: configuration.windowFrames - configuration.framesPerChunk)
        results.compare(
            "out/first_chunk_keypoints", Tensor(keypoints: lead + drawn.prefix(chunk)))
        results.compare(
            "out/second_chunk_keypoints",
            Tensor(keypoints: Array(drawn.dropFirst(chunk).prefix(chunk))))
    }
}
