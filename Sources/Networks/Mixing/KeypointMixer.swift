/// Changes how strongly a portrait's keypoints follow the driver's head.
///
/// All sets of keypoints of one portrait are the same points, turned and moved: how, is found again from
/// the points themselves. The portrait's own set, from which the lead-in starts, is the reference.
package struct KeypointMixer: Sendable, Equatable {
    /// The portrait's keypoints as it holds its own head.
    package private(set) var reference: [SIMD3<Float>] = []
    package var calibration = NeutralCalibration()
    package var smoother = MotionSmoother()
    /// Keypoints that cannot be the reference's by more than this part of its spread are another
    /// portrait's. Rounding makes a millionth.
    private static let tolerance: Float = 0.01

    package init(reference: [SIMD3<Float>] = []) { self.reference = reference }

    /// - Parameters:
    ///   - sets: of one frame; the first frame's lead from the portrait to it.
    ///   - others: a second driver's of the same frame, moving the same portrait.
    ///   - portrait: the portrait's own; nil if they are those that the first frame's lead from.
    ///   - time: when the frame is shown, seconds.
    /// - Returns: nil where nothing is to be changed; whether a calibration has just ended.
    package mutating func mix(
        _ sets: [[SIMD3<Float>]], with others: [[SIMD3<Float>]]?, portrait: [SIMD3<Float>]? = nil,
        _ control: MixControl, at time: Double
    ) -> (sets: [[SIMD3<Float>]]?, isCalibrated: Bool) {
        guard let last = sets.last, !last.isEmpty else { return (nil, false) }
        if let portrait, portrait.count == last.count {
            reference = portrait
        } else {
            if sets.count > 1 || reference.count != last.count { reference = sets[0] }
            follow(last)
        }
        let motions = sets.enumerated().map { index, set in
            let own = HeadMotion(from: reference, to: set)
            guard let others, control.blend > 0 else { return own }
            let other = others[max(others.count - sets.count + index, 0)]
            guard other.count == reference.count else { return own }
            return own.blended(with: HeadMotion(from: reference, to: other), control.blend)
        }
        let isCalibrated = calibration.add(motions.last!.numbers, control, at: time)
        let blends = others != nil && control.blend > 0
        let isRelative = control.isRelative && calibration.neutral != nil
        guard control.pose != 1 || blends || isRelative || control.cutoff > 0 else {
            smoother = MotionSmoother()
            return (nil, isCalibrated)
        }
        let neutral = calibration.neutral.map(HeadMotion.init(numbers:)) ?? HeadMotion()
        let mixed = motions.enumerated().map { index, motion in
            let kept = motion.since(neutral).scaled(by: control.pose)
            let result = isRelative ? kept : kept.following(neutral)
            guard index == motions.count - 1 else { return result(reference) }
            return HeadMotion(numbers: smoother.filter(result.numbers, control, at: time))(reference)
        }
        return (mixed, isCalibrated)
    }

    /// Another portrait's keypoints are held as the last one's would be.
    private mutating func follow(_ set: [SIMD3<Float>]) {
        let motion = HeadMotion(from: reference, to: set)
        let off = zip(motion(reference), set).map { ($0 - $1).length }.max() ?? 0
        let middle = PointFit.middle(of: reference)
        let spread = reference.map { (SIMD3<Double>($0) - middle).length }.max() ?? 0
        guard off > Self.tolerance * Float(spread) else { return }
        reference = motion.undone(set, about: middle)
    }
}
