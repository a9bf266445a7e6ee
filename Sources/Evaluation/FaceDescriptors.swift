import CPosix
import Foundation
import Layers
import Tensors

/// Whose face it is, by a network that was trained to tell people apart: dlib's, in the user's own Python.
///
/// Of two pictures of one person the descriptors are less than 0.6 apart (dlib's documentation of
/// `dnn_face_recognition_ex`).
struct FaceDescriptors {
    /// Why there are none.
    struct Missing: Error {
        let reason: String
    }

    /// The pictures that the network looks at, `[1, 150, 150, 3]`, and where it wants the outer and inner
    /// corners of the eyes, the person's left ones first, and the place under the nose: `mean_face_shape_x` and
    /// `_y` of five points in dlib's image_transforms/interpolation.h.
    private static let side = 150
    private static let padding: Float = 0.25
    private static let places: [(point: Int, place: SIMD2<Float>)] = [
        (263, SIMD2(0.8595674595992, 0.2134981538014)),
        (362, SIMD2(0.6460604764104, 0.2289674387677)),
        (33, SIMD2(0.1205750620789, 0.2137274526848)),
        (133, SIMD2(0.3340850613712, 0.2290642403242)),
        (2, SIMD2(0.4901123135679, 0.6277975316475)),
    ]

    /// A face as the network wants it; nil where its points lie in one place.
    static func cut(_ picture: Tensor<UInt8>, _ face: SeenFace) -> Tensor<UInt8>? {
        let wanted = places.map {
            ($0.place + SIMD2(padding, padding)) / (2 * padding + 1) * Float(side)
        }
        guard let map = PictureMap(from: wanted, to: places.map { face.place($0.point) }) else {
            return nil
        }
        let cut = Tensor<UInt8>(uninitialized: [1, side, side, 3])
        picture.sample(map, into: cut)
        return cut
    }

    /// 128 numbers of each face.
    static func read(_ faces: [Tensor<UInt8>], python: String) throws(Missing) -> [[Double]] {
        let process = Process(), output = Pipe()
        // A file, since Python may complain at length before it prints anything.
        let complaints = try input(of: [])
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let script = String(decoding: PackageResources.descriptors_py, as: UTF8.self)
        let place = python.contains("/") ? URL(fileURLWithPath: python).path : python
        process.arguments = [place, "-c", script]
        process.standardInput = try input(of: faces)
        process.standardOutput = output
        process.standardError = complaints
        // The current folder may have files that it would import.
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        do { try process.run() } catch {
            throw Missing(reason: "'\(python)' cannot be started")
        }
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try? complaints.seek(toOffset: 0)
        let complaint = String(decoding: complaints.readDataToEndOfFile(), as: UTF8.self)
        guard process.terminationStatus == 0,
            let descriptors = try? JSONDecoder().decode([[Double]].self, from: text),
            descriptors.count == faces.count
        else {
            let line = complaint.split(whereSeparator: \.isNewline).last.map(String.init)
            throw Missing(
                reason: process.terminationStatus == 3
                    ? "\(python) lacks a module (\(line ?? "dlib")): "
                        + "'pip install dlib-bin numpy face-recognition-models' brings the network (105 MB)"
                    : "\(python) failed: \(line ?? "it said nothing")")
        }
        return descriptors
    }

    /// All pictures in a file that no folder lists: a pipe would end this program where Python ends early.
    private static func input(of faces: [Tensor<UInt8>]) throws(Missing) -> FileHandle {
        let descriptor = posix_anonymous_file("personalive-faces", 0)
        guard descriptor >= 0 else { throw Missing(reason: "there is no memory for its pictures") }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            try file.write(contentsOf: Data(faces.flatMap(\.array)))
            try file.seek(toOffset: 0)
        } catch { throw Missing(reason: "there is no memory for its pictures") }
        return file
    }

    static func distance(_ a: [Double], _ b: [Double]) -> Double {
        zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
    }

    /// Frames of each film that are looked at.
    private static let frames = 32

    /// How far the result's faces are from the portrait's.
    static func figure(
        _ result: FaceTrack, driver: FaceTrack, portrait: (picture: Tensor<UInt8>, face: SeenFace),
        python: String
    ) throws -> Figure? {
        let own = try cuts(of: result), given = try cuts(of: driver)
        guard let first = cut(portrait.picture, portrait.face), own.count >= FaceFigures.leastFrames
        else { return nil }
        let all = try read([first] + own + given, python: python)
        let distances = all.dropFirst().map { distance(all[0], $0) }
        let mine = Array(distances.prefix(own.count)), others = distances.dropFirst(own.count)
        return Figure(
            "id_distance", "Identity, dlib's descriptor", .lower,
            mine.reduce(0, +) / Double(mine.count),
            Bootstrap(count: mine.count, block: 2).interval(ofMean: mine), frames: mine.count,
            controls: .init(
                copiedPortrait: 0,
                driverItself: others.isEmpty
                    ? nil : others.reduce(0, +) / Double(others.count)),
            meaning:
                "Distance between the descriptors of result and portrait; photographs of one person are "
                + "below 0.6. It was trained on photographs: of drawn faces it says less.")
    }

    /// Faces of frames that are spread evenly over a film.
    private static func cuts(of film: FaceTrack) throws -> [Tensor<UInt8>] {
        let seen = film.faces.indices.filter { film.faces[$0] != nil }
        let count = min(frames, seen.count)
        let walk = try FrameWalk(film.path)
        return try (0..<count).compactMap { step in
            let number = seen[seen.count * step / count]
            return cut(try walk.frame(number), film.faces[number]!)
        }
    }
}
