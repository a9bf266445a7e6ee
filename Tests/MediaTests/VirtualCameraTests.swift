import Foundation
import Glibc
import Media
import Testing

/// A virtual camera into a pipe; the device itself needs a machine with v4l2loopback.
@Suite(.serialized) struct VirtualCameraTests {
    private let folder = TestFolder()

    private func camera(_ path: String, width: Int? = nil) -> VirtualCamera {
        var options = VirtualCamera.Options(device: path)
        (options.width, options.height) = (width, width)
        return VirtualCamera(options)
    }

    private func wait(until isSo: () -> Bool) -> Bool {
        for _ in 0..<1000 {
            if isSo() { return true }
            usleep(10_000)
        }
        return false
    }

    @Test func `pictures in bursts leave at 25 a second, each as I420`() throws {
        let path = folder.file("pipe")
        #expect(mkfifo(path, 0o600) == 0)
        let reader = open(path, O_RDONLY | O_NONBLOCK)
        defer { close(reader) }
        let camera = camera(path)
        let frame = Sample.frame(width: 64, height: 48, red: 255, green: 255, blue: 255)
        var (bytes, first): ([UInt8], Int64) = ([], 0)
        let size = 64 * 48 * 3 / 2
        let start = MonotonicClock.now
        var number = 0

        // For six seconds four frames come at a time.
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while MonotonicClock.now < start + 6_000_000_000 {
            while MonotonicClock.now > start + Int64(number / 4 + 1) * 160_000_000 {
                camera.show(frame, presentation: Int64(number) * 40_000_000)
                number += 1
            }
            let count = read(reader, &buffer, buffer.count)
            if count > 0 {
                bytes += buffer[..<count]
                if first == 0 { first = MonotonicClock.now }
            } else {
                usleep(1000)
            }
        }
        let counts = camera.counts
        let seconds = Double(MonotonicClock.now - first) / 1e9
        camera.finish()

        #expect(abs(Double(bytes.count / size) / seconds - 25) < 0.5)
        #expect(counts.fresh + counts.repeated >= bytes.count / size)
        #expect(counts.fresh > 125, "\(counts)")
        // White of limited range, without colour.
        #expect(bytes.prefix(64 * 48).allSatisfy { $0 == 235 })
        #expect(bytes[(64 * 48)..<size].allSatisfy { $0 == 128 })
        #expect(camera.state == "ended")
    }

    @Test func `what is not there is a sentence, and is taken up when it comes`() throws {
        let path = folder.file("pipe")
        let camera = camera(path, width: 32)
        defer { camera.finish() }
        camera.show(Sample.frame(), presentation: 0)

        #expect(wait { camera.state.contains("No such file") })
        #expect(camera.state.contains("modprobe v4l2loopback"), "\(camera.state)")
        #expect(camera.takeWarnings().count == 1)
        #expect(mkfifo(path, 0o600) == 0)
        #expect(wait { camera.state.contains("nobody reads it") }, "\(camera.state)")
        let reader = open(path, O_RDONLY | O_NONBLOCK)
        #expect(wait { camera.state.contains("showing 32 × 32 pixels, i420") }, "\(camera.state)")
        close(reader)
        // The process goes on without the reader.
        #expect(wait { camera.state.contains("nobody reads it") }, "\(camera.state)")
    }

    @Test func `a device that is no camera is refused in words`() throws {
        let terminal = TestTerminal()
        let camera = camera(terminal.path)
        defer { camera.finish() }
        camera.show(Sample.frame(), presentation: 0)

        #expect(wait { camera.state.contains("it takes no pictures") }, "\(camera.state)")
    }

    @Test func `a file is refused, and stays as it is`() {
        let path = folder.write([1, 2, 3], "film.mp4")
        let camera = camera(path)
        defer { camera.finish() }
        camera.show(Sample.frame(), presentation: 0)

        #expect(wait { camera.state.contains("it takes no pictures") }, "\(camera.state)")
        #expect(FileManager.default.contents(atPath: path) == Data([1, 2, 3]))
    }
}
