import Foundation
import Glibc
import Media
import Testing

/// What becomes of packets when the other end takes too few of them.
@Suite struct StreamWriterTests {
    /// Connections to it are taken, and nothing of what comes over them.
    private final class Listener {
        let descriptor: Int32
        let port: UInt16

        init() {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var place = sockaddr_in()
            place.sin_family = sa_family_t(AF_INET)
            place.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var bytes: Int32 = 4096
            setsockopt(
                descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            withUnsafeMutablePointer(to: &place) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    precondition(bind(descriptor, $0, size) == 0 && listen(descriptor, 4) == 0)
                    getsockname(descriptor, $0, &size)
                }
            }
            port = UInt16(bigEndian: place.sin_port)
            self.descriptor = descriptor
        }

        deinit { close(descriptor) }
    }

    /// Packets that no compression is needed for: 5 KB each, 40 ms, a key packet each second.
    private func packet(_ number: Int) -> FilmPacket {
        FilmPacket(
            flags: number % 25 == 0 ? .key : [], stream: 0, sequence: UInt64(number),
            presentation: Int64(number) * 40_000_000, duration: 40_000_000, width: 64, height: 64,
            codec: "h264", header: [0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x0a, 0, 0, 0, 1, 0x68, 0xce],
            picture: [0, 0, 0, 1, number % 25 == 0 ? 0x65 : 0x41]
                + [UInt8](repeating: 0x55, count: 5_000), sounds: [])
    }

    /// Until the buffers of both ends are full, and a call waits.
    private func waitUntilFull(_ writer: StreamWriter) {
        let deadline = MonotonicClock.now + 20_000_000_000
        var last = -1
        while writer.current.sent != last || last < 1, MonotonicClock.now < deadline {
            last = writer.current.sent
            usleep(200_000)
        }
        #expect(writer.current.sent > 0, "\(writer.state)")
    }

    @Test func `every frame was sent or dropped when the end cuts a call short`() throws {
        let listener = Listener()
        let writer = StreamWriter(try StreamAddress("tcp://127.0.0.1:\(listener.port)"))

        for number in 0..<100 {
            writer.send(packet(number), frame: UInt64(number), captured: MonotonicClock.now)
        }
        waitUntilFull(writer)
        writer.finish(within: 200_000_000)

        let drops = writer.takeDrops().map(\.frame)
        #expect(Set(drops).count == drops.count)
        #expect(drops.count + writer.current.sent == 100)
    }

    @Test func `a server that takes nothing has little of what counts as sent`() throws {
        let listener = Listener()
        let writer = StreamWriter(try StreamAddress("tcp://127.0.0.1:\(listener.port)"))

        for number in 0..<100 {
            writer.send(packet(number), frame: UInt64(number), captured: MonotonicClock.now)
        }
        waitUntilFull(writer)

        // 16 KB wait, and as many more as one call writes; the receiver has 4 KB of room.
        #expect(writer.current.bytes < 100_000, "\(writer.current.bytes)")
        writer.finish(within: 100_000_000)
    }

    @Test func `what a full disk has no room for does not count as sent`() throws {
        let encoder = LiveEncoder(LiveEncoder.Options(), name: "test")
        let packets = try (0..<100).map { number in
            var packet = try encoder.encode(
                Sample.noise(number), at: Int64(number) * 40_000_000, for: 40_000_000)
            packet.sequence = UInt64(number)
            return packet
        }
        let folder = TestFolder(), disk = folder.file("disk")
        mkdir(disk, 0o755)
        // Room for half of it. Needs root; without, there is nothing to test on.
        let size = packets.reduce(0) { $0 + $1.picture.count } / 2
        guard mount("tmpfs", disk, "tmpfs", 0, "size=\(size)") == 0 else { return }
        defer { umount(disk) }
        var options = StreamWriter.Options()
        options.buffer = 60_000_000_000
        let writer = StreamWriter(try StreamAddress("\(disk)/film.mp4"), options)

        let deadline = MonotonicClock.now + 20_000_000_000
        for (number, packet) in packets.enumerated() {
            writer.send(packet, frame: UInt64(number), captured: MonotonicClock.now)
            while writer.current.sent == 0, MonotonicClock.now < deadline { usleep(10_000) }
        }
        writer.finish(within: 20_000_000_000)

        let drops = writer.takeDrops()
        #expect(drops.contains { $0.reason == GroupQueue.notWritten })
        #expect(Set(drops.map(\.frame)).count == drops.count)
        #expect(drops.count + writer.current.sent == 100)
        let films = try FileManager.default.contentsOfDirectory(atPath: disk)
        let frames = try films.map {
            try Contents(of: "\(disk)/\($0)", keepsPictures: false).frames.count
        }
        #expect(frames.reduce(0, +) == writer.current.sent && frames.contains { $0 > 0 })
    }
}
