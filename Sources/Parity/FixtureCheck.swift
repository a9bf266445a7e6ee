import Tensors

/// Runs what one family of fixtures describes.
///
/// A new family is a new file with a type of this kind, and one more line in
/// ``FixtureChecks/all``.
protocol FixtureCheck: SendableMetatype {
    /// Whether this check can run the fixture, judged by its weights and inputs.
    static func recognises(_ fixture: Fixture) -> Bool

    /// Computes the inputs and weights, runs the network and hands over all that the fixture may
    /// hold golden values of.
    static func run(_ fixture: Fixture, into results: FixtureResults) throws
}

/// The families that are known.
enum FixtureChecks {
    static let all: [any FixtureCheck.Type] = [
        SyntheticVectorsCheck.self,
        ResizeCheck.self,
        KeypointsCheck.self,
        MotionExtractorCheck.self,
        MotionEncoderCheck.self,
        PoseGuiderCheck.self,
        ImageEncoderCheck.self,
        SchedulerCheck.self,
        VAECheck.self,
        TinyAutoencoderCheck.self,
        TrainedTinyAutoencoderCheck.self,
        ReferenceUNetCheck.self,
        DenoisingUNetCheck.self,
        ModulesCheck.self,
        SmallVarianceCheck.self,
        PipelineCheck.self,
        FaceCheck.self,
    ]
}
