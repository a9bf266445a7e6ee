import BuiltinNodes
import Foundation
import Layers
import Media
import Networks
import NodeKit
import Tensors
import Testing

/// A portrait that is bent, with the meshes of the demo's portrait and film; `make test` fetches the
/// network that finds them.
@Suite(
    .enabled(
        if: FaceModel.isThere(FaceModel.folder)
            || ProcessInfo.processInfo.environment["PERSONALIVE_FACE"] == "required"))
struct FaceWarpNodeTests {
    private static var finder: FaceFinder { FaceFinder(try! FaceModel(folder: FaceModel.folder)) }
    /// The demo's portrait, rendered, at 512 × 512.
    private static let portrait: Tensor<UInt8> =
        try! ImageReader.read("Models/demo/portrait.png")
        .resampled(height: 512, width: 512, .bicubic)
    private static let portraitFace = finder.faces(in: portrait, atLeast: 1)[0]

    /// Meshes of the demo's driver, 300 frames of 256 × 256.
    private static let film: [[SIMD3<Float>]] = {
        let reader = try! VideoReader(path: "Models/demo/driving.mp4")
        let frame = Tensor<UInt8>(uninitialized: reader.shape)
        var follower = FaceFollower(finder, choice: 1), meshes: [[SIMD3<Float>]] = []
        while let item = try! reader.next() {
            guard case .frame = item else { continue }
            try! reader.copyFrame(into: frame)
            meshes.append(follower.look(at: frame)!.points.map { $0 / 256 })
        }
        return meshes
    }()

    private func tensor(_ points: [SIMD3<Float>]) -> Tensor<Float> {
        Tensor(points.flatMap { [$0.x, $0.y, $0.z] }, shape: [points.count, 3])
    }

    private func harness(neutralFrames: Int = 75) throws -> NodeHarness<FaceWarpNode> {
        try NodeHarness(FaceWarpNode.self, Settings(["neutral-frames": .integer(neutralFrames)]))
    }

    private func feeds(
        _ mesh: [SIMD3<Float>], portrait: Tensor<UInt8> = portrait,
        face: [SIMD3<Float>] = portraitFace.points
    ) -> [NodeHarness<FaceWarpNode>.Feed] {
        let side = Float(portrait.shape[2])
        return [
            .init(FaceWarpNode.portrait, portrait),
            .init(FaceWarpNode.portraitMesh, tensor(face.map { $0 / side })),
            .init(FaceWarpNode.mesh, tensor(mesh)),
        ]
    }

    /// A mesh whose head is turned about its own origin, degrees.
    private func turned(_ mesh: [SIMD3<Float>], _ degrees: SIMD3<Float>) -> [SIMD3<Float>] {
        let origin = HeadPose(of: mesh)!.origin, turn = Rotation(degrees: degrees)
        return mesh.map { turn.led($0 - origin) + origin }
    }

    private func psnr(_ a: Tensor<UInt8>, _ b: Tensor<UInt8>) -> Double {
        let squares = zip(a.array, b.array).reduce(0.0) { sum, pair in
            let difference = Double(pair.0) - Double(pair.1)
            return sum + difference * difference
        }
        return 10 * log10(255 * 255 * Double(a.count) / max(squares, 1e-9))
    }

    private func correlation(_ a: [Float], _ b: [Float]) -> Float {
        let count = Float(a.count)
        let (m, n) = (a.reduce(0, +) / count, b.reduce(0, +) / count)
        let both = zip(a, b).reduce(Float(0)) { $0 + ($1.0 - m) * ($1.1 - n) }
        let own = a.reduce(Float(0)) { $0 + ($1 - m) * ($1 - m) }
        let other = b.reduce(Float(0)) { $0 + ($1 - n) * ($1 - n) }
        return both / (own * other).squareRoot()
    }

    @Test func `at the driver's neutral face the photo is itself`() throws {
        // At once where one frame is to show it, and else once it is found.
        for count in [1, 75] {
            var harness = try harness(neutralFrames: count)
            for _ in 0..<count + 2 { try harness.tick(feeds(Self.film[40])) }

            let frames = harness.received(FaceWarpNode.frame)
            #expect(frames.count == count + 2)
            for frame in frames[count...] { #expect(psnr(frame, Self.portrait) >= 45) }
            #expect(harness.warnings.isEmpty)
        }
    }

    /// Nobody has said yet that this is not how the driver holds his head, so the front is his neutral.
    @Test func `a head that is turned away in the first frame is turned away in the result`() throws {
        var harness = try harness()
        try harness.tick(feeds(turned(Self.film[40], SIMD3(0, 18, 0))))
        let frame = try #require(harness.received(FaceWarpNode.frame).last)
        let rest = Self.portraitFace.reading!.yaw
        let yaw = try #require(Self.finder.faces(in: frame, atLeast: 1).first?.reading?.yaw)
        #expect((yaw - rest) * 180 / .pi > 8, "\(yaw), \(rest)")
    }

    /// Of a head that keeps still, as before a camera that stands low, the neutral is what is seen.
    @Test func `a head that keeps still becomes the neutral by small steps`() throws {
        var harness = try harness(neutralFrames: 40)
        let low = turned(Self.film[40], SIMD3(-14, 0, 0))
        for _ in 0..<45 { try harness.tick(feeds(low)) }

        let frames = harness.received(FaceWarpNode.frame)
        #expect(psnr(frames.last!, Self.portrait) >= 45)
        #expect(psnr(frames[0], Self.portrait) < 35)
        for (a, b) in zip(frames, frames.dropFirst()) { #expect(psnr(a, b) > 30) }
    }

    @Test func `nothing folds over, whatever the driver does`() throws {
        var warp = try #require(PhotoWarp(Self.portrait, mesh: Self.portraitFace.points))
        var driver = DriverFace(neutralFrames: 75), least = Float.infinity
        let frame = Tensor<UInt8>(uninitialized: Self.portrait.shape)
        for (i, mesh) in Self.film.enumerated() {
            driver.look(at: mesh)
            warp.draw(driver, into: frame)
            least = min(least, warp.leastArea)
            // Turned further than any limit, too.
            for way: Float in i % 20 == 0 ? [-1, 1] : [] {
                var far = DriverFace(neutralFrames: 1)
                far.look(at: Self.film[40])
                for share: Float in [0, 0.3, 0.6, 1] {
                    far.look(at: turned(mesh, SIMD3(35, 50, 25) * way * share))
                }
                warp.draw(far, into: frame)
                least = min(least, warp.leastArea)
            }
        }

        #expect(least > 0, "\(least)")
    }

    /// Reads a result with the network that read the driver.
    @Test func `head, mouth, lids and gaze follow the driver`() throws {
        var harness = try harness()
        var follower = FaceFollower(Self.finder, choice: 1)
        var (driver, result): ([FaceReading], [FaceReading]) = ([], [])
        for (i, mesh) in Self.film.enumerated() {
            try harness.tick(feeds(mesh))
            guard i % 3 == 0 else { continue }
            let frame = harness.received(FaceWarpNode.frame).last!
            driver.append(try #require(FaceReading(mesh)))
            result.append(try #require(follower.look(at: frame)?.reading))
        }

        func follows(_ part: (FaceReading) -> Float) -> Float {
            correlation(driver.map(part), result.map(part))
        }
        let found: [(String, Float, least: Float)] = [
            ("yaw", follows(\.yaw), 0.95), ("pitch", follows(\.pitch), 0.95),
            ("roll", follows(\.roll), 0.95), ("mouth", follows(\.mouthOpening), 0.93),
            ("lids", follows { $0.rightLid + $0.leftLid }, 0.8), ("gaze", follows(\.gaze.x), 0.7),
        ]
        for (name, value, least) in found { #expect(value >= least, "\(name): \(value)") }
    }

    @Test func `the other way round is the mirror's picture`() throws {
        // The head turned to one side and to the other: the nose goes as far.
        var warp = try #require(PhotoWarp(Self.portrait, mesh: Self.portraitFace.points))
        let frame = Tensor<UInt8>(uninitialized: Self.portrait.shape), still = Self.film[40]
        var yaws: [Float] = []
        for degrees: Float in [-15, 15] {
            var driver = DriverFace(neutralFrames: 1)
            driver.look(at: still)
            driver.look(at: turned(still, SIMD3(0, degrees, 0)))
            warp.draw(driver, into: frame)
            yaws.append(Self.finder.faces(in: frame, atLeast: 1)[0].reading!.yaw * 180 / .pi)
        }
        let rest = Self.portraitFace.reading!.yaw * 180 / .pi

        #expect(yaws[1] - rest > 5 && rest - yaws[0] > 5, "\(yaws), \(rest)")
        #expect(abs((yaws[0] + yaws[1]) / 2 - rest) < 3, "\(yaws), \(rest)")
    }

    @Test func `a mesh that jumps is held, and believed when it stays`() throws {
        var harness = try harness(neutralFrames: 1)
        let jumped = Self.film[50].map { $0 * 0.4 + 0.5 }
        try harness.tick(feeds(Self.film[40]))
        try harness.tick(feeds(Self.film[41]))
        try harness.tick(feeds(jumped))
        try harness.tick(feeds([]))
        try harness.tick(feeds(Self.film[42]))

        let frames = harness.received(FaceWarpNode.frame)
        #expect(frames.count == 5)
        let isSame = frames.map { $0.array == frames[1].array }
        #expect(isSame[1...] == [true, true, true, false])
        #expect(
            harness.warnings == [
                "frame 2: the driver's face jumped or was not found; the motion before it was held for "
                    + "2 frames"
            ])

        for _ in 0...MeshGuard.patience { try harness.tick(feeds(jumped)) }
        #expect(harness.warnings.last!.contains("it is followed again"))
        // Perhaps another person: motion is measured against the face that is there now.
        #expect(psnr(harness.received(FaceWarpNode.frame).last!, Self.portrait) >= 45)
    }

    @Test func `a mesh with one point that no picture has is held`() throws {
        var harness = try harness(neutralFrames: 1)
        var (none, huge) = (Self.film[42], Self.film[42])
        none[20].x = .nan
        huge[20].x = 1e30
        for mesh in [none, Self.film[40], Self.film[41], huge, none, Self.film[42]] {
            try harness.tick(feeds(mesh))
        }

        let frames = harness.received(FaceWarpNode.frame)
        #expect(frames.count == 6)
        #expect(psnr(frames[0], Self.portrait) >= 45)
        let isSame = frames.map { $0.array == frames[2].array }
        #expect(isSame[2...] == [true, true, true, false])
        #expect(harness.warnings.count == 2)
    }

    @Test func `a portrait's mesh beyond the picture does no harm`() throws {
        for shift in [SIMD3<Float>(512, 512, 0), SIMD3(-512, -512, 0)] {
            var harness = try harness(neutralFrames: 1)
            let face = Self.portraitFace.points.map { $0 + shift }
            for mesh in Self.film[40..<42] { try harness.tick(feeds(mesh, face: face)) }

            #expect(harness.received(FaceWarpNode.frame).count == 2)
        }
    }

    @Test func `a portrait without a face stays as it is, and that is said once`() throws {
        var harness = try harness()
        for mesh in Self.film[..<3] { try harness.tick(feeds(mesh, face: [])) }

        for frame in harness.received(FaceWarpNode.frame) {
            #expect(frame.array == Self.portrait.array)
        }
        #expect(harness.received(FaceWarpNode.frame).count == 3 && harness.warnings.count == 1)
        #expect(harness.warnings[0].hasPrefix("no face was found in the portrait, and face-warp needs"))
    }

    @Test func `a label is set into the corner and nowhere else`() throws {
        var harness = try NodeHarness(FaceWarpNode.self, Settings(["label": .flag(true)]))
        try harness.tick(feeds(Self.film[40]))

        let frame = try #require(harness.received(FaceWarpNode.frame).first)
        let top = 512 * 460 * 3
        #expect(Array(frame.array[..<top]) != [] && frame.array[top...].contains(255))
        #expect(psnr(frame.rows(0..<1), Self.portrait) < 45)
    }

    @Test func `of a side view it is said that it moves less`() throws {
        var harness = try harness()
        let side = turned(Self.portraitFace.points, SIMD3(0, 42, 0))
        try harness.tick(feeds(Self.film[0], face: side))

        let text = try #require(harness.warnings.first)
        #expect(text.hasPrefix("the portrait is turned away by 4"), "\(text)")
        #expect(harness.received(FaceWarpNode.frame).count == 1)
    }

    /// A frame of the demo's driver as a portrait of 512 × 512, and its face.
    private static func portrait(frame number: Int) throws -> (Tensor<UInt8>, Face) {
        let reader = try VideoReader(path: "Models/demo/driving.mp4")
        let frame = Tensor<UInt8>(uninitialized: reader.shape)
        var count = 0
        while count <= number, let item = try reader.next() {
            guard case .frame = item else { continue }
            try reader.copyFrame(into: frame)
            count += 1
        }
        let portrait = frame.resampled(height: 512, width: 512, .bicubic)
        return (portrait, try #require(finder.faces(in: portrait, atLeast: 1).first))
    }

    /// What is read of the portrait's result for the last of some meshes, of which the first is the neutral.
    private func result(
        _ portrait: Tensor<UInt8>, _ face: Face, _ meshes: [[SIMD3<Float>]]
    ) throws -> FaceReading {
        var warp = try #require(PhotoWarp(portrait, mesh: face.points))
        let frame = Tensor<UInt8>(uninitialized: portrait.shape)
        var driver = DriverFace(neutralFrames: 1)
        for mesh in meshes { driver.look(at: mesh) }
        warp.draw(driver, into: frame)
        return try #require(Self.finder.faces(in: frame, atLeast: 1).first?.reading)
    }

    @Test func `a mouth that is open in the photo opens as far as the driver's, not by as much`() throws {
        let (portrait, face) = try Self.portrait(frame: 87)
        let own = try #require(face.reading?.mouthOpening), driver = FaceReading(Self.film[87])!
        #expect(own > 0.2 && driver.mouthOpening > 0.2)

        let open = try result(portrait, face, [Self.film[40], Self.film[87]]).mouthOpening

        #expect(abs(open - own) < 0.05, "\(own) became \(open)")
    }

    /// A mask that begins at the tip of the nose, and one that reaches its bridge.
    @Test(arguments: [4, 197]) func `under a mask the mouth stays closed`(edge: Int) throws {
        let points = Self.portraitFace.points
        let masked = Self.portrait.ownPicture
        let (left, right) = (points[234], points[454]), top = points[edge].y, bottom = points[152].y
        for y in Int(top)..<Int(bottom) + 6 {
            for x in Int(left.x) + 10..<Int(right.x) - 10 {
                let pixel = masked.pointer + (y * 512 + x) * 3
                (pixel[0], pixel[1], pixel[2]) = (150, 190, 215)
            }
        }
        var harness = try harness(neutralFrames: 1)
        try harness.tick(feeds(Self.film[40], portrait: masked))
        var open = Self.film[40]
        for i in open.indices where open[i].y > open[14].y - 0.001 { open[i].y += 0.05 }
        try harness.tick(feeds(open, portrait: masked))

        #expect(harness.warnings.contains { $0.contains("as by a mask") })
        let frames = harness.received(FaceWarpNode.frame)
        // Where the lips would part, the mask is as it was.
        let at = (Int(points[14].y) * 512 + Int(points[14].x)) * 3
        #expect(abs(Int(frames[1].pointer[at]) - 150) < 12)
    }

    @Test func `what a killed process knew lets another go on`() throws {
        var whole = try harness(neutralFrames: 10), parts = try harness(neutralFrames: 10)
        for (i, mesh) in Self.film[60..<80].enumerated() {
            try whole.tick(feeds(mesh))
            if i == 5 || i == 15 {
                var node = try FaceWarpNode(settings: Settings(["neutral-frames": .integer(10)]))
                node.restore(try #require(parts.node.savedState).bytes)
                parts = try NodeHarness(resuming: node)
            }
            try parts.tick(feeds(mesh))
            let isSame = whole.received(FaceWarpNode.frame).last!.array
                == parts.received(FaceWarpNode.frame).last!.array
            #expect(isSame, "frame \(i)")
        }
    }

    @Test func `a driver's head that its crop follows is seen to move all the same`() throws {
        var harness = try harness(neutralFrames: 1)
        for shift: Float in [0, 20] {
            let transform = Tensor<Float>([256, 0, shift, 0, 256, 0], shape: [2, 3])
            try harness.tick(feeds(Self.film[40]) + [.init(FaceWarpNode.transform, transform)])
        }

        let frames = harness.received(FaceWarpNode.frame)
        #expect(psnr(frames[0], Self.portrait) >= 45)
        #expect(psnr(frames[1], Self.portrait) < 30)
    }
}

extension Tensor<UInt8> {
    /// The same pixels in other memory.
    fileprivate var ownPicture: Tensor {
        let copy = Tensor(uninitialized: shape)
        copy.pointer.update(from: pointer, count: count)
        return copy
    }
}

extension FaceWarpNode {
    fileprivate var savedState: SavedState? { save() }
}
