import Foundation
import Marks
import Media
import Tensors

/// A folder of its own for one test, gone with it.
final class TestFolder {
    let path: String

    init() {
        path = NSTemporaryDirectory() + "media-tests-\(UUID().uuidString)"
        try! FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A path in the folder.
    func file(_ name: String) -> String { path + "/" + name }

    /// Writes bytes and gives their path.
    func write(_ bytes: [UInt8], _ name: String) -> String {
        try! Data(bytes).write(to: URL(fileURLWithPath: file(name)))
        return file(name)
    }

    func write(_ text: String, _ name: String) -> String { write(Array(text.utf8), name) }

    /// What is in the folder.
    var names: [String] {
        try! FileManager.default.contentsOfDirectory(atPath: path).sorted()
    }
}

/// What tests put into films.
enum Sample {
    static let millisecond: Int64 = 1_000_000

    /// A frame of one colour.
    static func frame(
        width: Int = 64, height: Int = 48, red: UInt8 = 128, green: UInt8 = 128, blue: UInt8 = 128
    ) -> Tensor<UInt8> {
        let tensor = Tensor<UInt8>(uninitialized: [1, height, width, 3])
        for i in 0..<width * height {
            (tensor.pointer[3 * i], tensor.pointer[3 * i + 1], tensor.pointer[3 * i + 2]) =
                (red, green, blue)
        }
        return tensor
    }

    /// A frame that does not compress.
    static func noise(_ seed: Int) -> Tensor<UInt8> {
        var state = UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 | 1
        let pixels = (0..<64 * 64 * 3).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
        return Tensor(pixels, shape: [1, 64, 64, 3])
    }

    /// A frame whose corners are red, green, blue and white, clockwise from the upper left.
    static func corners(width: Int = 64, height: Int = 48) -> Tensor<UInt8> {
        let tensor = Tensor<UInt8>(uninitialized: [1, height, width, 3])
        let colours: [[UInt8]] = [[255, 0, 0], [0, 255, 0], [255, 255, 255], [0, 0, 255]]
        for y in 0..<height {
            for x in 0..<width {
                let colour = colours[(2 * y >= height ? 2 : 0) + (2 * x >= width ? 1 : 0)]
                for c in 0..<3 { tensor.pointer[(y * width + x) * 3 + c] = colour[c] }
            }
        }
        return tensor
    }

    /// Names of the colours in the corners, clockwise from the upper left.
    static func cornerNames(_ frame: Tensor<UInt8>) -> [String] {
        let (height, width) = (frame.shape[1], frame.shape[2])
        let places = [(4, 4), (width - 5, 4), (width - 5, height - 5), (4, height - 5)]
        return places.map { x, y in
            let p = frame.pointer + (y * width + x) * 3
            return switch (p[0] > 128, p[1] > 128, p[2] > 128) {
            case (true, false, false): "red"
            case (false, true, false): "green"
            case (false, false, true): "blue"
            case (true, true, true): "white"
            default: "\(p[0]) \(p[1]) \(p[2])"
            }
        }
    }

    /// A film of `count` frames that get brighter, 40 ms each, with a tone when `sound` is set.
    static func film(
        _ path: String, count: Int = 10, width: Int = 64, height: Int = 48, sound: Bool = false
    ) throws {
        let writer = try VideoWriter(path: path, options: fast)
        if sound { try tone(seconds: Double(count) * 0.04, into: writer) }
        for i in 0..<count {
            let level = UInt8(20 + 200 * i / max(count, 2))
            let frame = frame(width: width, height: height, red: level, green: level, blue: level)
            try writer.write(
                frame, presentation: Int64(i) * 40 * millisecond, duration: 40 * millisecond)
        }
        try writer.finish()
    }

    /// Quick compression of the very pictures, without marks in them.
    static var fast: VideoWriterOptions {
        var options = VideoWriterOptions()
        options.preset = "ultrafast"
        options.threads = 1
        options.marks = .none
        return options
    }

    /// A 440 Hz tone, 48 kHz mono, from `start` seconds on.
    static func tone(seconds: Double, from start: Double = 0, into writer: VideoWriter) throws {
        let count = Int(seconds * 48_000)
        let first = Int(start * 48_000)
        for chunk in stride(from: 0, to: count, by: 1_000) {
            let samples = (chunk..<min(chunk + 1_000, count)).map {
                Int16(8_000 * sin(Double($0) * 2 * .pi * 440 / 48_000))
            }
            try writer.write(
                AudioPacket(
                    samples: samples, sampleRate: 48_000, channels: 1, first: first + chunk))
        }
    }
}

/// All that a film holds.
struct Contents {
    var frames: [VideoReader.Frame] = []
    var pictures: [Tensor<UInt8>] = []
    var sound: [AudioPacket] = []
    var warnings: [String] = []

    init(of path: String, frameLimit: Int? = nil, keepsPictures: Bool = true) throws {
        let reader = try VideoReader(path: path, frameLimit: frameLimit)
        while let item = try reader.next() {
            switch item {
            case .frame(let frame):
                frames.append(frame)
                guard keepsPictures else { continue }
                let picture = Tensor<UInt8>(uninitialized: reader.shape)
                try reader.copyFrame(into: picture)
                pictures.append(picture)
            case .audio(let packet): sound.append(packet)
            }
        }
        warnings = reader.takeWarnings()
    }

    /// Presentation times in milliseconds.
    var times: [Double] { frames.map { Double($0.presentation) / 1e6 } }
    var durations: [Double] { frames.map { Double($0.duration) / 1e6 } }
}
