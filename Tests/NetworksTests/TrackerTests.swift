import Layers
import Networks
import Tensors
import Testing

@Suite struct TrackerTests {
    private let configuration = ModelConfiguration.mini

    private func frame(_ time: Int) -> Tensor<UInt8> {
        SyntheticStream.frame("driver", time: time, height: 128, width: 128, cells: 6)
            .reshaped([1, 128, 128, 3])
    }

    private func tracker(_ checkpoint: Checkpoint) throws -> KeypointTracker {
        KeypointTracker(
            try MotionExtractor(from: checkpoint, configuration.motionExtractor),
            portrait: PortraitPicture(frame(40), configuration), configuration)
    }

    @Test func `the first frame brings twelve sets that lead to it`() throws {
        var tracker = try tracker(.synthetic(namespace: "mini", network: "motion_extractor"))

        let first = tracker.track(frame(0)), second = tracker.track(frame(1))

        #expect(first.keypoints.shape == [13, 21, 3])
        #expect(second.keypoints.shape == [1, 21, 3])
        #expect(!first.isFaceHeld)
        #expect(
            first.face.shape == [
                1, first.box.bottom - first.box.top, first.box.right - first.box.left, 3,
            ])
    }

    @Test func `a frame without a face keeps the last one and says so`() throws {
        // Weights of nothing put all keypoints into one place, around which there is no box.
        let nothing = Checkpoint.computed("zeros") { _, shape in Tensor(repeating: 0, shape: shape)
        }
        var tracker = try tracker(nothing)

        let tracked = tracker.track(frame(0))

        #expect(tracked.isFaceHeld)
        #expect(tracked.face.shape == [1, 128, 128, 3])
        #expect(tracker.portraitFace.shape == [1, 128, 128, 3])
        let later = frame(1)
        #expect(tracker.track(later).face.array == frame(0).array)
    }

    @Test func `the first motion leads from exactly the portrait's to the driver's`() throws {
        let encode = try MotionEncoder(
            from: .synthetic(namespace: "mini", network: "motion_encoder"),
            configuration.motionEncoder, tokens: configuration.motionTokens)
        let portrait = frame(40), driver = frame(0)
        var tracker = MotionTracker(encode, portraitFace: portrait, configuration)

        let first = tracker.track(driver), second = tracker.track(driver)

        let own = encode(DrivingFrames.faceInput(portrait, size: 112))
        #expect(first.shape == [13, 8, 16])
        #expect(first.rows(0..<1).array == own.array)
        #expect(first.rows(12..<13).array == second.array)
    }
}
