import Networks
import Tensors
import Testing

@Suite struct FacePoseTests {
    private let portrait = FacePose(
        keypoints: [SIMD3(1, 0, 0), SIMD3(0, 1, 0), SIMD3(0, 0, 1)], degrees: .zero,
        translation: SIMD3(0.1, 0.2, 5), scale: 2)

    private func near(_ a: SIMD3<Float>, _ b: SIMD3<Float>) -> Bool {
        let d = a - b
        return max(abs(d.x), abs(d.y), abs(d.z)) < 1e-6
    }

    @Test func `a face at rest is scaled and moved, in depth not moved`() {
        #expect(near(portrait.posedKeypoints[0], SIMD3(2.1, 0.2, 0)))
        #expect(near(portrait.posedKeypoints[2], SIMD3(0.1, 0.2, 2)))
    }

    @Test(arguments: [
        (SIMD3<Float>(90, 0, 0), SIMD3<Float>(0, 0, 1)),  // pitch takes y to z
        (SIMD3<Float>(0, 90, 0), SIMD3<Float>(0, 1, 0)),  // yaw leaves y
        (SIMD3<Float>(0, 0, 90), SIMD3<Float>(-1, 0, 0)),  // roll takes y to -x
    ]) func `angles turn right-handed about their axes`(
        degrees: SIMD3<Float>, turned: SIMD3<Float>
    ) {
        var pose = portrait
        pose.degrees = degrees
        pose.translation = .zero
        pose.scale = 1

        #expect(near(pose.posedKeypoints[1], turned))
    }

    @Test func `a drawn face has the driver's rotation and half of the driver's way`() {
        var first = portrait, now = portrait
        first.translation = SIMD3(0.5, 0.5, 0)
        now.translation = SIMD3(0.7, 0.1, 0)
        now.degrees = SIMD3(0, 0, 90)
        now.scale = 100

        let drawn = portrait.drawn(for: now, since: first)

        #expect(near(drawn[0], SIMD3(0.1 + 0.1, 2 + 0.2 - 0.2, 0)))
    }

    @Test func `gliding starts at the portrait's own pose and ends before the driver's`() {
        var driver = portrait
        driver.degrees = SIMD3(0, 0, 12)

        let sets = portrait.gliding(to: driver, count: 12)

        #expect(sets.count == 12)
        #expect(sets[0] == portrait.posedKeypoints)
        var last = portrait
        last.degrees.z = 11
        #expect(zip(sets[11], last.posedKeypoints).allSatisfy(near))
    }

    @Test func `bins far apart give their mean angle`() {
        var scores = [Float](repeating: -1000, count: 66)
        scores[0] = 1000
        scores[65] = 1000

        #expect(AngleBins.degrees(scores) == 0)
    }
}
