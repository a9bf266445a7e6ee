import Layers
import Networks
import Tensors

/// Keypoints, drawn, to pose features.
enum PoseGuiderCheck: FixtureCheck {
    static func recognises(_ fixture: Fixture) -> Bool {
        fixture.network == "pose_guider" && fixture.inputs["keypoints"] != nil
    }

    static func run(_ fixture: Fixture, into results: FixtureResults) throws {
        let configuration = fixture.size.configuration
        let guide = try PoseGuider(from: fixture.weights(), configuration.poseGuider)
        let keypoints = try fixture.floats("keypoints")
        results.compare("out/keypoints", keypoints)
        // Features are eight times smaller than the canvas, which tells the canvas's size.
        let size = (fixture.shape("out/features")?.last ?? 16) * 8
        let canvases = KeypointDrawing(size: size)(keypoints.keypointSets)
        results.compare("out/features", guide(canvases).channelsFirst())
    }
}
