import CFFmpeg
import Foundation
import Media
import Tensors
import Testing

/// Films and cameras at addresses on the network.
@Suite struct AddressTests {
    private let folder = TestFolder()
    private let second: Int64 = 1_000_000_000

    private func film(_ name: String, count: Int = 20) throws -> [UInt8] {
        try Sample.film(folder.file("a.mp4"), count: count)
        if name != "a.mp4" { try Remux.copy(folder.file("a.mp4"), to: folder.file(name)) }
        return try Array(Data(contentsOf: URL(fileURLWithPath: folder.file(name))))
    }

    @Test(arguments: ["a.mp4", "a.mkv", "a.ts"])
    func `a film at an address is read as a file is`(name: String) throws {
        let server = try TestServer(film(name), .whole)

        let contents = try Contents(of: server.address)

        #expect(contents.frames.count == 20)
        #expect(contents.warnings == [])
    }

    @Test func `a picture at an address is read`() throws {
        try ImageWriter.write(Sample.frame(), to: folder.file("a.png"))
        let bytes = try Array(Data(contentsOf: URL(fileURLWithPath: folder.file("a.png"))))
        let server = TestServer(bytes, .whole)

        #expect(try ImageReader.read(server.address).shape == [1, 48, 64, 3])
    }

    @Test func `a server that says nothing is named after the time limit`() throws {
        let server = TestServer([], .silent(after: -1))

        let error = #expect(throws: MediaError.self) {
            try VideoReader(path: server.address, timeout: second / 2)
        }

        #expect(
            error?.description
                == "\(server.address) cannot be read: nothing came for 0.5 s; is the address right, "
                + "and does its server run?")
    }

    @Test func `a server that falls silent within a film is named`() throws {
        let bytes = try film("a.ts", count: 500)
        let server = TestServer(bytes, .silent(after: bytes.count * 9 / 10))
        let reader = try VideoReader(path: server.address, timeout: second / 2)

        let error = #expect(throws: MediaError.self) {
            while try reader.next() != nil {}
        }

        #expect(error?.description.contains("nothing came for 0.5 s") == true)
    }

    @Test func `passwords are not printed`() {
        let error = #expect(throws: MediaError.self) {
            try VideoReader(path: "http://me:secret@127.0.0.1:1/a.mp4?token=hidden")
        }

        #expect(
            error?.description.hasPrefix(
                "http://me:…@127.0.0.1:1/a.mp4?token=… cannot be read: Connection refused") == true)
    }

    @Test func `an address that nobody knows how to read is named`() {
        let error = #expect(throws: MediaError.self) { try VideoReader(path: "htp://a/b.mp4") }

        #expect(
            error?.description.contains("htp://a/b.mp4 cannot be read: Protocol not found") == true)
    }

    @Test func `a camera at an address is connected to again, and its times go on`() throws {
        let server = try TestServer(film("a.ts", count: 50), .live)
        let camera = try Camera(device: server.address)

        var frames: [Camera.Frame] = []
        var warnings: [String] = []
        while frames.count < 130 {
            if case .shot(let shot) = try camera.next() { frames += shot.stale + [shot.frame] }
            warnings += camera.takeWarnings()
        }

        #expect(frames.map(\.number) == Array(0..<frames.count))
        let times = frames.map(\.presentation)
        #expect(zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
        #expect(
            warnings.contains(
                "camera \(server.address): the stream ended; the connection is made again"))
        #expect(
            warnings.contains {
                $0.hasPrefix("camera \(server.address): the connection is back after")
            })
    }

    @Test func `a camera that does not come back is an error`() throws {
        var server: TestServer? = try TestServer(film("a.ts", count: 50), .live)
        let address = server!.address
        let camera = try Camera(
            device: address, patience: Camera.Patience(timeout: second, reconnection: 0))
        server = nil

        let error = #expect(throws: MediaError.self) {
            while try camera.next() != .ended {}
        }

        #expect(
            error?.description.hasPrefix("camera \(address): the stream ended, and it could not be")
                == true)
    }

    @Test func `a film as a camera comes at its own pace and ends`() throws {
        try Sample.film(folder.file("a.mp4"), count: 5)
        let camera = try Camera(device: "file://" + folder.file("a.mp4"))

        let began = MonotonicClock.now
        var count = 0
        while case .shot(let shot) = try camera.next() { count += 1 + shot.stale.count }

        #expect(count == 5)
        #expect(MonotonicClock.now - began >= 160 * Sample.millisecond)
    }

    @Test func `a mirrored camera exchanges left and right`() throws {
        let writer = try VideoWriter(path: folder.file("a.mp4"), options: Sample.fast)
        try writer.write(Sample.corners(), presentation: 0, duration: 40 * Sample.millisecond)
        try writer.finish()

        for (isMirrored, corners) in [
            (false, ["red", "green", "blue", "white"]), (true, ["green", "red", "white", "blue"]),
        ] {
            for device in ["file://" + folder.file("a.mp4"), "lavfi:movie=" + folder.file("a.mp4")]
            {
                let camera = try Camera(device: device, isMirrored: isMirrored)
                _ = try camera.next()
                let picture = Tensor<UInt8>(uninitialized: camera.shape)
                try camera.copyFrame(into: picture)

                #expect(Sample.cornerNames(picture) == corners)
            }
        }
    }
}
