import Glibc
import Kernels
import Tensors

/// A portrait whose picture is bent so that its face does what a driver's does. No network paints. Made up
/// are the inside of a mouth that is closed in the photo, and what lids hide of iris and white of the eye; all
/// else is the photo.
///
/// Four sheets with the same photo lie on each other: the picture without what is above the mouth and the
/// eyes, and the three parts above them, which end at the upper lip and at the upper lids. So lips and lids
/// part and meet without a tear. Behind them lie the eyes and the mouth's inside.
package struct PhotoWarp {
    package let width, height: Int
    private let portrait: Tensor<UInt8>
    /// The portrait's mesh, pixels.
    private let mesh: [SIMD3<Float>]
    private let head: HeadShape
    /// Of every point of the mesh how much of its movement is expression, and how much it goes with the mouth.
    private let obeys, mouthShares: [Float]
    /// From corner to corner of the portrait's mouth, and how far it is open there, units of head space.
    private let mouthWidth, mouthOpening: Float
    private let field: SmoothField
    /// Points beside the mesh's that go along with one of them, and how far: below the jaw, and where lashes
    /// grow.
    private let followers: [(point: Int, share: Float)]
    private var base: WarpSheet
    /// What lies above the mouth, the right eye and the left one.
    private var uppers: [WarpSheet]
    private var eyes: [EyePatch?]
    private var mouth: MouthInside
    /// Whether something lies over the portrait's mouth, which then does not move.
    package let hidesMouth: Bool
    /// How far the portrait itself is turned away, radians; and how much of a motion it bears.
    package let yaw: Float
    let strength: Float

    // What is filled for every frame.
    private var movements: [SIMD8<Float>]
    private var heights: [SIMD8<Float>]
    private var own: [SIMD2<Float>]
    private var lips: (upper: [SIMD2<Float>], lower: [SIMD2<Float>])
    private var pose = warp_pose()

    /// Degrees up to which a head turns as the driver's does; what is beyond is bent towards half as much
    /// again. A portrait that is itself turned further than `front` bears so much less of the same turn, though
    /// `leastTurn` always: its far side is thin already.
    private static let mostYaw: Float = 25, mostPitch: Float = 20
    private static let front: Float = 10, leastTurn: Float = 8
    /// Radians from which on a portrait is a side view.
    package static let sideView = Float.pi * 30 / 180

    /// - Parameters:
    ///   - portrait: `[1, h, w, 3]`; it is kept.
    ///   - mesh: in its pixels. nil where it is not that of a face.
    package init?(_ portrait: Tensor<UInt8>, mesh: [SIMD3<Float>]) {
        guard let reading = FaceReading(mesh) else { return nil }
        (height, width) = (portrait.shape[1], portrait.shape[2])
        (self.mesh, self.portrait) = (mesh, portrait)
        let pixels = PortraitPixels(portrait)
        yaw = reading.yaw
        strength = 1 - 0.65 * smoothStep((yaw.magnitude - Self.sideView) / (.pi / 6))
        // At 512 × 512 a cell is four pixels: fine enough for the edge of a lid.
        let cell = max(max(width, height) / 128, 1), margin = max(width, height) * 4 / 25 / cell * cell
        let head = HeadShape(
            mesh: mesh, pose: reading.pose, width: width, height: height, margin: margin)
        self.head = head
        hidesMouth = MouthCover.isSeen(mesh, pixels)
        obeys = Self.obedience(mesh, head, hidesMouth: hidesMouth)
        let nose = Self.down(mesh[MeshParts.underNose], head)
        mouthShares = mesh.map { smoothStep((Self.down($0, head) - nose) / 0.05) }
        mouthWidth = reading.mouthWidth
        let lipsApart = (mesh[13] - mesh[14]).length / max((mesh[61] - mesh[291]).length, 1e-6)
        let isMouthClosed = lipsApart < Self.closedLips
        mouthOpening = isMouthClosed ? 0 : max(reading.mouthOpening, 0)
        let jaw = MeshParts.outline.filter { Self.down(mesh[$0], head) > 0.085 }
        let steps: [(way: Float, share: Float)] = [(0.16, 0.75), (0.32, 0.5), (0.5, 0.22)]
        let below = jaw.flatMap { point in
            steps.map { mesh[point].flat - head.up * (head.height * $0.way) }
        }
        // Lashes stay as they are, and the skin above them stretches.
        let lids = MeshParts.eyes.flatMap { eye in
            eye.upper[0].indices.dropFirst().dropLast().map { (eye.upper[0][$0], eye.upper[1][$0]) }
        }
        let lashes = lids.map { mesh[$0].flat + (mesh[$1].flat - mesh[$0].flat) * Self.lashes }
        followers = jaw.flatMap { point in steps.map { (point, $0.share) } } + lids.map { ($0.0, 1) }
        let reach = 0.25 * head.width
        let field = SmoothField(
            centers: mesh[..<MeshParts.faceCount].map(\.flat) + below + lashes, reach: reach)
        self.field = field

        let shapes = MeshParts.openings.enumerated().map { i, opening in
            OpeningShape(opening, mesh: mesh, isClosed: i == 0 && isMouthClosed)
        }
        let grid = WarpGrid(
            columns: (width + 2 * margin + cell - 1) / cell, rows: (height + margin + cell - 1) / cell,
            cell: cell, margin: margin, head: head)
        let covers = 1.1 * reach
        base = grid.sheet(0..<grid.columns, 0..<grid.rows, pixels, field) { place in
            shapes.reduce(Float(1)) { cover, shape in
                min(cover, shape.lowerCover(shape.coordinates(of: place), reach: covers))
            }
        }
        uppers = shapes.map { shape in
            grid.sheet(around: shape, reach: covers, pixels, field) { place in
                shape.upperCover(shape.coordinates(of: place), reach: covers)
            }
        }
        eyes = (0...1).map { eye in
            let iris = MeshParts.irises[eye], middle = mesh[iris[0]].flat
            let radius = (1...4).reduce(Float(0)) { $0 + (mesh[iris[$1]].flat - middle).length } / 4
            let lids = MeshParts.eyes[eye].upper[0]
            let depth = lids.reduce(Float(0)) { $0 + mesh[$1].z } / Float(lids.count)
            return EyePatch(
                shapes[eye + 1], iris: middle, radius: radius, depth: depth, of: pixels)
        }
        mouth = MouthInside(shapes[0], mesh: mesh, of: pixels)
        movements = Array(repeating: SIMD8(), count: field.centers.count)
        heights = movements
        own = Array(repeating: SIMD2(), count: MeshParts.count)
        lips = (
            Array(repeating: SIMD2(), count: MeshParts.mouth.upper[0].count),
            Array(repeating: SIMD2(), count: MeshParts.mouth.lower[0].count)
        )
    }

    /// Where lashes end, on the way from a lid's edge to the next points of the mesh.
    private static let lashes: Float = 0.7
    /// Lips less than this far apart, in widths of the mouth, are closed.
    private static let closedLips: Float = 0.07

    /// How far below the head's origin a point lies, in heights of the face.
    private static func down(_ point: SIMD3<Float>, _ head: HeadShape) -> Float {
        -((point.flat - head.pose.origin.flat) * head.up).sum() / head.height
    }

    /// Residual movements at the sides of a face and on the nose are mostly the mesh's own when the head
    /// turns; those of the jaw are real.
    private static func obedience(
        _ mesh: [SIMD3<Float>], _ head: HeadShape, hidesMouth: Bool
    ) -> [Float] {
        var obeys = mesh.map { point in
            let side = ((point.flat - head.pose.origin.flat) * head.right).sum().magnitude / head.width
            return 1 - 0.85 * smoothStep((side - 0.3) / 0.15)
        }
        for i in MeshParts.noseBack { obeys[i] *= 0.3 }
        for i in MeshParts.outline where down(mesh[i], head) <= 0.155 { obeys[i] = 0 }
        for i in MeshParts.faceCount..<MeshParts.count { obeys[i] = 0 }
        if hidesMouth {
            let nose = down(mesh[MeshParts.underNose], head)
            for i in mesh.indices where down(mesh[i], head) >= nose { obeys[i] = 0 }
        }
        return obeys
    }

    // MARK: A frame

    /// Draws the portrait with a driver's motion.
    ///
    /// - Parameters:
    ///   - frame: `[1, h, w, 3]`, all of whose pixels are set.
    package mutating func draw(_ driver: DriverFace, into frame: Tensor<UInt8>) {
        precondition(frame.shape == [1, height, width, 3], "\(frame.shape) for \(width) × \(height)")
        move(driver.motion)
        let (to, width, height) = (frame.pointer, width, height)
        // Where soft edges of two sheets meet, a trace of what was there before shows through.
        to.update(from: portrait.pointer, count: portrait.count)
        mouth.sheet.draw(into: to, width: width, height: height)
        for eye in eyes { eye?.sheet.draw(into: to, width: width, height: height) }
        base.draw(into: to, width: width, height: height)
        for upper in uppers { upper.draw(into: to, width: width, height: height) }
    }

    /// The smallest share of its area that a drawn cell kept in the last frame; below 0, one turned over.
    package var leastArea: Float {
        let sheets = [base] + uppers + eyes.compactMap { $0?.sheet }
        return sheets.map(\.leastShare).min()!
    }

    /// Where everything goes.
    private mutating func move(_ motion: FaceMotion) {
        setPose(motion)
        express(motion)
        field.heights(for: movements, into: &heights)
        base.move(heights: heights, layer: 0, pose: &pose)
        base.unfold()
        for i in uppers.indices {
            uppers[i].move(heights: heights, layer: i + 1, pose: &pose)
            uppers[i].unfold()
        }
        for i in eyes.indices { eyes[i]?.move(gaze: motion.gaze * strength, pose: &pose) }
        let (upper, lower) = (MeshParts.mouth.upper[0], MeshParts.mouth.lower[0])
        for i in upper.indices {
            lips.upper[i] = posed(mesh[upper[i]], own[upper[i]])
            lips.lower[i] = posed(mesh[lower[i]], own[lower[i]])
        }
        mouth.move(upper: lips.upper, lower: lips.lower)
    }

    /// By how many degrees a portrait that is itself turned by `own` turns when it should turn by `turn`.
    package static func borne(_ turn: Float, from own: Float, most: Float) -> Float {
        let spent = turn * own > 0 ? max(own.magnitude - front, 0) : 0
        return bent(turn, beyond: max(most - spent, leastTurn), by: 0.5)
    }

    private mutating func setPose(_ motion: FaceMotion) {
        let degrees = motion.angles
        let own = SIMD3<Float>(head.pose.rotation.radians * (180 / .pi))
        let to = own + SIMD3(
            Self.borne(degrees.x * strength, from: own.x, most: Self.mostPitch),
            Self.borne(degrees.y * strength, from: own.y, most: Self.mostYaw), degrees.z)
        let turn = Rotation(degrees: to) * head.pose.rotation.inverse
        let grown = min(max(log(max(motion.scale, 1e-3)) * strength, -0.2), 0.2)
        var moved = motion.shift * head.pose.scale
        // A head stays in its picture.
        let way = moved.length
        if way > 0 { moved *= bent(way, beyond: 0.4 * head.pose.scale, by: 0.5) / way }
        let pivot = head.pivot - head.pose.origin
        let shift = moved
            + (exp(grown) * turn.led(pivot) - pivot).flat
        pose.pivot = (head.pivot.x, head.pivot.y, head.pivot.z)
        pose.shift = (shift.x, shift.y)
        let vector = turn.vector
        withUnsafeMutableBytes(of: &pose.turn) { bytes in
            let rows = bytes.bindMemory(to: Float.self)
            for k in 0...WARP_TURNS {
                let share = Float(k) / Float(WARP_TURNS)
                let part = Rotation(vector: vector * Double(share)).rows
                let size = Double(exp(grown * share))
                for axis in 0..<3 {
                    rows[6 * k + axis] = Float(part.0[axis] * size)
                    rows[6 * k + 3 + axis] = Float(part.1[axis] * size)
                }
            }
        }
    }

    /// Where a point of the head is, after it has moved in the plane.
    private func posed(_ point: SIMD3<Float>, _ moved: SIMD2<Float>) -> SIMD2<Float> {
        withUnsafeBytes(of: pose.turn) { bytes in
            let m = bytes.bindMemory(to: Float.self).baseAddress! + 6 * WARP_TURNS
            let p = SIMD3(point.x + moved.x, point.y + moved.y, point.z) - head.pivot
            return SIMD2(
                m[0] * p.x + m[1] * p.y + m[2] * p.z + head.pivot.x + pose.shift.0,
                m[3] * p.x + m[4] * p.y + m[5] * p.z + head.pivot.y + pose.shift.1)
        }
    }

    /// How far every point moves in the four sheets.
    private mutating func express(_ motion: FaceMotion) {
        // A mouth that is smaller than the driver's opens less: what is seen is how open it is for its width.
        let fit = min(mouthWidth / max(motion.mouthWidth, 1e-3), 1)
        let gap = FacePoints.lipGaps.reduce(Float(0)) {
            $0 + motion.expression[$1.1].y - motion.expression[$1.0].y
        } * fit / Float(FacePoints.lipGaps.count)
        // One that is open in the photo is opened only by what the driver's is further open.
        let further = mouthOpening > 0 ? max(gap - mouthOpening, 0) / max(gap, 1e-3) : 1
        let mouth = SIMD3(fit, fit * further, fit) - 1
        for i in own.indices {
            let part = (1 + mouthShares[i] * mouth) * (strength * obeys[i])
            own[i] = obeys[i] == 0 ? SIMD2() : turned(motion.expression[i] * part)
        }
        for eye in 0...1 { closeLids(eye, motion.lids[eye]) }
        for i in 0..<MeshParts.faceCount { movements[i] = Self.four(own[i]) }
        // In the lower sheet an upper edge goes where its lower one does, and in an upper sheet the other
        // way round: so each of them goes on smoothly where it is not seen.
        for (k, opening) in MeshParts.openings.enumerated() {
            for ring in opening.upper {
                for i in 1..<ring.count - 1 {
                    let low = own[opening.lower[0][i]], mine = movements[ring[i]]
                    movements[ring[i]] = Self.four(low)
                    movements[ring[i]][2 * k + 2] = mine[2 * k + 2]
                    movements[ring[i]][2 * k + 3] = mine[2 * k + 3]
                }
            }
            for ring in opening.lower {
                for i in 1..<ring.count - 1 {
                    let high = own[opening.upper[0][i]]
                    movements[ring[i]][2 * k + 2] = high.x
                    movements[ring[i]][2 * k + 3] = high.y
                }
            }
        }
        for (i, follower) in followers.enumerated() {
            movements[MeshParts.faceCount + i] = movements[follower.point] * follower.share
        }
    }

    /// A way in head space as the portrait's picture has it.
    private func turned(_ way: SIMD3<Float>) -> SIMD2<Float> {
        (head.pose.rotation.led(way) * head.pose.scale).flat
    }

    private static func four(_ v: SIMD2<Float>) -> SIMD8<Float> {
        SIMD8(v.x, v.y, v.x, v.y, v.x, v.y, v.x, v.y)
    }

    /// Lids close by the share of their own opening that the driver's have lost, so that they close wholly
    /// whatever the two eyes look like: below 0.22 of its opening a mesh hardly tells an eye from a closed one.
    private mutating func closeLids(_ eye: Int, _ open: Float) {
        let opening = MeshParts.eyes[eye]
        let (upper, lower) = (opening.upper, opening.lower)
        let share = 1 + (min(max((open - 0.22) / 0.78, 0), 1.45) - 1) * strength
        for i in 1..<upper[0].count - 1 {
            let gap = mesh[lower[0][i]].flat - mesh[upper[0][i]].flat
            let low = 0.5 * own[lower[0][i]] - 0.06 * (1 - min(share, 1)) * gap
            // The upper lid goes a little over the lower one.
            let high = low + (1 - share) * (share < 1 ? 1.15 : 1) * gap
            own[lower[0][i]] = low
            own[upper[0][i]] = high
            own[lower[1][i]] = 0.8 * low
            own[upper[1][i]] = 0.4 * high
        }
        own[opening.corners.0] *= 0.5
        own[opening.corners.1] *= 0.5
    }
}
