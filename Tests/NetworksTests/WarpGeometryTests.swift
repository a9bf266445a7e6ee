import Networks
import Testing

/// What a warp is computed from: values only.
@Suite struct WarpGeometryTests {
    @Test(
        arguments: [
            SIMD3<Double>(0, 0, 0), SIMD3(0.3, 0, 0), SIMD3(0, -1.2, 0.4), SIMD3(0.01, 0.02, -3),
        ])
    func `a rotation is its vector's`(vector: SIMD3<Double>) {
        let rotation = Rotation(vector: vector)

        let error = rotation.vector - vector
        #expect((error * error).sum() < 1e-18)
        let back = rotation.inverse * rotation
        #expect((back.vector * back.vector).sum() < 1e-18)
    }

    @Test func `rotations about one axis add up, and agree with pitch, yaw and roll`() {
        let twice = Rotation(vector: SIMD3(0, 0.2, 0)) * Rotation(vector: SIMD3(0, 0.3, 0))
        #expect(abs(twice.vector.y - 0.5) < 1e-12)

        let yaw = Rotation(degrees: SIMD3(0, 20, 0))
        #expect(abs(yaw.vector.y - 20 * .pi / 180) < 1e-6)
        // Positive yaw turns the nose, which is nearest to the viewer, to the left.
        #expect(yaw.led(SIMD3(0, 0, -1)).x < -0.3)
    }

    /// Points of a square lattice, 20 pixels apart.
    private let field = SmoothField(
        centers: (0..<25).map { SIMD2(Float($0 % 5) * 20, Float($0 / 5) * 20) }, reach: 50)

    private func heights(_ movement: (Int) -> SIMD2<Float>) -> [SIMD8<Float>] {
        var heights = Array(repeating: SIMD8<Float>(), count: 25)
        field.heights(
            for: (0..<25).map { i in
                let v = movement(i)
                return SIMD8(v.x, v.y, 0, 0, 0, 0, 0, 0)
            }, into: &heights)
        return heights
    }

    @Test func `a field moves its points nearly as it is told, and nothing beyond their reach`() {
        let heights = heights { $0 == 12 ? SIMD2(0, 6) : SIMD2() }

        let there = field.movement(of: SIMD2(40, 40), heights)
        #expect(there.y > 5 && there.y < 6.5 && abs(there.x) < 1e-3, "\(there)")
        #expect(field.movement(of: SIMD2(200, 40), heights) == SIMD2())
    }

    @Test func `a field that is told nothing moves nothing`() {
        let heights = heights { _ in SIMD2() }

        #expect(heights.allSatisfy { $0 == SIMD8() })
    }

    @Test func `a portrait that is turned away turns less far the same way, and as ever the other way`() {
        func borne(_ turn: Float, from own: Float) -> Float {
            PhotoWarp.borne(turn, from: own, most: 25)
        }
        // From the front a head goes all the way to the most, and never half as far again.
        #expect(borne(24, from: 9) == 24 && borne(-24, from: 0) == -24)
        #expect(borne(60, from: 0) > 25 && borne(60, from: 0) < 37.5)

        #expect(borne(30, from: 20) < borne(30, from: 0))
        #expect(borne(15, from: 20) == 15 && borne(60, from: 20) < 22.5)
        #expect(borne(-30, from: 20) == -borne(30, from: 0))
        #expect(borne(-30, from: -20) == -borne(30, from: 20))
        #expect(borne(8, from: 60) == 8 && borne(60, from: 60) < 12)
    }

    /// A flat face of 478 points, a unit wide.
    private func mesh(_ x: Float, scale: Float = 1) -> [SIMD3<Float>] {
        (0..<478).map { SIMD3(x + Float($0 % 20) / 20 * scale, Float($0 / 20) / 24 * scale, 0) }
    }

    @Test func `what moves is followed, what jumps is held, what stays there is believed`() {
        var jumps = MeshGuard()
        #expect(jumps.judge(mesh(0), scale: 1) == .followed)
        #expect(jumps.judge(mesh(0.3), scale: 1) == .followed)
        for _ in 0..<MeshGuard.patience { #expect(jumps.judge(mesh(1), scale: 1) == .held) }
        #expect(jumps.judge(mesh(1), scale: 1) == .believed)
        #expect(jumps.judge(mesh(1.1), scale: 1) == .followed)
        #expect(jumps.judge(mesh(1, scale: 1.5), scale: 1.5) == .held)
        #expect(jumps.judge(mesh(1.1), scale: 1) == .followed)
    }

    @Test func `a guard goes on in another process where it was`() {
        var jumps = MeshGuard()
        _ = jumps.judge(mesh(0), scale: 1)
        _ = jumps.judge(mesh(2), scale: 1)

        #expect(MeshGuard(numbers: jumps.numbers) == jumps)
    }
}
