import Foundation
import Media
import Tensors
import Testing

/// Packets of a real encoder, cut into parts that a real decoder reads.
@Suite struct HLSSegmenterTests {
    private static let ms: Int64 = 1_000_000

    /// Pictures of 40 ms with a key picture each second; `time` says when each is shown, ms.
    private func packets(
        _ count: Int, hasSound: Bool = false, stream: UInt32 = 0, from first: Int = 0,
        at time: (Int) -> Int64 = { Int64($0) * 40 }
    ) throws -> [FilmPacket] {
        var options = LiveEncoder.Options()
        (options.stream, options.preset) = (stream, "ultrafast")
        let encoder = LiveEncoder(options, name: "test")
        return try (0..<count).map { number in
            var packet = try encoder.encode(
                Sample.frame(red: UInt8(number % 250)), at: time(number) * Self.ms,
                for: 40 * Self.ms)
            packet.sequence = UInt64(first + number)
            if hasSound { packet.flags.insert(.hasSound) }
            return packet
        }
    }

    private func steps(
        _ packets: [FilmPacket], _ segmenter: HLSSegmenter = HLSSegmenter()
    ) throws -> [HLSSegmenter.Step] {
        try packets.flatMap { try segmenter.add($0, captured: $0.presentation) }
    }

    private func parts(_ steps: [HLSSegmenter.Step]) -> [HLSPlaylist.Part] {
        steps.compactMap { if case .part(let part) = $0 { part } else { nil } }
    }

    private func begins(
        _ steps: [HLSSegmenter.Step]
    ) -> [(captured: Int64, hasHeader: Bool, isBreak: Bool)] {
        steps.compactMap {
            guard case .begin(let captured, let header, let isBreak) = $0 else { return nil }
            return (captured / Self.ms, header != nil, isBreak)
        }
    }

    private func film(_ steps: [HLSSegmenter.Step]) -> [UInt8] {
        steps.flatMap { step -> [UInt8] in
            switch step {
            case .begin(_, let header, _): header ?? []
            case .part(let part): part.bytes
            case .endSegment: []
            }
        }
    }

    /// When each picture of a film is shown, ms.
    private func times(_ steps: [HLSSegmenter.Step]) throws -> [Int64] {
        let folder = TestFolder()
        let reader = try VideoReader(path: folder.write(film(steps), "film.mp4"))
        var times: [Int64] = []
        while let item = try reader.next() {
            if case .frame(let frame) = item { times.append(frame.presentation / Self.ms) }
        }
        return times
    }

    @Test func `five pictures are a part, two seconds a segment, and all of them are decoded`()
        throws
    {
        let steps = try steps(packets(110))

        let begins = begins(steps)
        #expect(begins.map(\.captured) == [0, 2000, 4000])
        #expect(begins.map(\.hasHeader) == [true, false, false])
        #expect(begins.allSatisfy { !$0.isBreak })
        let parts = parts(steps)
        #expect(parts.count == 22)
        #expect(parts.allSatisfy { $0.duration == 200 * Self.ms })
        #expect(parts.indices.filter { parts[$0].isIndependent } == [0, 5, 10, 15, 20])
        #expect(try times(steps) == (0..<110).map { Int64($0) * 40 })
    }

    @Test func `a part is out with its last picture, not with the next one`() throws {
        let segmenter = HLSSegmenter()
        let steps = try packets(5).map { try segmenter.add($0, captured: 0) }

        #expect(steps[..<4].allSatisfy { parts($0).isEmpty })
        #expect(parts(steps[4]).count == 1)
    }

    @Test func `pictures that come unevenly keep their times, and parts their length`() throws {
        let time = { (number: Int) in Int64(number) * 40 + Int64(number * 7 % 19) }
        let segmenter = HLSSegmenter()
        let steps = try steps(packets(100, at: time), segmenter) + segmenter.finish()

        // A part is out before the next picture's time is known: one that comes sooner than the last one's
        // 40 ms are over is shown when they are.
        for (number, found) in try times(steps).enumerated() {
            let end = number > 0 ? time(number - 1) + 40 : 0
            #expect(found == time(number) || found == end && end > time(number), "\(number)")
        }
        #expect(parts(steps).allSatisfy { $0.duration <= 220 * Self.ms })
    }

    @Test func `a stall breaks the time line, and players are told`() throws {
        let steps = try steps(packets(60) { Int64($0) * 40 + ($0 < 30 ? 0 : 3000) })

        let begins = begins(steps)
        #expect(begins.map(\.captured).prefix(2) == [0, 4200])
        #expect(begins.map(\.isBreak).prefix(2) == [false, true])
        #expect(!begins[1].hasHeader)
        #expect(parts(steps).allSatisfy { $0.duration <= 220 * Self.ms })
    }

    @Test func `another encoder has another header, and its times are its own`() throws {
        let segmenter = HLSSegmenter()
        _ = try steps(packets(30), segmenter)
        var next = try packets(10, stream: 1, from: 30) { Int64($0) * 40 + 1200 }
        next[0].header.append(0)

        let begins = begins(try steps(next, segmenter))

        #expect(begins.count == 1)
        #expect(begins.first?.hasHeader == true)
        #expect(begins.first?.isBreak == true)
    }

    @Test func `an encoder whose times begin anew has another header, too`() throws {
        let segmenter = HLSSegmenter()
        _ = try steps(packets(30), segmenter)
        for (number, start) in [(1, Int64(0)), (2, Int64(160))] {
            let next = try packets(10, stream: UInt32(number), from: 20 + 10 * number) {
                Int64($0) * 40 + start
            }

            let begins = begins(try steps(next, segmenter))

            #expect(begins.map(\.captured) == [start])
            #expect(begins.first?.hasHeader == true)
            #expect(begins.first?.isBreak == true)
        }
    }

    @Test func `without key pictures a segment ends before players forbid it`() throws {
        var options = HLSSegmenter.Options()
        options.segment = 500 * Self.ms
        let all = try packets(70)
        // Nothing is a key picture but the first.
        let packets = all.enumerated().map { index, packet in
            var packet = packet
            if index > 0 { packet.flags.remove(.key) }
            return packet
        }

        let begins = begins(try steps(packets, HLSSegmenter(options)))

        // Announced is one second, and 1.45 s are still one, rounded.
        #expect(begins.map(\.captured) == [0, 1440])
    }

    @Test func `after a gap nothing is sent before a key picture`() throws {
        let segmenter = HLSSegmenter()
        var all = try packets(60)
        all.remove(at: 30)

        let steps = try steps(all, segmenter)

        #expect(segmenter.lost == 19)
        #expect(try times(steps).count == 40)
    }

    @Test func `sound is in the parts, and is waited for two seconds at most`() throws {
        let sound = LiveSound(name: "test")
        for number in 0..<240 {
            try sound.add(
                AudioPacket(
                    samples: [Int16](repeating: 100, count: 960), sampleRate: 48_000, channels: 1,
                    first: number * 960),
                captured: Int64(number) * 20 * Self.ms)
        }
        var packets = try packets(110, hasSound: true)
        for index in packets.indices {
            packets[index].sounds = sound.take(until: packets[index].presentation, origin: 0)
        }
        let folder = TestFolder()

        let withSound = try steps(packets)
        let path = folder.write(film(withSound), "film.mp4")
        let reader = try VideoReader(path: path)
        var sounds = 0
        while let item = try reader.next() { if case .audio = item { sounds += 1 } }
        #expect(sounds > 190, "\(sounds)")

        // None comes: the stream begins without it.
        let silent = packets.map { packet in
            var packet = packet
            packet.sounds = []
            return packet
        }
        let segmenter = HLSSegmenter()
        let first = try steps(Array(silent[..<50]), segmenter)
        #expect(first.isEmpty)
        #expect(parts(try steps(Array(silent[50...]), segmenter)).count == 22)
    }
}
