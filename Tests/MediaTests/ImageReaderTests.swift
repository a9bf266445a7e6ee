import Foundation
import Media
import Tensors
import Testing

@Suite struct ImageReaderTests {
    private let folder = TestFolder()

    /// Runs `body` and gives the error it throws, as people read it.
    private func complaint(_ path: String) -> String {
        do {
            _ = try ImageReader.read(path)
            return "no error"
        } catch {
            return error.description
        }
    }

    @Test func `a PNG comes back as it was written`() throws {
        let pixels = (0..<7 * 5 * 3).map { UInt8($0 * 2) }
        let picture = Tensor(pixels, shape: [1, 5, 7, 3])

        try ImageWriter.write(picture, to: folder.file("a.png"))
        let read = try ImageReader.read(folder.file("a.png"))

        #expect(read.shape == [1, 5, 7, 3])
        #expect(read.array == pixels)
    }

    @Test func `a picture of one pixel is read`() throws {
        try ImageWriter.write(Tensor([1, 2, 3], shape: [1, 1, 1, 3]), to: folder.file("a.png"))

        let read = try ImageReader.read(folder.file("a.png"))

        #expect(read.array == [1, 2, 3])
    }

    @Test func `grey becomes RGB without a change of level`() throws {
        let path = folder.write(Array("P5 256 1 255\n".utf8) + (0...255), "grey.pgm")

        let read = try ImageReader.read(path)

        #expect(read.array == (0...255).flatMap { [UInt8](repeating: $0, count: 3) })
    }

    @Test func `sixteen bits become eight`() throws {
        let samples: [UInt8] = [0, 0, 128, 128, 255, 255]  // 0, 0x8080, 0xffff
        let path = folder.write(Array("P6 1 1 65535\n".utf8) + samples, "deep.ppm")

        let read = try ImageReader.read(path)

        #expect(read.array == [0, 128, 255])
    }

    /// Four channels in rows, as a portable arbitrary map.
    private func rgba(_ name: String, width: Int, height: Int, _ pixel: (Int, Int) -> [UInt8]) -> String {
        let header =
            "P7\nWIDTH \(width)\nHEIGHT \(height)\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n"
        let pixels = (0..<height).flatMap { y in (0..<width).flatMap { x in pixel(x, y) } }
        return folder.write(Array(header.utf8) + pixels, name)
    }

    @Test func `a cut-out is laid over grey, and hidden colours stay hidden`() throws {
        let path = rgba("cut.pam", width: 8, height: 8) { x, y in
            (2..<6).contains(x) && (2..<6).contains(y) ? [10, 20, 30, 255] : [255, 0, 255, 0]
        }
        var warnings: [String] = []

        let read = try ImageReader.read(path) { warnings.append($0) }

        #expect(Array(read.array[0..<3]) == [128, 128, 128])
        #expect(Array(read.array[(3 * 8 + 3) * 3..<(3 * 8 + 4) * 3]) == [10, 20, 30])
        #expect(
            warnings == [
                "\(path): 75 % of it is transparent, at least in part: laid over grey (#808080)"
            ])
    }

    @Test func `a hole is laid over the picture's own surroundings`() throws {
        let path = rgba("hole.pam", width: 8, height: 8) { x, y in
            (3..<5).contains(x) && (3..<5).contains(y) ? [0, 255, 0, 0] : [40, 80, 120, 255]
        }

        let read = try ImageReader.read(path)

        #expect(Array(read.array[(3 * 8 + 3) * 3..<(3 * 8 + 4) * 3]) == [40, 80, 120])
    }

    @Test func `half of a colour is mixed half and half`() throws {
        let path = rgba("half.pam", width: 9, height: 9) { x, y in
            x == 4 && y == 4 ? [255, 255, 255, 128] : [0, 0, 0, 255]
        }

        let read = try ImageReader.read(path)

        #expect(read.array[(4 * 9 + 4) * 3] == 128)
    }

    @Test func `an opaque picture with an alpha channel keeps its colours, unsaid`() throws {
        let path = rgba("full.pam", width: 2, height: 1) { x, _ in [UInt8(10 + x), 20, 30, 255] }
        var warnings: [String] = []

        let read = try ImageReader.read(path) { warnings.append($0) }

        #expect(read.array == [10, 20, 30, 11, 20, 30])
        #expect(warnings == [])
    }

    /// A TIFF structure whose first directory holds these short numbers, little-endian.
    private func directory(_ tags: [(tag: Int, type: Int, count: Int, value: Int)]) -> [UInt8] {
        func small(_ value: Int) -> [UInt8] { [UInt8(value & 255), UInt8(value >> 8 & 255)] }
        func long(_ value: Int) -> [UInt8] { small(value) + small(value >> 16) }
        let entries = tags.flatMap { small($0.tag) + small($0.type) + long($0.count) + long($0.value) }
        return Array("II".utf8) + small(42) + long(8) + small(tags.count) + entries + long(0)
    }

    /// Red, green over blue, white: two rows of two pixels, uncompressed.
    private func tiff(_ name: String, more: [(tag: Int, type: Int, count: Int, value: Int)]) -> String {
        let size = 8 + 2 + 12 * (9 + more.count) + 4
        let tags =
            [
                (256, 3, 1, 2), (257, 3, 1, 2), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 2),
                (273, 4, 1, size), (277, 3, 1, 3), (278, 3, 1, 2), (279, 4, 1, 12),
            ] + more
        let pixels: [UInt8] = [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255]
        return folder.write(directory(tags.sorted { $0.0 < $1.0 }) + pixels, name)
    }

    private static let red: [UInt8] = [255, 0, 0], green: [UInt8] = [0, 255, 0]
    private static let blue: [UInt8] = [0, 0, 255], white: [UInt8] = [255, 255, 255]

    @Test func `a TIFF with tags that nobody knows is read`() throws {
        let path = tiff("tagged.tif", more: [(0x9999, 3, 1, 7), (0xC4A5, 4, 1, 1)])

        let read = try ImageReader.read(path)

        #expect(read.array == Self.red + Self.green + Self.blue + Self.white)
    }

    @Test func `a TIFF that is cut short is damaged`() throws {
        let path = tiff("a.tif", more: [])
        let bytes = try Array(Data(contentsOf: URL(fileURLWithPath: path)))
        let cut = folder.write(Array(bytes.dropLast(8)), "cut.tif")

        #expect(complaint(cut).contains("cut.tif is damaged"))
    }

    @Test(arguments: [
        (1, [red, green, blue, white]), (2, [green, red, white, blue]),
        (3, [white, blue, green, red]), (4, [blue, white, red, green]),
        (5, [red, blue, green, white]), (6, [blue, red, white, green]),
        (7, [white, green, blue, red]), (8, [green, white, red, blue]),
    ])
    func `a TIFF and a PNG are turned as their tag says`(orientation: Int, expected: [[UInt8]]) throws {
        let path = tiff("turned.tif", more: [(0x112, 3, 1, orientation)])
        #expect(try ImageReader.read(path).array == expected.flatMap { $0 })

        let plain = folder.file("a.png")
        try ImageWriter.write(
            Tensor(Self.red + Self.green + Self.blue + Self.white, shape: [1, 2, 2, 3]), to: plain)
        var bytes = try Array(Data(contentsOf: URL(fileURLWithPath: plain)))
        bytes.insert(contentsOf: chunk("eXIf", directory([(0x112, 3, 1, orientation)])), at: 33)
        let turned = folder.write(bytes, "turned.png")
        #expect(try ImageReader.read(turned).array == expected.flatMap { $0 })
    }

    @Test func `print resolution stretches nothing`() throws {
        let plain = folder.file("a.png")
        try ImageWriter.write(Sample.frame(), to: plain)
        var bytes = try Array(Data(contentsOf: URL(fileURLWithPath: plain)))
        // 72 x 300 dots an inch, in dots a metre.
        bytes.insert(contentsOf: chunk("pHYs", [0, 0, 11, 19, 0, 0, 46, 35, 1]), at: 33)
        let path = folder.write(bytes, "dpi.png")
        let tagged = tiff("dpi.tif", more: [(282, 5, 1, 8), (283, 5, 1, 0)])

        #expect(try ImageReader.read(path).shape == [1, 48, 64, 3])
        #expect(try VideoReader(path: path).shape == [1, 48, 64, 3])
        #expect(try ImageReader.read(tagged).shape == [1, 2, 2, 3])
    }

    /// A chunk of PNG with its sum (PNG, third edition, annex D).
    private func chunk(_ name: String, _ data: [UInt8]) -> [UInt8] {
        let body = Array(name.utf8) + data
        var sum: UInt32 = .max
        for byte in body {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? 0xEDB8_8320 ^ (sum >> 1) : sum >> 1 }
        }
        func big(_ value: UInt32) -> [UInt8] {
            withUnsafeBytes(of: value.bigEndian) { Array($0) }
        }
        return big(UInt32(data.count)) + body + big(~sum)
    }

    @Test func `a picture larger than any network needs is scaled down, and said so`() throws {
        let path = folder.write(Array("P5 8192 16 255\n".utf8) + [UInt8](repeating: 90, count: 8192 * 16), "wide.pgm")
        var warnings: [String] = []

        let read = try ImageReader.read(path) { warnings.append($0) }

        #expect(read.shape == [1, 8, 4096, 3])
        #expect(read.array.allSatisfy { $0 == 90 })
        #expect(warnings == ["\(path): 8192x16 is scaled down to 4096x8"])
        #expect(ImageReader.bytes(of: path) == 4096 * 8 * 3)
        #expect(ImageReader.memory(toRead: path) == 8192 * 16 + 2 * 4096 * 8 * 3)
    }

    @Test func `a picture that no memory holds is refused with a way out`() throws {
        for (size, bytes) in [
            ("16000x13000", [62, 128, 50, 200] as [UInt8]), ("more pixels than", [234, 96, 234, 96]),
        ] {
            let header: [UInt8] = [0, 0, bytes[0], bytes[1], 0, 0, bytes[2], bytes[3], 8, 2, 0, 0, 0]
            let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 13, 10, 26, 10]
            let path = folder.write(
                signature + chunk("IHDR", header) + chunk("IDAT", [1, 2, 3]) + chunk("IEND", []),
                "huge.png")

            #expect(complaint(path).contains("huge.png is a picture of \(size)"))
            #expect(complaint(path).contains("scale it down first"))
        }
    }

    @Test(arguments: [
        ("x.cr2", Array("II*\0\u{10}\0\0\0CR\u{2}\0".utf8), "a camera's raw file (Canon CR2)"),
        ("x.raf", Array("FUJIFILMCCD-RAW 0201".utf8), "a camera's raw file (Fujifilm RAF)"),
        ("x.xcf", Array("gimp xcf v011".utf8), "a GIMP document (XCF)"),
        ("x.cr3", [0, 0, 0, 24] + Array("ftypcrx \0\0\0\u{1}crx isom".utf8), "a camera's raw file (Canon CR3)"),
        ("x.pdf", Array("%PDF-1.7".utf8), "a PDF document"),
    ] as [(String, [UInt8], String)])
    func `what cannot be read is named, with a way out`(name: String, bytes: [UInt8], found: String) {
        let path = folder.write(bytes, name)

        #expect(complaint(path).hasPrefix("\(path) is \(found); "))
    }

    @Test func `a DNG is not taken for its preview`() throws {
        let path = tiff("x.dng", more: [(0xC612, 1, 4, 0x0401)])

        #expect(complaint(path).contains("a camera's raw file (DNG); develop it into a picture first"))
    }

    /// Pictures whose formats our own code cannot write; `Samples/make` made them.
    private static let samples = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Samples").path

    private func isRed(_ picture: Tensor<UInt8>, _ x: Int, _ y: Int) -> Bool {
        let pixel = picture.pointer + (y * picture.shape[2] + x) * 3
        return pixel[0] > 200 && pixel[1] < 60 && pixel[2] < 60
    }

    @Test(arguments: ["plain.heic", "plain.avif", "animated.webp"])
    func `a phone's picture and an animation's first are read`(name: String) throws {
        let picture = try ImageReader.read("\(Self.samples)/\(name)")

        #expect(picture.shape == [1, 48, 64, 3])
        #expect(isRed(picture, 5, 5) && !isRed(picture, 55, 40) && !isRed(picture, 55, 5))
    }

    @Test func `a WebP that was held sideways is upright`() throws {
        let picture = try ImageReader.read("\(Self.samples)/sideways.webp")

        #expect(picture.shape == [1, 64, 48, 3])
        #expect(isRed(picture, 42, 5) && !isRed(picture, 5, 5))
    }

    @Test func `an animated WebP is a film with its times`() throws {
        let reader = try VideoReader(path: "\(Self.samples)/animated.webp")
        let frame = Tensor<UInt8>(uninitialized: reader.shape)
        var times: [Int64] = [], colours: [[UInt8]] = []
        while let item = try reader.next() {
            guard case .frame(let time) = item else { continue }
            times.append(time.presentation)
            try reader.copyFrame(into: frame)
            colours.append(Array(frame.array.suffix(3)))
        }

        #expect(times == [0, 100_000_000, 200_000_000])
        #expect(colours[1][1] > 100 && colours[1][2] < 30 && colours[2][2] > 200)
    }

    @Test func `a broken HEIC and a broken animation are damaged`() {
        let heic = folder.write([0, 0, 0, 16] + Array("ftypheic\0\0\0\0".utf8), "x.heic")
        let webp = folder.write(
            Array("RIFF".utf8) + [200, 0, 0, 0] + Array("WEBPVP8X".utf8) + [10, 0, 0, 0, 2, 0, 0, 0],
            "x.webp")

        #expect(complaint(heic).contains("x.heic is damaged: libheif says"))
        #expect(complaint(webp).contains("x.webp is damaged: its animation is incomplete"))
    }

    @Test func `a text file as portrait is called a text file`() {
        let path = folder.write("hello there\nnot a picture", "portrait.png")

        #expect(
            complaint(path)
                == "\(path) is a text file (it begins \"hello there\"), but a picture "
                + "(PNG, JPEG, WebP, …) is needed")
    }

    @Test func `missing and empty files and folders are named as such`() {
        let empty = folder.write([], "empty.png")

        #expect(
            complaint(folder.file("no.png")).hasSuffix(
                "no.png: no such file; a picture (PNG, JPEG, WebP, …) is needed"))
        #expect(complaint(empty).contains("empty.png is empty, but a picture"))
        #expect(complaint(folder.path).contains("is a folder, but a picture"))
    }

    @Test func `a truncated PNG is damaged, not half a portrait`() throws {
        let pixels = (0..<64 * 64 * 3).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
        try ImageWriter.write(Tensor(pixels, shape: [1, 64, 64, 3]), to: folder.file("a.png"))
        let bytes = try Array(Data(contentsOf: URL(fileURLWithPath: folder.file("a.png"))))
        let path = folder.write(Array(bytes.prefix(bytes.count / 2)), "cut.png")

        #expect(complaint(path).contains("cut.png is damaged: "))
        #expect(complaint(path).contains("a complete picture is needed"))
    }

    @Test func `a name that looks like a pattern or an address is a file name`() throws {
        let picture = Tensor<UInt8>([9, 8, 7], shape: [1, 1, 1, 3])
        for name in ["a%03d.png", "http:x.png", "concat:a|b.png"] {
            try ImageWriter.write(picture, to: folder.file(name))

            #expect(try ImageReader.read(folder.file(name)).array == [9, 8, 7])
        }
    }

    @Test func `a picture cannot be written into a missing folder`() {
        #expect(
            throws: MediaError.cannotWrite(
                path: folder.file("no/a.png"), reason: "there is no folder \(folder.file("no"))", kept: nil)
        ) {
            try ImageWriter.write(Sample.frame(), to: folder.file("no/a.png"))
        }
    }
}
