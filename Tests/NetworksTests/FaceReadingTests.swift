import Foundation
import Networks
import Tensors
import Testing

/// What is read off a mesh, without any network.
@Suite struct FaceReadingTests {
    /// The meshes of Tests/ParityTests/Fixtures/face.py: the demo's portrait (twice, once turned), and two
    /// frames of its film: eyes shut, and mouth open.
    private static let meshes: [[SIMD3<Float>]] = {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent(
                "ParityTests/Fixtures/face.safetensors")
        let points = try! Checkpoint(contentsOf: file.path).tensor("out/points", [4, 478, 3])
        return points.keypointSets
    }()

    private func reading(_ index: Int) throws -> FaceReading {
        try #require(FaceReading(Self.meshes[index]))
    }

    @Test(
        arguments: [
            SIMD3<Float>(0, 0, 0), SIMD3(10, 25, -15), SIMD3(-20, -60, 45), SIMD3(5, 80, 170),
            SIMD3(30, 0, -90),
        ])
    func `a head that was turned by hand is read back`(degrees: SIMD3<Float>) throws {
        let given = HeadPose(
            rotation: Rotation(degrees: degrees), scale: 37, origin: SIMD3(100, -20, 3))
        var points = [SIMD3<Float>](repeating: .zero, count: 478)
        for (index, rest) in HeadPose.stable { points[index] = given(rest) }

        let found = try #require(HeadPose(of: points))

        let angles = SIMD3<Float>(found.rotation.radians) * 180 / .pi
        for axis in 0..<3 { #expect(abs(angles[axis] - degrees[axis]) < 1e-3) }
        #expect(abs(found.scale - 37) < 1e-3)
        for axis in 0..<3 { #expect(abs(found.origin[axis] - given.origin[axis]) < 1e-3) }
    }

    @Test func `a place goes to the head and back`() {
        let pose = HeadPose(
            rotation: Rotation(degrees: SIMD3(10, -30, 20)), scale: 50, origin: SIMD3(9, 8, 7))
        let place = SIMD3<Float>(12, -34, 56)

        let back = pose(pose.inverse(place))

        for axis in 0..<3 { #expect(abs(back[axis] - place[axis]) < 1e-4) }
    }

    @Test func `the stable points are symmetric, and the eyes one unit apart`() throws {
        let places = Dictionary(uniqueKeysWithValues: HeadPose.stable.map { ($0.index, $0.rest) })

        #expect(places.count == HeadPose.stable.count)
        #expect(places[263]! - places[33]! == SIMD3(1, 0, 0))
        #expect(places[454]!.x == -places[234]!.x && places[1]!.x == 0)
        let middle = places.values.reduce(SIMD3(0, 0, 0), +) / Float(places.count)
        #expect((middle * middle).sum() < 1e-5)
    }

    @Test func `what is no face has no reading`() {
        #expect(FaceReading([]) == nil)
        #expect(FaceReading(Array(Self.meshes[0].dropLast())) == nil)
        #expect(FaceReading([SIMD3<Float>](repeating: SIMD3(1, 2, 3), count: 478)) == nil)
        var broken = Self.meshes[0]
        broken[1].x = .nan
        #expect(FaceReading(broken) == nil)
    }

    @Test func `a mesh with one point that no picture has is no reading`() {
        for value in [Float.nan, .infinity, -1e30, 1e30] {
            for axis in 0..<3 {
                var broken = Self.meshes[0]
                // One that the pose does not look at.
                broken[13][axis] = value
                #expect(FaceReading(broken) == nil)
            }
        }
    }

    @Test func `a flat mesh is read as one from the front`() throws {
        let flat = Self.meshes[0].map { SIMD3($0.x, $0.y, 0) }

        let reading = try #require(FaceReading(flat))

        #expect(abs(reading.yaw) < 0.15 && abs(reading.roll) < 0.05)
        #expect(reading.mouthOpening.isFinite && reading.rightLid.isFinite)
    }

    @Test func `a mesh that is turned, moved and scaled changes the pose alone`() throws {
        let still = try reading(3), turn = Rotation(degrees: SIMD3(12, -20, 30))
        let motion = HeadPose(rotation: turn, scale: 0.01, origin: SIMD3(0.3, 0.4, -2))

        let moved = try #require(FaceReading(Self.meshes[3].map { motion($0) }))

        #expect(abs(moved.pose.scale - 0.01 * still.pose.scale) < 1e-4)
        #expect(abs(moved.yaw - still.yaw) > 0.2)
        for part in [
            \.mouthOpening, \.mouthWidth, \.rightLid, \.leftLid, \.gaze.x, \.gaze.y, \.rightBrow,
            \.leftBrow,
        ] as [KeyPath<FaceReading, Float>] {
            #expect(abs(moved[keyPath: part] - still[keyPath: part]) < 1e-3)
        }
    }

    @Test func `shut eyes and an open mouth are told from those of the portrait`() throws {
        let (portrait, shut, open) = (try reading(0), try reading(2), try reading(3))

        #expect(shut.rightLid < 0.1 && shut.leftLid < 0.1)
        #expect(portrait.rightLid > 0.3 && portrait.leftLid > 0.3)
        #expect(portrait.mouthOpening < 0.03 && open.mouthOpening > 0.25)
    }

    @Test func `a mirror exchanges right and left`() throws {
        // Only the eyes' points, whose lists are each other's mirror images; the stable points have
        // theirs in the table.
        var mirrored = Self.meshes[3]
        func exchange(_ a: Int, _ b: Int) {
            for (index, other) in [(a, b), (b, a)] {
                let point = Self.meshes[3][other]
                mirrored[index] = SIMD3(192 - point.x, point.y, point.z)
            }
        }
        for (right, left) in zip(FacePoints.rightEye, FacePoints.leftEye) { exchange(right, left) }
        exchange(FacePoints.rightIris[0], FacePoints.leftIris[0])
        for (index, rest) in HeadPose.stable {
            let other = HeadPose.stable.first { $0.rest == SIMD3(-rest.x, rest.y, rest.z) }!.index
            exchange(index, other)
        }
        let (one, other) = (try reading(3), try #require(FaceReading(mirrored)))

        #expect(abs(one.yaw + other.yaw) < 1e-3 && abs(one.roll + other.roll) < 1e-3)
        #expect(abs(one.pitch - other.pitch) < 1e-3)
        #expect(abs(one.gaze.x + other.gaze.x) < 1e-3 && abs(one.gaze.y - other.gaze.y) < 1e-3)
        #expect(abs(one.rightLid - other.leftLid) < 1e-3)
        #expect(abs(one.rightBrow - other.leftBrow) < 1e-3)
    }
}
