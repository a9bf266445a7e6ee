import BuiltinNodes
import Foundation
import NodeKit
import Tensors
import Testing

@Suite struct MixerNodeTests {
    private static let small: [String: SettingValue] = [
        "model": .text("small"), "weights": .text("Models/small"),
    ]

    private func settings(_ more: [String: SettingValue] = [:]) -> Settings {
        Settings(Self.small.merging(more) { $1 })
    }

    /// Numbers that no rounding would leave alone.
    private func numbers(_ shape: [Int], _ seed: Float) -> Tensor<Float> {
        let count = shape.reduce(1, *)
        return Tensor((0..<count).map { sin(Float($0) * 0.7 + seed) / 3 }, shape: shape)
    }

    /// The 21 points of a head, turned a little more with each frame.
    private func keypoints(_ frame: Int, sets: Int = 1) -> Tensor<Float> {
        Tensor(
            (0..<sets).flatMap { set -> [Float] in
                let angle = Float(frame + set) * 0.01
                return (0..<21).flatMap { index -> [Float] in
                    let (x, z) = (sin(Float(index)) * 0.3, cos(Float(index) * 0.6) * 0.2)
                    return [cos(angle) * x + sin(angle) * z, cos(1.7 * Float(index)) * 0.4, cos(angle) * z - sin(angle) * x]
                }
            }, shape: [sets, 21, 3])
    }

    private func tick(_ harness: inout NodeHarness<MotionMixerNode>, _ frame: Int) throws {
        let rows = frame == 0 ? 13 : 1
        try harness.tick(
            [
                .init(MotionMixerNode.motion, numbers([rows, 4, 16], Float(frame))),
                .init(MotionMixerNode.keypoints, keypoints(frame, sets: rows)),
            ],
            stamp: Stamp(frame: UInt64(frame), captured: 0, presentation: Int64(frame) * 40_000_000))
    }

    private func bits(_ tensor: Tensor<Float>) -> [UInt32] { tensor.array.map(\.bitPattern) }

    @Test func `with every strength 1 motion and keypoints pass bit for bit, and calibrating changes nothing`()
        throws
    {
        var harness = try NodeHarness(MotionMixerNode.self, settings())
        for frame in 0..<5 { try tick(&harness, frame) }

        let motion = harness.received(MotionMixerNode.mixed)
        let points = harness.received(MotionMixerNode.mixedKeypoints)
        for frame in 0..<5 {
            let rows = frame == 0 ? 13 : 1
            #expect(bits(motion[frame]) == bits(numbers([rows, 4, 16], Float(frame))))
            #expect(bits(points[frame]) == bits(keypoints(frame, sets: rows)))
        }
        #expect(harness.warnings.isEmpty)
    }

    @Test func `a strength that changes holds from the next frame on, and back`() throws {
        var harness = try NodeHarness(MotionMixerNode.self, settings())
        for frame in 0..<2 { try tick(&harness, frame) }
        harness.update(settings(["mute-mouth": .flag(true), "pose": .number(0)]))
        try tick(&harness, 2)
        harness.update(settings())
        try tick(&harness, 3)

        let motion = harness.received(MotionMixerNode.mixed)
        let points = harness.received(MotionMixerNode.mixedKeypoints)
        #expect(bits(motion[1]) == bits(numbers([1, 4, 16], 1)))
        #expect(bits(motion[2]) != bits(numbers([1, 4, 16], 2)))
        #expect(bits(motion[3]) == bits(numbers([1, 4, 16], 3)))
        let rest = keypoints(0).array
        #expect(zip(points[2].array, rest).allSatisfy { abs($0 - $1) < 1e-5 })
        #expect(bits(points[3]) == bits(keypoints(3)))
    }

    /// The first frame that it sees has no lead-in from the portrait.
    @Test func `a mixer that comes on air leads to the portrait's own face and pose`() throws {
        let still = settings(["expression": .number(0), "pose": .number(0)])
        var harness = try NodeHarness(MotionMixerNode.self, still)
        let own = (motion: numbers([1, 4, 16], 70), keypoints: keypoints(30))
        for frame in 5..<7 {
            try harness.tick(
                [
                    .init(MotionMixerNode.motion, numbers([1, 4, 16], Float(frame))),
                    .init(MotionMixerNode.keypoints, keypoints(frame)),
                    .init(MotionMixerNode.portraitMotion, own.motion),
                    .init(MotionMixerNode.portraitKeypoints, own.keypoints),
                ],
                stamp: Stamp(frame: UInt64(frame), captured: 0, presentation: Int64(frame) * 40_000_000))
        }

        for motion in harness.received(MotionMixerNode.mixed) {
            #expect(zip(motion.array, own.motion.array).allSatisfy { abs($0 - $1) < 1e-5 })
        }
        for points in harness.received(MotionMixerNode.mixedKeypoints) {
            #expect(zip(points.array, own.keypoints.array).allSatisfy { abs($0 - $1) < 1e-5 })
        }
    }

    @Test func `weights without regions say so once, and take expression`() throws {
        let mini: [String: SettingValue] = ["model": .text("mini"), "weights": .text("synthetic")]
        var harness = try NodeHarness(
            MotionMixerNode.self, Settings(mini.merging(["mouth": .number(0)]) { $1 }))
        for frame in 0..<3 { try tick(&harness, frame) }

        #expect(harness.warnings.count == 1)
        #expect(harness.warnings[0].contains("motion_regions"), "\(harness.warnings)")
    }

    @Test func `a successor in the middle of a calibration goes on as the node itself would`() throws {
        let busy = settings([
            "calibration": .integer(1), "calibration-time": .number(0.3), "mouth": .number(0.5),
            "pose": .number(1.5), "smoothing": .number(2),
        ])
        var whole = try NodeHarness(MotionMixerNode.self, busy)
        for frame in 0..<12 { try tick(&whole, frame) }
        var first = try NodeHarness(MotionMixerNode.self, busy)
        for frame in 0..<4 { try tick(&first, frame) }
        let node = first.node
        let state = try #require(node.save())
        var next = try MotionMixerNode(settings: busy)
        next.restore(state.bytes)
        var second = try NodeHarness(resuming: next)
        for frame in 4..<12 { try tick(&second, frame) }

        for port in [MotionMixerNode.mixed, MotionMixerNode.mixedKeypoints] {
            let expected = whole.received(port).map(bits)
            #expect(first.received(port).map(bits) + second.received(port).map(bits) == expected)
        }
        #expect(second.warnings.contains { $0.contains("median of 9 frames") }, "\(second.warnings)")
    }

    @Test func `a mesh passes bit for bit, one without a face too, until a strength changes`() throws {
        var harness = try NodeHarness(MeshMixerNode.self)
        let meshes = [numbers([468, 3], 0), numbers([0, 3], 0), numbers([468, 3], 2), numbers([478, 3], 3)]
        for mesh in meshes { try harness.tick([.init(MeshMixerNode.mesh, mesh)]) }
        harness.update(Settings(["expression": .number(0.5)]))
        try harness.tick([.init(MeshMixerNode.mesh, numbers([478, 3], 4))])

        let mixed = harness.received(MeshMixerNode.mixed)
        #expect(mixed.prefix(4).map(bits) == meshes.map(bits))
        #expect(mixed[4].shape == [478, 3])
        #expect(bits(mixed[4]) != bits(numbers([478, 3], 4)))
        let node = harness.node
        var next = MeshMixerNode(settings: Settings())
        next.restore(try #require(node.save()).bytes)
        #expect(next.save()?.bytes == node.save()?.bytes)
    }

    @Test func `in a new epoch a mesh counts from what is seen then`() throws {
        let still = Settings(["expression": .number(0), "pose": .number(0)])
        var harness = try NodeHarness(MeshMixerNode.self, still)
        let meshes = [numbers([478, 3], 0), numbers([478, 3], 1), numbers([478, 3], 2)]
        for (frame, mesh) in meshes.enumerated() {
            let stamp = Stamp(
                frame: UInt64(frame), captured: 0, presentation: Int64(frame) * 40_000_000,
                epoch: frame == 2 ? 1 : 0)
            try harness.tick([.init(MeshMixerNode.mesh, mesh)], stamp: stamp)
        }

        let mixed = harness.received(MeshMixerNode.mixed).map(\.array)
        for (frame, own) in [0, 0, 2].enumerated() {
            let isOwn = zip(mixed[frame], meshes[own].array).allSatisfy { abs($0 - $1) < 1e-4 }
            #expect(isOwn, "frame \(frame)")
        }
    }

    /// A crop that follows the head keeps the mesh where it was: only the transform says that it moved.
    @Test func `with the crop's transform a muted pose holds the head in its frame`() throws {
        var harness = try NodeHarness(MeshMixerNode.self, Settings(["pose": .number(0)]))
        let mesh = numbers([478, 3], 0)
        for shift: Float in [0, 12, 30] {
            let transform = Tensor<Float>([200, 0, shift, 0, 200, 2 * shift], shape: [2, 3])
            try harness.tick([
                .init(MeshMixerNode.mesh, mesh), .init(MeshMixerNode.transform, transform),
            ])
        }

        for (shift, mixed) in zip([0, 12, 30] as [Float], harness.received(MeshMixerNode.mixed)) {
            for (own, held) in zip(mesh.keypoints, mixed.keypoints) {
                #expect(abs(held.x * 200 + shift - own.x * 200) < 0.01)
                #expect(abs(held.y * 200 + 2 * shift - own.y * 200) < 0.01)
            }
        }
    }
}

extension Tensor<Float> {
    /// Rows of three numbers.
    fileprivate var keypoints: [SIMD3<Float>] {
        stride(from: 0, to: count, by: 3).map { SIMD3(array[$0], array[$0 + 1], array[$0 + 2]) }
    }
}
