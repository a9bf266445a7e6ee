import Foundation
import Networks
import Testing

@Suite struct KeypointMixerTests {
    private static let portrait = HeadMotionTests.cloud

    private static func set(_ numbers: [Float]) -> [SIMD3<Float>] { HeadMotion(numbers: numbers)(portrait) }

    /// A mixer that has seen a stream's first frame: the portrait's own set and one more.
    private func begun(_ control: MixControl = MixControl()) -> KeypointMixer {
        var mixer = KeypointMixer()
        _ = mixer.mix([Self.portrait, Self.portrait], with: nil, control, at: 0)
        return mixer
    }

    private func mixed(
        _ mixer: inout KeypointMixer, _ numbers: [Float], with other: [Float]? = nil,
        _ control: MixControl, at time: Double = 1
    ) -> [Float]? {
        let sets = mixer.mix(
            [Self.set(numbers)], with: other.map { [Self.set($0)] }, control, at: time).sets
        return sets.map { HeadMotion(from: Self.portrait, to: $0[0]).numbers }
    }

    private func expect(
        _ found: [Float]?, _ wanted: [Float], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(
            found.map { zip($0, wanted).allSatisfy { abs($0 - $1) < 1e-4 } } ?? false,
            "\(found ?? [])", sourceLocation: sourceLocation)
    }

    @Test func `with strength 1 and nothing else asked for, nothing is touched`() {
        var mixer = begun()

        #expect(mixed(&mixer, [0, 0.3, 0, 0.1, 0, 0, 0], MixControl()) == nil)
    }

    @Test(arguments: [(0, 0), (0.5, 0.15), (1.5, 0.45), (2, 0.6)] as [(Float, Float)])
    func `strength scales the way from the portrait's own pose`(strength: Float, yaw: Float) {
        var mixer = begun(), control = MixControl()
        control.pose = strength

        expect(
            mixed(&mixer, [0, 0.3, 0, 0.1, 0, 0, 0], control), [0, yaw, 0, 0.1 * strength, 0, 0, 0])
    }

    @Test func `from a calibrated neutral strength counts, and relative pose begins there`() {
        var control = MixControl()
        var mixer = begun()
        (control.calibration, control.calibrationTime) = (1, 1)
        for step in 0...10 {
            // A glance away in between is no part of the median.
            let yaw: Float = step == 5 ? 0.9 : 0.2
            let sets = mixer.mix([Self.set([0, yaw, 0, 0, 0, 0, 0])], with: nil, control, at: Double(step) / 10)
            #expect(sets.isCalibrated == (step == 10))
            #expect(sets.sets == nil)
        }

        control.pose = 0
        expect(mixed(&mixer, [0, 0.5, 0, 0, 0, 0, 0], control), [0, 0.2, 0, 0, 0, 0, 0])
        (control.pose, control.isRelative) = (1, true)
        expect(mixed(&mixer, [0, 0.5, 0, 0, 0, 0, 0], control), [0, 0.3, 0, 0, 0, 0, 0])
        control.calibration = 0
        #expect(mixed(&mixer, [0, 0.5, 0, 0, 0, 0, 0], control) == nil)
    }

    @Test func `two drivers are blended, and one that is missing is not missed`() {
        var mixer = begun(), control = MixControl()
        control.blend = 0.25

        expect(
            mixed(&mixer, [0, 0.4, 0, 0, 0, 0, 0], with: [0, 0, 0, 0.2, 0, 0, 0], control),
            [0, 0.3, 0, 0.05, 0, 0, 0])
        #expect(mixed(&mixer, [0, 0.4, 0, 0, 0, 0, 0], control) == nil)
    }

    @Test func `another portrait's keypoints are moved as the last one's`() {
        var mixer = begun(), control = MixControl()
        control.pose = 0
        _ = mixed(&mixer, [0, 0.3, 0, 0, 0, 0, 0], control)
        let other = Self.portrait.map { SIMD3($0.x * 1.3, $0.y, $0.z + 0.1 * $0.x * $0.x) }
        let motion = HeadMotion(numbers: [0, 0.3, 0, 0, 0, 0, 0])

        let first = mixer.mix([motion(other)], with: nil, control, at: 2).sets
        let second = mixer.mix(
            [HeadMotion(numbers: [0, 0.5, 0, 0, 0, 0, 0])(other)], with: nil, control, at: 3).sets

        // Whatever it was held like is its rest from then on, and stays so.
        #expect(HeadMotionTests.far(first![0], second![0]) < 1e-5)
        #expect(mixer.reference.count == 21)
    }

    @Test func `smoothing holds back what trembles`() {
        var mixer = begun(), control = MixControl()
        (control.cutoff, control.slope) = (1, 0)
        var found: [Float] = []
        for step in 0..<60 {
            let yaw: Float = step % 2 == 0 ? 0.01 : -0.01
            found.append(mixed(&mixer, [0, yaw, 0, 0, 0, 0, 0], control, at: Double(step) / 30)![1])
        }

        #expect(found.suffix(20).allSatisfy { abs($0) < 0.003 }, "\(found.suffix(4))")
    }
}
