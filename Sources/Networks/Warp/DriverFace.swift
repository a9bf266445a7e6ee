/// A driver's face over time: its neutral expression, and what it does now.
package struct DriverFace {
    package private(set) var neutral: NeutralFace
    private(set) var motion = FaceMotion()
    private var jumps = MeshGuard()
    private let neutralFrames: Int

    /// - Parameters:
    ///   - neutralFrames: over how many frames the neutral face is found.
    package init(neutralFrames: Int) {
        self.neutralFrames = neutralFrames
        neutral = NeutralFace(frames: neutralFrames)
    }

    /// Whether it has been seen yet.
    package var isSeen: Bool { neutral.pose != nil }

    /// Takes in the next frame's mesh, 478 points in a unit of the driver's own. What jumped, or is no face,
    /// is held: the motion stays as it was. What is believed after a jump may be another person's face, so its
    /// neutral is found anew.
    @discardableResult
    package mutating func look(at mesh: [SIMD3<Float>]) -> MeshGuard.Verdict {
        guard let reading = FaceReading(mesh), reading.pose.scale > 1e-6 else { return .held }
        let verdict = jumps.judge(mesh, scale: reading.pose.scale)
        guard verdict != .held else { return .held }
        if verdict == .believed { neutral = NeutralFace(frames: neutralFrames) }
        let shape = mesh.map { reading.pose.inverse($0) }
        neutral.look(at: shape, reading)
        motion.read(shape, reading, against: neutral)
        return verdict
    }

    /// All of it, for another process of the same node.
    package var numbers: [[Float]] { [neutral.numbers, jumps.numbers, motion.numbers] }

    package init(neutralFrames: Int, numbers: [[Float]]) {
        self.init(neutralFrames: neutralFrames)
        guard numbers.count == 3 else { return }
        neutral = NeutralFace(frames: neutralFrames, numbers: numbers[0])
        jumps = MeshGuard(numbers: numbers[1])
        motion = FaceMotion(numbers: numbers[2])
    }
}
