import Networks
import Tensors
import Testing

@testable import Evaluation

@Suite struct FaceFiguresTests {
    private let driver = MadeFaces.film()
    private let portrait = MadeFaces.face(degrees: SIMD3(2, -3, 0))

    private func figures(_ result: FaceTrack, delay: Int64 = 0) -> [String: Figure] {
        let pairs = FramePairing(result, with: driver, delay: delay).pairs
        let all = FaceFigures(pairs, of: result, with: driver, portrait: portrait, block: 25).all
        return Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
    }

    /// Degrees of noise from frame to frame.
    private func noise(_ number: Int) -> Float {
        SyntheticStream("noise").unit([1], scale: 2, from: number).array[0]
    }

    @Test func `the driver itself follows perfectly`() throws {
        let found = figures(driver)

        for name in ["pose_deg", "pose_motion_deg", "expression_pct"] {
            #expect(try #require(found[name]?.value) < 1e-4, "\(name)")
        }
        for name in ["r_yaw", "r_pitch", "r_roll", "r_mouth", "jitter"] {
            #expect(abs(try #require(found[name]?.value) - 1) < 1e-6, "\(name)")
        }
    }

    @Test
    func
        `a result that follows in part is better than its controls, and its intervals hold the values`()
        throws
    {
        let result = MadeFaces.film("result.mp4", share: 0.7)

        let found = figures(result)

        for name in ["pose_deg", "pose_motion_deg", "expression_pct"] {
            let figure = try #require(found[name]), value = try #require(figure.value)
            #expect(value > 0)
            #expect(value < 0.6 * (try #require(figure.controls.copiedPortrait)), "\(figure)")
            #expect(value < 0.6 * (try #require(figure.controls.shuffledDriver)), "\(figure)")
            #expect(figure.controls.driverItself == 0)
            #expect(try #require(figure.low)...(try #require(figure.high)) ~= value)
        }
        for name in ["r_yaw", "r_mouth"] {
            let figure = try #require(found[name])
            #expect(try #require(figure.value) > 0.99)
            #expect(abs(try #require(figure.controls.shuffledDriver)) < 0.3)
        }
    }

    @Test func `a late result has the figures of one in time when its delay is known`() throws {
        let share: Float = 0.7
        let now = figures(MadeFaces.film("a.mp4", share: share))
        let late = MadeFaces.film("b.mp4", late: 0.28, share: share)
        let delay = FollowingDelay(late, after: driver)

        let known = figures(late, delay: delay.nanoseconds), unknown = figures(late)

        for name in ["pose_deg", "expression_pct", "r_yaw", "jitter"] {
            let (a, b) = (try #require(now[name]?.value), try #require(known[name]?.value))
            #expect(abs(a - b) < 0.05 * a + 1e-6, "\(name): \(a), \(b)")
        }
        let (right, wrong) = (
            try #require(known["pose_deg"]?.value), try #require(unknown["pose_deg"]?.value)
        )
        #expect(wrong > 1.5 * right)
    }

    @Test func `a head that is turned by two degrees has a pose error of two degrees`() throws {
        let result = MadeFaces.film { number, face in
            let turned = face.angles + SIMD3(0, 2, 0)
            return MadeFaces.face(degrees: SIMD3<Float>(turned), open: 0.5)
        }

        let found = figures(result)

        // The angle between rotations is not quite the difference of yaw where the head nods and leans.
        #expect(abs(try #require(found["pose_deg"]?.value) - 2) < 0.05)
        #expect(try #require(found["pose_motion_deg"]?.value) < 0.05)
    }

    @Test func `another person's proportions are told from the portrait's`() throws {
        // All with their mouths closed, as in the portrait.
        func silent(width: Float) -> FaceTrack {
            MadeFaces.film { _, face in
                MadeFaces.face(degrees: SIMD3<Float>(face.angles), width: width)
            }
        }
        func identity(_ result: FaceTrack) throws -> Figure {
            let pairs = FramePairing(result, with: silent(width: 1), delay: 0).pairs
            let all = FaceFigures(
                pairs, of: result, with: silent(width: 1), portrait: portrait, block: 25
            ).all
            return try #require(all.first { $0.name == "identity_pct" })
        }

        let (own, other) = (try identity(silent(width: 1)), try identity(silent(width: 1.1)))

        #expect(try #require(own.value) < 0.01)
        #expect(try #require(other.value) > 1)
        #expect(other.controls.copiedPortrait == 0)
        #expect(other.controls.driverItself == own.value)
    }

    @Test func `a trembling head trembles more than its driver, a still one less`() throws {
        let trembling = MadeFaces.film { number, face in
            MadeFaces.face(degrees: SIMD3<Float>(face.angles) + SIMD3(0, noise(number), 0))
        }

        #expect(try #require(figures(trembling)["jitter"]?.value) > 3)
        #expect(try #require(figures(MadeFaces.film(share: 0.3))["jitter"]?.value) < 0.5)
    }

    @Test func `frames without a face are left out, and too few give no figure`() {
        let gaps = MadeFaces.film { $0 % 2 == 0 ? nil : $1 }
        let blind = MadeFaces.film { $0 < 3 ? $1 : nil }

        #expect(figures(gaps)["pose_deg"]?.frames == 100)
        #expect(figures(blind).isEmpty)
    }

    @Test func `key points are measured as in a picture that is 256 wide`() throws {
        let shifted = MadeFaces.film { _, face in
            SeenFace(face.points.map { $0 + SIMD3(3, 4, 0) })
        }
        let pairs = FramePairing(shifted, with: driver, delay: 0).pairs
        let places = portrait.points.map { SIMD2($0.x, $0.y) }

        let figure = try #require(
            KeyPointFigure.figure(pairs, of: shifted, with: driver, portrait: places, block: 25))

        #expect(abs(try #require(figure.value) - 5) < 1e-3)
        #expect(try #require(figure.controls.copiedPortrait) > 5)
        #expect(try #require(figure.controls.shuffledDriver) > 5)
    }
}
