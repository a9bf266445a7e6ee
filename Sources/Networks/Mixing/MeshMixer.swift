import Glibc

/// Changes how strongly a face mesh moves: the head as a whole, and regions of the face.
///
/// The head's motion since its neutral is a turn, a shift and a growth, fitted to points that expressions
/// hardly move. What is left of each point, in the head's own coordinates, is expression: it is scaled by
/// the strengths of the regions that the point belongs to.
package struct MeshMixer: Sendable, Equatable {
    /// One driver's face.
    private struct Driver: Equatable {
        /// The mesh from which motion counts: the calibrated one, or the first that was seen, or that was
        /// seen when a calibration was forgotten.
        var neutral: [SIMD3<Float>] = []
        var calibration = NeutralCalibration()
    }

    private var drivers = [Driver(), Driver()]
    private var smoother = MotionSmoother()
    /// For each point of the first driver's neutral, how much of it belongs to mouth, eyes and brows.
    private var shares: [SIMD3<Float>] = []

    package init() {}

    /// - Parameters:
    ///   - mesh: points in MediaPipe's order, x and y in sides of a square picture, z in the same unit.
    ///   - other: a second driver's of the same frame.
    ///   - time: when the frame is shown, seconds.
    /// - Returns: nil where nothing is to be changed, or the mesh is no face's; whether a calibration has
    ///   just ended.
    package mutating func mix(
        _ mesh: [SIMD3<Float>], with other: [SIMD3<Float>]?, _ control: MixControl, at time: Double
    ) -> (mesh: [SIMD3<Float>]?, isCalibrated: Bool) {
        guard mesh.count >= FaceMesh.surfaceCount, FaceReading.areSound(mesh) else { return (nil, false) }
        let isCalibrated = look(at: mesh, 0, control, time)
        var blend = control.blend
        if let other, other.count == mesh.count, FaceReading.areSound(other) {
            _ = look(at: other, 1, control, time)
        } else {
            blend = 0
        }
        let limit = Double(log(control.scaleLimit))
        let own = Self.motion(from: drivers[0].neutral, to: mesh)
        let isTooLarge = control.scaleLimit < 4 && own.growth.magnitude > limit
        guard control.pose != 1 || !control.keepsExpression || blend > 0 || control.cutoff > 0 || isTooLarge
        else {
            smoother = MotionSmoother()
            return (nil, isCalibrated)
        }
        var motion = own
        var residual = residual(of: mesh, own, 0)
        if blend > 0, let other {
            let second = Self.motion(from: drivers[1].neutral, to: other)
            motion = own.blended(with: second, blend)
            let theirs = self.residual(of: other, second, 1)
            let size = Self.eyeDistance(drivers[0].neutral) / Self.eyeDistance(drivers[1].neutral)
            for index in residual.indices {
                residual[index] += blend * (theirs[index] * size - residual[index])
            }
        }
        motion = motion.scaled(by: control.pose)
        if control.scaleLimit < 4 { motion.growth = min(max(motion.growth, -limit), limit) }
        let face = zip(drivers[0].neutral, zip(residual, shares)).map { point, part in
            point + part.0 * Self.strength(part.1, control)
        }
        let moved = motion(face, about: PointFit.middle(of: Self.stable(drivers[0].neutral)))
        let smooth = smoother.filter(moved.coordinates, control, at: time)
        return (Array(coordinates: smooth[...]), isCalibrated)
    }

    /// Keeps the neutral of a driver.
    private mutating func look(
        at mesh: [SIMD3<Float>], _ index: Int, _ control: MixControl, _ time: Double
    ) -> Bool {
        let hadNone = drivers[index].neutral.count != mesh.count
        let wasCalibrated = drivers[index].calibration.neutral != nil
        let isCalibrated = drivers[index].calibration.add(mesh.coordinates, control, at: time)
        let isForgotten = wasCalibrated && drivers[index].calibration.neutral == nil
        if hadNone || isForgotten { drivers[index].neutral = mesh }
        if isCalibrated, let found = drivers[index].calibration.neutral {
            drivers[index].neutral = Array(coordinates: found[...])
        }
        if index == 0, hadNone || isForgotten || isCalibrated || shares.count != mesh.count {
            shares = Self.shares(of: drivers[0].neutral)
        }
        return isCalibrated
    }

    /// What is not the head's motion, point by point, in the coordinates of the neutral head.
    private func residual(
        of mesh: [SIMD3<Float>], _ motion: HeadMotion, _ driver: Int
    ) -> [SIMD3<Float>] {
        let neutral = drivers[driver].neutral
        let middle = PointFit.middle(of: Self.stable(neutral))
        return zip(motion.undone(mesh, about: middle), neutral).map { $0 - $1 }
    }

    private static func motion(from neutral: [SIMD3<Float>], to mesh: [SIMD3<Float>]) -> HeadMotion {
        HeadMotion(from: stable(neutral), to: stable(mesh))
    }

    private static func strength(_ shares: SIMD3<Float>, _ control: MixControl) -> Float {
        let strengths = SIMD3(
            control.strength(of: .mouth), control.strength(of: .eyes), control.strength(of: .brows))
        return control.expression * (1 + (shares * (strengths - 1)).sum())
    }

    // MARK: The mesh

    /// Points of forehead, bridge of the nose, eye corners and temples, in MediaPipe's order.
    private static let stablePoints = [
        10, 109, 338, 151, 9, 8, 168, 6, 197, 195, 5, 4, 33, 133, 362, 263, 127, 356, 234, 454, 93, 323,
    ]

    private static func stable(_ mesh: [SIMD3<Float>]) -> [SIMD3<Float>] {
        stablePoints.map { mesh[$0] }
    }

    /// The edges of the lids, and both edges of the brows: the right ones, then the left ones.
    package static let eyes = FacePoints.rightLids + FacePoints.leftLids
    package static let brows = FacePoints.rightBrow + [55, 65, 52, 53, 46]
        + FacePoints.leftBrow + [285, 295, 282, 283, 276]

    /// The distance of the outer corners of the eyes.
    private static func eyeDistance(_ mesh: [SIMD3<Float>]) -> Float {
        max((mesh[FacePoints.rightEyeCorners.0] - mesh[FacePoints.leftEyeCorners.1]).length, 1e-6)
    }

    /// Points near a region's own go with it, less and less with their distance; the jaw with the mouth.
    private static func shares(of mesh: [SIMD3<Float>]) -> [SIMD3<Float>] {
        let unit = eyeDistance(mesh)
        func nearness(_ index: Int, _ own: [Int], within reach: Float) -> Float {
            let nearest = own.map { other -> Float in
                let way = (mesh[index] - mesh[other]).flat
                return (way * way).sum()
            }.min()!
            return exp(-nearest / (reach * unit * reach * unit))
        }
        return mesh.indices.map { index in
            // Irises come after the 468 points of the plain mesh.
            guard index < FaceMesh.surfaceCount else { return SIMD3(0, 1, 0) }
            let isBelow = mesh[index].y > mesh[MeshParts.underNose].y
            let share = SIMD3(
                nearness(index, FacePoints.outerLips, within: isBelow ? 1.2 : 0.15),
                nearness(index, eyes, within: 0.08), nearness(index, brows, within: 0.12))
            return share / max(share.sum(), 1)
        }
    }

    // MARK: For a successor

    /// Neutrals of both drivers, what is calibrated, and the smoother.
    package var saved: (neutrals: [[SIMD3<Float>]], calibrations: [NeutralCalibration], smoother: [Double]) {
        (drivers.map(\.neutral), drivers.map(\.calibration), smoother.numbers)
    }

    package init(
        neutrals: [[SIMD3<Float>]], calibrations: [NeutralCalibration], smoother: [Double]
    ) {
        drivers = zip(neutrals, calibrations).map { Driver(neutral: $0, calibration: $1) }
        self.smoother = MotionSmoother(numbers: smoother)
        if drivers[0].neutral.count >= FaceMesh.surfaceCount { shares = Self.shares(of: drivers[0].neutral) }
    }
}
