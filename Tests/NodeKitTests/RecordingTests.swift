import Foundation
import NodeKit
import Tensors
import Testing

/// What is written by a recording is what is read.
@Suite struct RecordingTests {
    private let path = "/tmp/pl-recording-\(UUID().uuidString)"
    private let header = Recording.Header(
        from: "camera.frame", port: "frame", type: "u8", axes: "1 h w 3", meaning: "rgb")

    private func write(_ count: Int) throws {
        let writer = try Recording.Writer(path: path, header)
        for frame in 0..<count {
            let stamp = Stamp(
                frame: UInt64(frame * 2), captured: 5, presentation: -3, duration: 7, epoch: 9)
            let bytes = [UInt8](repeating: UInt8(frame), count: 12)
            try bytes.withUnsafeBytes { try writer.write(.uint8, [1, 2, 2, 3], stamp, $0) }
        }
        try writer.finish()
    }

    private func read() throws -> [Message] {
        let reader = try Recording.Reader(path: path)
        var messages: [Message] = []
        while let message = try reader.next() { messages.append(message) }
        return messages
    }

    @Test func `messages come back with stamps, shapes and numbers`() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        try write(3)

        let messages = try read()

        #expect(messages.map(\.stamp.frame) == [0, 2, 4])
        #expect(messages[2].stamp.presentation == -3)
        #expect(messages[2].stamp.epoch == 9)
        #expect(messages[2].tensor.shape == [1, 2, 2, 3])
        #expect(messages[2].tensor.withBytes { Array($0) } == [UInt8](repeating: 2, count: 12))
        #expect(Recording.ports(of: path)?.map(\.axesText) == ["1 h w 3"])
    }

    @Test func `a file that breaks off anywhere is good up to there`() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        try write(2)
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        let one = (whole.count - 2 * 92) + 92

        for length in stride(from: one, to: whole.count, by: 7) {
            try whole.prefix(length).write(to: URL(fileURLWithPath: path))
            #expect(try read().count == 1, "\(length) of \(whole.count) bytes")
        }
    }

    @Test func `damage is told, or makes another message, and never ends the process`() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        try write(2)
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        var generator = SeededNumbers(seed: 4)

        for _ in 0..<2000 {
            var damaged = whole
            let place = Int.random(in: 0..<whole.count, using: &generator)
            damaged[place] = UInt8.random(in: 0...255, using: &generator)
            try damaged.write(to: URL(fileURLWithPath: path))
            _ = try? read()
        }
    }

    @Test func `a file that is no recording is not replaced by one`() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data("a film".utf8).write(to: URL(fileURLWithPath: path))

        #expect(throws: RecordingError.self) { try write(1) }

        #expect(try String(contentsOfFile: path, encoding: .utf8) == "a film")
    }

    @Test func `an earlier recording stays until the new one is complete`() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        try write(3)
        let writer = try Recording.Writer(path: path, header)

        #expect(try read().count == 3)
        try writer.finish()

        #expect(try read().isEmpty)
    }
}

/// Numbers that a seed repeats (SplitMix64).
private struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
