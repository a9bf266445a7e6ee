import Networks
import Tensors

/// Faces to motion tokens, with the activations on the way.
enum MotionEncoderCheck: FixtureCheck {
    static func recognises(_ fixture: Fixture) -> Bool {
        fixture.network == "motion_encoder" && fixture.inputs["faces"] != nil
    }

    static func run(_ fixture: Fixture, into results: FixtureResults) throws {
        let configuration = fixture.size.configuration
        let encode = try MotionEncoder(
            from: fixture.weights(), configuration.motionEncoder,
            tokens: configuration.motionTokens)
        let faces = try fixture.pictures("faces", centred: true)
        results.compare("out/tokens", encode(faces, trace: results.activation))
    }
}
