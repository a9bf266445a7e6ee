import Evaluation
import Foundation
import Networks
import Tensors

/// Faces that are made of two meshes, moved as a test wants them: no film and no network is read.
enum MadeFaces {
    /// The meshes of Tests/ParityTests/Fixtures/face.py in head space: the demo's portrait, and a frame of its
    /// film whose mouth is open.
    private static let shapes: [[SIMD3<Float>]] = {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent(
                "ParityTests/Fixtures/face.safetensors")
        let points = try! Checkpoint(contentsOf: file.path).tensor("out/points", [4, 478, 3])
        let meshes = points.keypointSets
        return [0, 3].map { index in
            let pose = HeadPose(of: meshes[index])!
            return meshes[index].map { pose.inverse($0) }
        }
    }()

    /// A face in a picture of 256 × 256.
    ///
    /// - Parameters:
    ///   - degrees: pitch, yaw and roll.
    ///   - open: how far the mouth is open, 0...1.
    ///   - width: how much broader the head is.
    ///   - shift: pixels.
    static func face(
        degrees: SIMD3<Float> = SIMD3(), open: Float = 0, width: Float = 1, shift: Float = 0
    ) -> SeenFace {
        let pose = HeadPose(
            rotation: Rotation(degrees: degrees), scale: 80, origin: SIMD3(128 + shift, 120, 0))
        return SeenFace(
            zip(shapes[0], shapes[1]).map { closed, opened in
                var point = closed + (opened - closed) * open
                point.x *= width
                return pose(point)
            })!
    }

    /// A film of a head that turns, nods, leans and speaks without repeating itself.
    ///
    /// - Parameters:
    ///   - late: seconds by which everything happens later.
    ///   - share: how much of the motion there is.
    ///   - seed: another film altogether.
    static func film(
        _ path: String = "driver.mp4", seconds: Double = 8, rate: Double = 25, late: Double = 0,
        share: Float = 1, seed: UInt64 = 1, change: (Int, SeenFace) -> SeenFace? = { $1 }
    ) -> FaceTrack {
        let count = Int(seconds * rate)
        let times = (0..<count).map { Int64((Double($0) / rate * 1e9).rounded()) }
        let faces = times.enumerated().map { number, time in
            let t = Double(time) / 1e9 - late
            func wave(_ channel: UInt64) -> Float {
                share * Float(Self.wave(t, seed &* 16 &+ channel))
            }
            return change(
                number,
                face(
                    degrees: SIMD3(8 * wave(1), 15 * wave(2), 6 * wave(3)),
                    open: 0.5 * share + 0.5 * wave(4)))
        }
        return FaceTrack(path: path, width: 256, height: 256, times: times, faces: faces)
    }

    /// A smooth curve in -1...1 of sines with random phases.
    private static func wave(_ t: Double, _ channel: UInt64) -> Double {
        var dice = SeededDice(seed: channel)
        return (0..<6).reduce(0.0) { sum, part in
            let phase = Double.random(in: 0..<(2 * .pi), using: &dice)
            let hertz = Double.random(in: 0.2...1.2, using: &dice)
            return sum + sin(2 * .pi * hertz * t + phase + Double(part)) / 6
        }
    }
}
