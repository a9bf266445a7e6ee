import Networks
import Tensors
import Testing

@Suite struct ExpressionMixerTests {
    /// Four numbers: the mouth moves along the first, eyes along the second, brows along the third; the
    /// fourth is nobody's.
    private static let regions = MotionRegions(
        FaceRegion.allCases.enumerated().map { index, region in
            let axis = (0..<4).map { $0 == index ? Float(1) : 0 }
            return .init(region: region, read: axis, write: axis)
        })
    private static let rest: [Float] = [1, 1, 1, 1]

    private func mix(
        _ row: [Float], _ control: MixControl, regions: MotionRegions? = regions,
        neutral: [Float]? = nil, with other: [Float]? = nil
    ) -> [Float]? {
        var mixer = ExpressionMixer(regions)
        _ = mixer.mix([Self.rest, Self.rest], with: nil, MixControl(), at: 0)
        var control = control
        if let neutral {
            (control.calibration, control.calibrationTime) = (1, 0.1)
            _ = mixer.mix([neutral], with: nil, control, at: 0)
            _ = mixer.mix([neutral], with: nil, control, at: 1)
        }
        return mixer.mix([row], with: other.map { [$0] }, control, at: 2).rows?[0]
    }

    @Test func `with every strength 1 and no calibration nothing is touched`() {
        #expect(mix([5, 6, 7, 8], MixControl()) == nil)
    }

    @Test func `a region's strength scales it from the portrait's own face, and nothing else`() {
        var control = MixControl()
        control.regions = [.mouth: 0, .brows: 2]

        #expect(mix([5, 6, 7, 8], control) == [1, 6, 13, 8])
    }

    @Test func `expression scales everything, with regions and without`() {
        var control = MixControl()
        control.expression = 0.5

        #expect(mix([5, 6, 7, 8], control) == [3, 3.5, 4, 4.5])
        control.regions = [.mouth: 0]
        #expect(mix([5, 6, 7, 8], control) == [1, 3.5, 4, 4.5])
        #expect(mix([5, 6, 7, 8], control, regions: nil) == [3, 3.5, 4, 4.5])
    }

    @Test func `a driver at its calibrated neutral gives the portrait's own face`() {
        let neutral: [Float] = [2, 3, 4, 5]
        var control = MixControl()

        #expect(mix(neutral, control, neutral: neutral) == [1, 1, 1, 5])
        #expect(mix(neutral, control, regions: nil, neutral: neutral) == [1, 1, 1, 1])
        control.regions = [.eyes: 2]
        #expect(mix([2, 4, 4, 5], control, neutral: neutral) == [1, 3, 1, 5])
    }

    @Test func `two drivers are blended number by number`() {
        var control = MixControl()
        control.blend = 0.25

        #expect(mix([0, 4, 8, 0], control, with: [4, 0, 8, 8]) == [1, 3, 8, 2])
        #expect(mix([0, 4, 8, 0], control) == nil)
    }

    @Test func `the small model's regions read what they write, and nothing of each other`() throws {
        let regions = try MotionRegions(
            from: Checkpoint(contentsOf: "Models/small/motion_regions.safetensors"), width: 64)

        for (i, one) in regions.directions.enumerated() {
            for (k, other) in regions.directions.enumerated() {
                let reading = zip(one.write, other.read).reduce(0) { $0 + $1.0 * $1.1 }
                #expect(abs(reading - (i == k ? 1 : 0)) < 1e-4)
            }
        }
        #expect(regions.directions.count == 9)
    }

    @Test func `regions of other tokens are refused by name`() throws {
        let checkpoint = try Checkpoint(contentsOf: "Models/small/motion_regions.safetensors")

        let error = #expect(throws: CheckpointError.self) { try MotionRegions(from: checkpoint, width: 512) }
        #expect(error?.description.contains("mouth.read") == true)
        #expect(!MotionRegions.are(in: .synthetic(namespace: "mini", network: "motion_regions")))
    }
}
