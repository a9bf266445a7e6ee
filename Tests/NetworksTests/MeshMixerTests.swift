import Foundation
import Networks
import Testing

@Suite struct MeshMixerTests {
    private static let brows = [105, 334], chin = 152

    /// A face of 478 points from the front: a bulge, in which some points have the places of features.
    private static let face: [SIMD3<Float>] = {
        var points = (0..<478).map { index -> SIMD3<Float> in
            let radius = (Float(index) / 478).squareRoot() * 0.3, angle = Float(index) * 2.4
            let place = SIMD2(cos(angle), sin(angle)) * radius
            return SIMD3(0.5 + place.x, 0.5 + place.y, (place * place).sum() * 2)
        }
        func put(_ index: Int, _ x: Float, _ y: Float) { points[index] = SIMD3(x, y, 0) }
        for (place, index) in FacePoints.outerLips.enumerated() {
            put(index, 0.5 + 0.05 * cos(Float(place)), 0.65 + 0.02 * sin(Float(place)))
        }
        for (place, index) in MeshMixer.eyes.enumerated() {
            put(index, (place < 16 ? 0.42 : 0.58) + 0.03 * cos(Float(place)), 0.42)
        }
        for (place, index) in MeshMixer.brows.enumerated() {
            put(index, (place < 10 ? 0.42 : 0.58) + 0.003 * Float(place % 10), 0.34)
        }
        for (index, x) in [(33, 0.38), (133, 0.46), (362, 0.54), (263, 0.62)] as [(Int, Float)] {
            put(index, x, 0.42)
        }
        put(159, 0.42, 0.41); put(145, 0.42, 0.43); put(386, 0.58, 0.41); put(374, 0.58, 0.43)
        put(105, 0.42, 0.34); put(334, 0.58, 0.34)
        put(2, 0.5, 0.55)
        put(61, 0.45, 0.65); put(291, 0.55, 0.65); put(0, 0.5, 0.63); put(17, 0.5, 0.67)
        put(13, 0.5, 0.645); put(14, 0.5, 0.655)
        put(chin, 0.5, 0.78)
        return points
    }()

    /// The face with its mouth open, lids lowered and brows raised.
    private static let speaking: [SIMD3<Float>] = {
        var points = face
        points[17].y += 0.05
        points[14].y += 0.05
        points[chin].y += 0.05
        for lid in [159, 386] { points[lid].y += 0.015 }
        for brow in brows { points[brow].y -= 0.03 }
        return points
    }()

    private func mix(
        _ mesh: [SIMD3<Float>], _ control: MixControl, neutral: [SIMD3<Float>] = face,
        with other: [SIMD3<Float>]? = nil
    ) -> [SIMD3<Float>]? {
        var mixer = MeshMixer()
        _ = mixer.mix(neutral, with: other == nil ? nil : neutral, MixControl(), at: 0)
        return mixer.mix(mesh, with: other, control, at: 1).mesh
    }

    /// How far a point went of the way that it would have gone.
    private func share(_ mesh: [SIMD3<Float>]?, _ index: Int) -> Float {
        guard let mesh else { return .nan }
        return (mesh[index].y - Self.face[index].y) / (Self.speaking[index].y - Self.face[index].y)
    }

    @Test func `with every strength 1 and nothing else asked for, nothing is touched`() {
        #expect(mix(Self.speaking, MixControl()) == nil)
        #expect(mix([], MixControl()) == nil)
    }

    @Test(arguments: [Float(0), 0.5, 2])
    func `a region is scaled, the chin with the mouth, and the other regions stay`(strength: Float) {
        var control = MixControl()
        control.regions = [.mouth: strength]
        let mouth = mix(Self.speaking, control)
        control.regions = [.eyes: strength]
        let eyes = mix(Self.speaking, control)
        control.regions = [.brows: strength]
        let brows = mix(Self.speaking, control)

        for (mesh, own, others) in [
            (mouth, [17, 14, Self.chin], [159, 105]), (eyes, [159, 386], [17, 105, Self.chin]),
            (brows, [105, 334], [17, 159, Self.chin]),
        ] {
            for index in own { #expect(abs(share(mesh, index) - strength) < 0.25 * abs(strength - 1) + 0.02) }
            for index in others { #expect(abs(share(mesh, index) - 1) < 0.1, "\(index)") }
        }
    }

    @Test(arguments: [Float(0), 0.5, 2])
    func `pose is scaled as the head turns, and the face keeps its expression`(strength: Float) {
        let middle = PointFit.middle(of: Self.face)
        var control = MixControl()
        control.pose = strength
        let turned = HeadMotion(numbers: [0, 0.3, 0.1, 0.05, 0, 0, 0.1])(Self.face, about: middle)

        let mesh = mix(turned, control)!
        let found = HeadMotion(from: Self.face, to: mesh)

        #expect(abs(found.numbers[1] - 0.3 * strength) < 1e-3)
        #expect(abs(found.growth - 0.1 * Double(strength)) < 1e-3)
        #expect(HeadMotionTests.far(found(Self.face), mesh) < 1e-4)
    }

    @Test func `a head that comes nearer is no larger than the limit`() {
        var control = MixControl()
        control.scaleLimit = 1.2
        let near = HeadMotion(numbers: [0, 0, 0, 0, 0, 0, log(1.5)])(Self.face)
        let little = HeadMotion(numbers: [0, 0, 0, 0, 0, 0, log(1.1)])(Self.face)

        let growth = HeadMotion(from: Self.face, to: mix(near, control)!).growth

        #expect(abs(exp(growth) - 1.2) < 1e-3)
        #expect(mix(little, control) == nil)
    }

    @Test func `two drivers are blended`() {
        var control = MixControl()
        control.blend = 0.5

        let mesh = mix(Self.face, control, with: Self.speaking)

        #expect(abs(share(mesh, 17) - 0.5) < 0.02)
        #expect(abs(share(mesh, 105) - 0.5) < 0.02)
    }

    @Test func `a calibrated face is the neutral from which strengths count`() {
        var mixer = MeshMixer(), control = MixControl()
        (control.calibration, control.calibrationTime) = (1, 1)
        // It begins with an open mouth.
        _ = mixer.mix(Self.speaking, with: nil, MixControl(), at: 0)
        for step in 1...11 { _ = mixer.mix(Self.face, with: nil, control, at: Double(step) / 10) }
        control.expression = 0

        let mesh = mixer.mix(Self.speaking, with: nil, control, at: 2).mesh!

        #expect(HeadMotionTests.far(mesh, Self.face) < 1e-3)
        let saved = mixer.saved
        #expect(
            MeshMixer(neutrals: saved.neutrals, calibrations: saved.calibrations, smoother: saved.smoother)
                == mixer)

        // Forgotten, it counts from what it sees then.
        control.calibration = 0
        let wide = Self.face.map { SIMD3<Float>($0.x * 1.1, $0.y, $0.z) }
        let first = mixer.mix(wide, with: nil, control, at: 3).mesh!
        let next = mixer.mix(Self.speaking, with: nil, control, at: 4).mesh!
        #expect(HeadMotionTests.far(first, wide) < 1e-3)
        #expect(HeadMotionTests.far(next, Self.face) > 2e-3)
    }

    @Test func `a mesh with one point that no picture has is passed over`() {
        for value in [Float.nan, 1e30] {
            var mixer = MeshMixer(), control = MixControl()
            (control.cutoff, control.blend) = (2, 0.5)
            var broken = Self.face
            broken[20].x = value
            let first = mixer.mix(broken, with: nil, control, at: 0).mesh
            for step in 0..<4 {
                _ = mixer.mix(Self.face, with: Self.face, control, at: 0.1 + Double(step) / 25)
            }
            let before = mixer
            let second = mixer.mix(broken, with: Self.face, control, at: 0.3).mesh

            #expect(first == nil && second == nil)
            #expect(mixer == before)
            let mixed = mixer.mix(Self.speaking, with: broken, control, at: 0.34).mesh ?? []
            #expect(mixed.count == 478 && FaceReading.areSound(mixed))
        }
    }

    @Test func `a smoother passes over what is no number, from the first frame on`() {
        var control = MixControl()
        control.cutoff = 2
        for value in [Float.nan, .infinity, 1e30] {
            var smoother = MotionSmoother(), begun = MotionSmoother()
            _ = smoother.filter([1], control, at: 0)
            let held = smoother.filter([value], control, at: 0.04)
            let next = smoother.filter([1.1], control, at: 0.08)[0]
            #expect(held == [1])
            #expect(next > 1 && next <= 1.1)

            _ = begun.filter([value], control, at: 0)
            let sound = begun.filter([1], control, at: 0.04)
            #expect(sound == [1])
        }
    }
}
