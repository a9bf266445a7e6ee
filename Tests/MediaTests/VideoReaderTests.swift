import Foundation
import Media
import Tensors
import Testing

private let sharedFilm =
    (ProcessInfo.processInfo.environment["PERSONALIVE_SHARED"] ?? "../shared")
    + "/media/driving_video.mp4"

@Suite struct VideoReaderTests {
    private let folder = TestFolder()

    private func complaint(_ path: String) -> String {
        do {
            _ = try VideoReader(path: path)
            return "no error"
        } catch {
            return error.description
        }
    }

    /// Overwrites bytes behind the first occurrence of a box's name.
    private func patch(_ path: String, _ box: String, at offset: Int, _ bytes: [UInt8]) throws {
        var data = try Data(contentsOf: URL(fileURLWithPath: path))
        let place = try #require(data.range(of: Data(box.utf8))).upperBound + offset
        data.replaceSubrange(place..<place + bytes.count, with: bytes)
        try data.write(to: URL(fileURLWithPath: path))
    }

    private func big(_ values: [Int32]) -> [UInt8] {
        values.flatMap { value in withUnsafeBytes(of: value.bigEndian) { Array($0) } }
    }

    @Test(arguments: [
        (quarter: 90, matrix: [0, 1, -1, 0], corners: ["white", "red", "green", "blue"]),
        (180, [-1, 0, 0, -1], ["blue", "white", "red", "green"]),
        (270, [0, -1, 1, 0], ["green", "blue", "white", "red"]),
        (-1, [-1, 0, 0, 1], ["green", "red", "white", "blue"]),
    ])
    func `the display matrix turns frames upright`(
        quarter: Int, matrix: [Int32], corners: [String]
    ) throws {
        let path = folder.file("turned.mp4")
        let writer = try VideoWriter(path: path, options: Sample.fast)
        try writer.write(Sample.corners(), presentation: 0, duration: 40 * Sample.millisecond)
        try writer.finish()
        let one: Int32 = 1 << 16
        let (a, b, c, d) = (matrix[0] * one, matrix[1] * one, matrix[2] * one, matrix[3] * one)
        // Version and flags, times, track, layer and volume come before the matrix.
        try patch(path, "tkhd", at: 40, big([a, b, 0, c, d, 0, 0, 0, 1 << 30]))

        let contents = try Contents(of: path)

        let picture = try #require(contents.pictures.first)
        #expect(picture.shape == (quarter % 180 == 90 ? [1, 64, 48, 3] : [1, 48, 64, 3]))
        #expect(Sample.cornerNames(picture) == corners)
    }

    @Test func `pixels become square`() throws {
        let path = folder.file("wide.mp4")
        try Sample.film(path, count: 1)
        try patch(path, "pasp", at: 0, big([4, 3]))

        let reader = try VideoReader(path: path)

        #expect(reader.shape == [1, 48, 85, 3])
    }

    @Test func `an odd picture keeps its colours and its size`() throws {
        // A portable pixmap is a film of one frame.
        let pixels: [UInt8] = (0..<5 * 3).flatMap { [UInt8($0 * 10), 100, 200] as [UInt8] }
        let path = folder.write(Array("P6 5 3 255\n".utf8) + pixels, "a.ppm")

        let contents = try Contents(of: path)

        #expect(contents.pictures.first?.array == pixels)
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: sharedFilm)))
    func `the edit list shows 1531 of 1641 stored frames`() throws {
        let contents = try Contents(of: sharedFilm, keepsPictures: false)

        #expect(contents.frames.count == 1531)
        #expect(contents.frames.first?.presentation == 0)
        #expect(contents.frames.map(\.number) == Array(0..<1531))
        #expect(contents.times[1530] == 61_200)
        // The edit list ends 30 ms after the last frame's own 40 ms.
        #expect(contents.durations.last == 70)
        #expect(contents.warnings.isEmpty)
        #expect(
            try VideoReader(path: sharedFilm).estimatedFrames.map { abs($0 - 1531) < 20 } == true)
    }

    @Test func `a frame limit ends the sound with the pictures`() throws {
        let path = folder.file("a.mp4")
        try Sample.film(path, count: 20, sound: true)

        let contents = try Contents(of: path, frameLimit: 5)

        #expect(contents.frames.count == 5)
        let last = try #require(contents.sound.last)
        #expect((150...200).contains(last.presentationNanoseconds / Sample.millisecond))
    }

    @Test func `sound and frames come in the order of time`() throws {
        let path = folder.file("a.mp4")
        try Sample.film(path, count: 20, sound: true)
        let reader = try VideoReader(path: path)

        var times: [Int64] = []
        while let item = try reader.next() {
            switch item {
            case .frame(let frame): times.append(frame.presentation)
            case .audio(let packet): times.append(packet.presentationNanoseconds)
            }
        }

        #expect(times == times.sorted())
    }

    @Test func `the good part of a truncated film is read, with a warning`() throws {
        let path = folder.file("a.mp4")
        try Sample.film(path, count: 60)
        let bytes = try Array(Data(contentsOf: URL(fileURLWithPath: path)))
        let place = try #require(Data(bytes).range(of: Data("mdat".utf8))).upperBound
        let cut = folder.write(Array(bytes.prefix((place + bytes.count) / 2)), "cut.mp4")

        let contents = try Contents(of: cut)

        #expect((10..<60).contains(contents.frames.count))
        #expect(contents.warnings.contains { $0.contains("cut.mp4: the file is cut short") })
    }

    @Test func `a film without frames is an error`() throws {
        let path = folder.file("a.mp4")
        try Sample.film(path, count: 3)
        let bytes = try Array(Data(contentsOf: URL(fileURLWithPath: path)))
        let place = try #require(Data(bytes).range(of: Data("mdat".utf8))).upperBound
        let cut = folder.write(Array(bytes.prefix(place)), "none.mp4")

        #expect(complaint(cut).contains("none.mp4 has a video stream without any frame"))
    }

    @Test func `a film without its index is damaged`() throws {
        let path = folder.file("a.mp4")
        try Sample.film(path, count: 3)
        let bytes = try Array(Data(contentsOf: URL(fileURLWithPath: path)))
        let cut = folder.write(Array(bytes.prefix(200)), "head.mp4")

        #expect(complaint(cut).contains("head.mp4 is damaged"))
    }

    @Test func `sound alone is no video`() throws {
        var wave = Array("RIFF".utf8) + [36 + 200, 0, 0, 0] + Array("WAVEfmt ".utf8)
        wave += [16, 0, 0, 0, 1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0]
        wave += Array("data".utf8) + [200, 0, 0, 0] + [UInt8](repeating: 0, count: 200)
        let path = folder.write(wave, "a.wav")

        #expect(
            complaint(path)
                == "\(path) has no video stream (it has audio pcm_s16le), but moving pictures "
                + "are needed")
    }

    @Test(arguments: ["a.mp4", "a.txt"])
    func `a text file is no video`(name: String) {
        let path = folder.write("What a film this is!\n", name)

        #expect(
            complaint(path)
                == "\(path) is a text file (it begins \"What a film this is!\"), but a video is "
                + "needed")
    }

    @Test func `a missing film is named`() {
        #expect(complaint("/no/film.mp4") == "/no/film.mp4: no such file; a video is needed")
    }
}
