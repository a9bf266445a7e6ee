import Foundation
import Layers
import Media
import Networks
import Tensors
import Testing

/// The demo's film, which was rendered: what is read of its frames against what was drawn.
@Suite(
    .enabled(
        if: FaceModel.isThere(FaceModel.folder)
            || ProcessInfo.processInfo.environment["PERSONALIVE_FACE"] == "required"))
struct FilmReadingTests {
    /// Numbers of Training/portrait/faces/motion.py in a frame, from Tests/ParityTests/Fixtures/face.py.
    private static let motionCount = 15

    private static let motions: [[Float]] = {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent(
                "ParityTests/Fixtures/face.safetensors")
        let all = try! Checkpoint(contentsOf: file.path)
            .tensor("in/film_motion", [300, motionCount]).array
        return (0..<300).map { Array(all[$0 * motionCount..<($0 + 1) * motionCount]) }
    }()

    private static let readings: [FaceReading] = {
        let reader = try! VideoReader(path: "Models/demo/driving.mp4")
        let frame = Tensor<UInt8>(uninitialized: reader.shape)
        var follower = FaceFollower(
            FaceFinder(try! FaceModel(folder: FaceModel.folder)), choice: 1)
        var readings: [FaceReading] = []
        while let item = try! reader.next() {
            guard case .frame = item else { continue }
            try! reader.copyFrame(into: frame)
            readings.append(follower.look(at: frame)!.reading!)
        }
        return readings
    }()

    private func correlation(_ a: [Float], _ b: [Float]) -> Float {
        let count = Float(a.count)
        let (m, n) = (a.reduce(0, +) / count, b.reduce(0, +) / count)
        let both = zip(a, b).reduce(Float(0)) { $0 + ($1.0 - m) * ($1.1 - n) }
        let own = a.reduce(Float(0)) { $0 + ($1 - m) * ($1 - m) }
        let other = b.reduce(Float(0)) { $0 + ($1 - n) * ($1 - n) }
        return both / (own * other).squareRoot()
    }

    // The renderer's lids are the picture's: 6 is the person's right one. They count how far a lid is
    // shut. MediaPipe's own program gives .99, .90, .97, .85, -.92, -.97, .86, .79 and .69.
    @Test(
        arguments: [
            ("yaw", 0, 0.97, \.yaw), ("pitch", 1, 0.87, \.pitch), ("roll", 2, 0.94, \.roll),
            ("open", 12, 0.82, \.mouthOpening), ("lid_left", 6, -0.89, \.rightLid),
            ("lid_right", 7, -0.94, \.leftLid), ("gaze_x", 8, 0.82, \.gaze.x),
            ("brow_up", 10, 0.75, \.rightBrow), ("brow_up", 10, 0.65, \.leftBrow),
        ] as [(String, Int, Float, KeyPath<FaceReading, Float> & Sendable)])
    func `what was drawn is read`(
        name: String, column: Int, least: Float, part: KeyPath<FaceReading, Float> & Sendable
    ) {
        let found = correlation(
            Self.readings.map { $0[keyPath: part] }, Self.motions.map { $0[column] })

        #expect(least > 0 ? found >= least : found <= least, "\(name): \(found)")
    }

    @Test func `a picture that is turned changes the roll, and nothing that the face does`() throws
    {
        let portrait = try ImageReader.read("Models/demo/portrait.png")
        let turned = Tensor<UInt8>(uninitialized: portrait.shape)
        // What is seen through a square that leans to the left leans to the right.
        portrait.sample(
            PictureMap(square: 256, to: SIMD2(128, 128), side: 256, radians: -.pi / 9), into: turned
        )
        let finder = FaceFinder(try FaceModel(folder: FaceModel.folder))

        let readings = [portrait, turned].compactMap { finder.faces(in: $0).first?.reading }

        try #require(readings.count == 2)
        let (level, other) = (readings[0], readings[1])
        #expect(abs(other.roll - level.roll - .pi / 9) < 0.035, "\(level.roll), \(other.roll)")
        #expect(abs(other.yaw - level.yaw) < 0.07 && abs(other.pitch - level.pitch) < 0.07)
        #expect(abs(other.mouthOpening - level.mouthOpening) < 0.02)
        #expect(abs(other.rightLid - level.rightLid) < 0.08)
        #expect(abs(other.leftLid - level.leftLid) < 0.08)
    }

    @Test func `yaw is read in its size`() {
        let errors = zip(Self.readings, Self.motions).map {
            abs($0.yaw * 180 / .pi - $1[0])
        }.sorted()

        #expect(errors[errors.count / 2] < 2, "median error \(errors[errors.count / 2]) degrees")
    }
}
