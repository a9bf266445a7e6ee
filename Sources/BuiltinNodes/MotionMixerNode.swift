import Networks
import NodeKit
import Tensors

/// Changes how strongly the portrait follows its driver, between the motion encoder and the denoiser.
package struct MotionMixerNode: Node {
    package static let motion = Port(
        "motion", Float.self, "n tokens 16", meaning: "motion", "what the driver's face expresses")
    package static let keypoints = Port(
        "keypoints", Float.self, "n 21 3", meaning: "keypoints/21",
        "the portrait's, held as the driver's head")
    package static let secondMotion = Port(
        "second-motion", Float.self, "m tokens 16", meaning: "motion", isOptional: true,
        "of a second driver")
    package static let secondKeypoints = Port(
        "second-keypoints", Float.self, "m 21 3", meaning: "keypoints/21", isOptional: true,
        "of a second driver, who moves the same portrait")
    package static let portraitMotion = Port(
        "portrait-motion", Float.self, "1 tokens 16", meaning: "motion", pace: .last, isOptional: true,
        "the portrait's own, of the motion encoder: a mixer that comes on air needs it to know where a "
            + "strength of 0 leads")
    package static let portraitKeypoints = Port(
        "portrait-keypoints", Float.self, "1 21 3", meaning: "keypoints/21", pace: .last,
        isOptional: true, "the portrait's own, of the keypoint extractor, likewise")
    package static let mixed = Port(
        "motion", Float.self, "n tokens 16", meaning: "motion",
        "the same while every strength is 1 and nothing else is asked for")
    package static let mixedKeypoints = Port(
        "keypoints", Float.self, "n 21 3", meaning: "keypoints/21", "to be drawn")

    package static let origin = Setting(
        "pose-origin", String.self, type: .choice(["absolute", "relative"]), default: "absolute",
        "'relative' lets the portrait hold its head as in the picture while the driver is at its "
            + "calibrated neutral"
    ).live()

    package static let spec = NodeSpec(
        "motion-mixer",
        "Changes how strongly pose, mouth, eyes and brows follow the driver; regions need weights that "
            + "have motion_regions, as Models/small has: with others 'expression' and 'pose' act.",
        inputs: [
            motion, keypoints, portraitMotion, portraitKeypoints, secondMotion, secondKeypoints,
        ],
        outputs: [mixed, mixedKeypoints],
        settings: [ModelSettings.model, ModelSettings.weights] + MixerSettings.all + [origin],
        state: .saved)

    private var control: MixControl
    private var expression: ExpressionMixer
    private var pose = KeypointMixer()
    private var hasWarned = false

    package init(settings: Settings) throws {
        let model = try ModelSettings(settings)
        control = Self.control(settings)
        expression = ExpressionMixer(try Self.regions(of: model))
    }

    private static func control(_ settings: Settings) -> MixControl {
        var control = MixerSettings.control(settings)
        control.isRelative = settings[origin] == "relative"
        return control
    }

    /// Nil where the weights' folder has none.
    private static func regions(of model: ModelSettings) throws(CheckpointError) -> MotionRegions? {
        let tokens = model.configuration.motionTokens, checkpoint: Checkpoint
        do {
            checkpoint = try model.checkpoint("motion_regions")
        } catch .noFile {
            return nil
        }
        guard MotionRegions.are(in: checkpoint) else { return nil }
        return try MotionRegions(from: checkpoint, width: tokens.count * tokens.dimension)
    }

    package mutating func update(settings: Settings) { control = Self.control(settings) }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        let (motion, keypoints) = (inputs[Self.motion], inputs[Self.keypoints])
        let time = Double(inputs.stamp.presentation) / 1e9
        warnOfRegions(&outputs)
        let tokens = expression.mix(
            motion.flatRows, with: inputs[ifPresent: Self.secondMotion]?.flatRows,
            portrait: inputs[ifPresent: Self.portraitMotion]?.flatRows[0], control, at: time)
        if let rows = tokens.rows {
            outputs[Self.mixed] = Tensor(rows.flatMap(\.self), shape: motion.shape)
        } else {
            outputs[Self.mixed] = motion
        }
        let points = pose.mix(
            keypoints.keypointSets, with: inputs[ifPresent: Self.secondKeypoints]?.keypointSets,
            portrait: inputs[ifPresent: Self.portraitKeypoints]?.keypointSets[0], control, at: time)
        outputs[Self.mixedKeypoints] = points.sets.map { Tensor(keypoints: $0) } ?? keypoints
        if tokens.isCalibrated {
            outputs.warn(MixerSettings.words(expression.calibration, control))
        }
    }

    private mutating func warnOfRegions(_ outputs: inout Outputs) {
        let strengths = FaceRegion.allCases.map { control.strength(of: $0) }
        guard expression.regions == nil, !hasWarned, strengths.contains(where: { $0 != 1 }) else {
            return
        }
        hasWarned = true
        outputs.warn(
            "these weights have no motion_regions, so 'mouth', 'eyes' and 'brows' do nothing: "
                + "'expression' acts on the whole face")
    }
}

extension MotionMixerNode {
    package func save() -> SavedState? {
        var writer = StateWriter()
        writer.write(expression.rest)
        writer.write(expression.calibration)
        writer.write(expression.smoother.numbers)
        writer.write(points: pose.reference)
        writer.write(pose.calibration)
        writer.write(pose.smoother.numbers)
        writer.write(hasWarned)
        return SavedState(writer.bytes)
    }

    package mutating func restore(_ state: [UInt8]) {
        var reader = StateReader(state)
        expression = ExpressionMixer(expression.regions, rest: reader.floats())
        expression.calibration = reader.calibration()
        expression.smoother = MotionSmoother(numbers: reader.doubles())
        pose = KeypointMixer(reference: reader.points())
        pose.calibration = reader.calibration()
        pose.smoother = MotionSmoother(numbers: reader.doubles())
        hasWarned = reader.flag()
    }
}

extension Tensor<Float> {
    /// All numbers of each index of the first axis in a row.
    fileprivate var flatRows: [[Float]] { (0..<shape[0]).map { rows($0..<$0 + 1).array } }
}
