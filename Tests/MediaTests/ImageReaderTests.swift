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

    @Test func `transparency is dropped and colours stay`() throws {
        let header = "P7\nWIDTH 2\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n"
        let path = folder.write(
            Array(header.utf8) + [10, 20, 30, 0, 40, 50, 60, 255], "alpha.pam")

        let read = try ImageReader.read(path)

        #expect(read.array == [10, 20, 30, 40, 50, 60])
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
