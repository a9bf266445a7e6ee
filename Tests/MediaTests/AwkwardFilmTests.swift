import CFFmpeg
import Foundation
import Media
import Tensors
import Testing

/// Films as recorders, phones, camcorders and broken downloads leave them.
@Suite struct AwkwardFilmTests {
    private let folder = TestFolder()

    private func bytes(_ path: String) throws -> [UInt8] {
        try Array(Data(contentsOf: URL(fileURLWithPath: path)))
    }

    @Test(arguments: [false, true])
    func `a recorder's pieces behind each other are one film`(sound: Bool) throws {
        try Sample.film(folder.file("a.mp4"), count: 25, sound: sound)
        try Remux.copy(folder.file("a.mp4"), to: folder.file("a.ts"))
        let piece = try bytes(folder.file("a.ts"))
        let path = folder.write(piece + piece + piece, "three.ts")

        let contents = try Contents(of: path, keepsPictures: false)

        #expect(contents.frames.count == 75)
        let steps = zip(contents.times.dropFirst(), contents.times).map { $0 - $1 }
        #expect(steps.allSatisfy { abs($0 - 40) < 0.1 })
        #expect(
            contents.warnings.filter { $0.contains("three.ts: its clock jumps back by") }.count == 1
        )
        #expect(contents.warnings.count == 1)
        if sound {
            let heard = contents.sound.map { Double($0.presentationNanoseconds) / 1e6 }
            #expect(heard == heard.sorted())
            #expect((2_900...3_100).contains(try #require(heard.last) - contents.times[0]))
        }
    }

    @Test(arguments: ["ts", "flv", "mkv"])
    func `a clock that jumps by two hours goes on`(container: String) throws {
        try Sample.film(folder.file("a.mp4"), count: 20)
        let path = folder.file("a." + container)
        try Remux.copy(folder.file("a.mp4"), to: path) { _ in
        } shift: {
            $0 < 400 ? 0 : 7_200_000
        }

        let contents = try Contents(of: path, keepsPictures: false)

        #expect(contents.frames.count == 20)
        #expect(abs(contents.times[19] - contents.times[0] - 760) < 2)
        #expect(contents.warnings.map { $0.contains("its clock jumps on by 7200") } == [true])
    }

    @Test func `an even film is not warned of, in any container`() throws {
        try Sample.film(folder.file("a.mp4"), count: 20, sound: true)
        for container in ["ts", "mkv", "flv", "mov"] {
            let path = folder.file("b." + container)
            try Remux.copy(folder.file("a.mp4"), to: path)

            let contents = try Contents(of: path, keepsPictures: false)

            #expect(contents.frames.count == 20, "\(container)")
            #expect(contents.warnings == [], "\(container)")
        }
    }

    @Test(arguments: ["mkv", "flv", "mp4"])
    func `a download that broke off is said to be cut short`(container: String) throws {
        try Sample.film(folder.file("a.mp4"), count: 75)
        let whole = folder.file("whole." + container)
        if container == "mp4" {
            // With its index in front, as films for the Web have it.
            try FileManager.default.copyItem(atPath: folder.file("a.mp4"), toPath: whole)
        } else {
            try Remux.copy(folder.file("a.mp4"), to: whole)
        }
        let all = try bytes(whole)
        let cut = folder.write(Array(all.prefix(all.count * 6 / 10)), "cut." + container)

        let contents = try Contents(of: cut, keepsPictures: false)

        #expect((10..<75).contains(contents.frames.count))
        let said = contents.warnings.filter {
            $0.contains("cut.\(container): the file is cut short")
        }
        #expect(said.count == 1, "\(contents.warnings)")
        #expect(said.first?.contains("good frames end at") == true)
    }

    @Test func `a broadcast that ends within a packet is said to be cut short`() throws {
        try Sample.film(folder.file("a.mp4"), count: 25)
        try Remux.copy(folder.file("a.mp4"), to: folder.file("a.ts"))
        let all = try bytes(folder.file("a.ts"))
        let cut = folder.write(Array(all.prefix(all.count / 2 / 188 * 188 + 100)), "cut.ts")

        let contents = try Contents(of: cut, keepsPictures: false)

        #expect(contents.warnings.contains { $0.contains("cut.ts: the file is cut short") })
    }

    // MARK: Fields

    /// A film in yuv4mpeg of a vertical edge that moves by 8 pixels a field, or a frame.
    private func edge(_ name: String, header: String, isInterlaced: Bool, topFirst: Bool) -> String
    {
        var film = Array("YUV4MPEG2 W64 H48 F25:1 \(header) A1:1 C420jpeg\n".utf8)
        for frame in 0..<8 {
            film += Array("FRAME\n".utf8)
            for y in 0..<48 {
                let isSecond = isInterlaced && (y % 2 == 0) != topFirst
                let place = 8 + frame * 6 + (isSecond ? 3 : 0)
                film += (0..<64).map { $0 < place ? 200 : 40 }
            }
            film += [UInt8](repeating: 128, count: 2 * 32 * 24)
        }
        return folder.write(film, name)
    }

    /// How much neighbouring rows differ in the middle of a picture: combs, for a vertical edge.
    private func combs(_ picture: Tensor<UInt8>) -> Int {
        (8..<40).map { y in
            (0..<64).map { x in
                let at = (y * 64 + x) * 3
                return abs(Int(picture.pointer[at]) - Int(picture.pointer[at + 64 * 3]))
            }.reduce(0, +)
        }.reduce(0, +)
    }

    @Test(arguments: [("It", true), ("Ib", false)])
    func `fields become frames`(header: String, topFirst: Bool) throws {
        let path = edge("fields.y4m", header: header, isInterlaced: true, topFirst: topFirst)
        let mixed = edge("mixed.y4m", header: "Ip", isInterlaced: true, topFirst: topFirst)

        let contents = try Contents(of: path)

        #expect(contents.frames.count == 8)
        #expect(contents.times == (0..<8).map { Double($0) * 40 })
        #expect(contents.warnings.map { $0.hasSuffix("they are deinterlaced (bwdif)") } == [true])
        let untreated = try Contents(of: mixed)
        for (picture, combed) in zip(contents.pictures, untreated.pictures).dropFirst().dropLast() {
            #expect(combs(picture) * 4 < combs(combed))
        }
    }

    @Test func `a progressive film keeps all of its bits`() throws {
        let path = edge("whole.y4m", header: "Ip", isInterlaced: false, topFirst: true)

        let contents = try Contents(of: path)

        #expect(contents.warnings == [])
        #expect(contents.pictures.allSatisfy { combs($0) == 0 })
    }

    // MARK: High dynamic range

    /// A grey film whose container says how its light is coded.
    private func grey(_ level: UInt8, _ transfer: AVColorTransferCharacteristic) throws -> Contents
    {
        let frame =
            [UInt8](repeating: level, count: 64 * 48) + [UInt8](repeating: 128, count: 64 * 24)
        let film = (0..<3).flatMap { _ in Array("FRAME\n".utf8) + frame }
        let plain = folder.write(
            Array("YUV4MPEG2 W64 H48 F25:1 Ip A1:1 C420jpeg\n".utf8) + film, "grey.y4m")
        let path = folder.file("hdr-\(transfer.rawValue).mkv")
        try Remux.copy(plain, to: path) {
            $0.pointee.color_trc = transfer
            $0.pointee.codec_tag = 0x3032_3449  // I420
        }
        return try Contents(of: path)
    }

    /// BT.2408, table 1: diffuse white is 75 % of HLG's signal and 58 % of PQ's.
    @Test(arguments: [
        (AVCOL_TRC_ARIB_STD_B67, UInt8(180), "HLG"), (AVCOL_TRC_SMPTE2084, 143, "PQ"),
    ])
    func `diffuse white of HDR becomes white`(
        transfer: AVColorTransferCharacteristic, level: UInt8, name: String
    ) throws {
        let contents = try grey(level, transfer)

        #expect(contents.frames.count == 3)
        #expect(contents.warnings.map { $0.contains("its light is HDR (\(name))") } == [true])
        let pixel = try #require(contents.pictures.first).array[0..<3]
        #expect(pixel.allSatisfy { $0 > 225 }, "\(pixel)")
        #expect(Int(pixel.max()!) - Int(pixel.min()!) <= 3)
    }

    @Test(arguments: [
        AVCOL_TRC_UNSPECIFIED, AVCOL_TRC_BT709, AVCOL_TRC_BT2020_10, AVCOL_TRC_IEC61966_2_1,
    ])
    func `other films keep their light`(transfer: AVColorTransferCharacteristic) throws {
        let contents = try grey(180, transfer)

        #expect(contents.warnings == [])
        #expect(contents.pictures[0].array[0..<3].allSatisfy { (188...194).contains($0) })
    }

    // MARK: Pictures as a film

    @Test func `a folder of pictures is a film in natural order`() throws {
        for number in [1, 2, 10, 9] {
            let level = UInt8(10 * number)
            try ImageWriter.write(
                Sample.frame(red: level, green: level, blue: level),
                to: folder.file("f\(number).png"))
        }
        _ = folder.write("notes", "notes.txt")

        for path in [
            folder.path, folder.file("f%d.png"), folder.file("f*.png"), "file://" + folder.path,
        ] {
            let reader = try VideoReader(path: path, rate: 50)
            var levels: [UInt8] = []
            var times: [Int64] = []
            while case .frame(let frame)? = try reader.next() {
                let picture = Tensor<UInt8>(uninitialized: reader.shape)
                try reader.copyFrame(into: picture)
                levels.append(picture.array[0])
                times.append(frame.presentation / Sample.millisecond)
            }

            #expect(levels == [10, 20, 90, 100])
            #expect(times == [0, 20, 40, 60])
            #expect(
                reader.takeWarnings().map {
                    $0.hasSuffix(
                        "6 numbers are missing, the first of them 3: what comes behind moves up")
                } == [true])
        }
    }

    @Test func `a number of four digits is no number of one`() throws {
        try ImageWriter.write(Sample.frame(), to: folder.file("f1.png"))
        try ImageWriter.write(Sample.frame(), to: folder.file("f1_mask.png"))

        #expect(try Contents(of: folder.file("f%d.png")).frames.count == 1)
        #expect(throws: MediaError.self) { try VideoReader(path: folder.file("f%04d.png")) }
        #expect(throws: MediaError.self) { try VideoReader(path: folder.file("g*.png")) }
    }

    @Test func `a broken picture in the middle is left out, with a warning`() throws {
        for number in 1...3 {
            try ImageWriter.write(Sample.frame(), to: folder.file("f\(number).png"))
        }
        _ = folder.write([1, 2, 3], "f2.png")

        let contents = try Contents(of: folder.path)

        #expect(contents.frames.count == 2)
        #expect(contents.warnings.count == 1)
        #expect(contents.warnings[0].contains("1 picture was left out: \(folder.file("f2.png"))"))
    }

    // MARK: Addresses

    @Test func `a file's address has its spaces escaped`() throws {
        try Sample.film(folder.file("a film.mp4"), count: 3)

        #expect(try Contents(of: "file://\(folder.path)/a%20film.mp4").frames.count == 3)
        #expect(try Contents(of: "file://localhost\(folder.path)/a%20film.mp4").frames.count == 3)
        let error = #expect(throws: MediaError.self) { try VideoReader(path: "file://other/a.mp4") }
        #expect(error?.description.contains("a file of another machine, 'other'") == true)
    }
}
