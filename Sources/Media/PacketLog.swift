import CFFmpeg
import Glibc

/// Every compressed packet of a film in the order of coding, in a file beside it: what a writer
/// needs to go on where another process was killed.
///
/// A packet is in the file once ``append(_:isSound:)`` returns, whatever happens to the process.
final class PacketLog {
    private struct Header {
        var size: UInt32, flags: Int32
        var shown, decoded, duration: Int64
        var kind: UInt32, skippedStart: UInt32, skippedEnd: UInt32, padding: UInt32 = 0
    }

    let path: String
    /// Whether nothing was in it when it was opened.
    let isNew: Bool
    private let descriptor: Int32
    /// Whether every packet is in it.
    private(set) var isWhole = true
    /// Bytes so far.
    private(set) var size: Int64 = 0

    /// Opens the file without touching what is in it.
    init(path: String) throws(MediaError) {
        self.path = path
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else {
            throw .cannotWrite(path: path, reason: String(cString: strerror(errno)), kept: nil)
        }
        var status = stat()
        isNew = fstat(descriptor, &status) != 0 || status.st_size == 0
    }

    deinit { close(descriptor) }

    func append(_ packet: Packet, isSound: Bool) {
        append(packet, kind: isSound ? 1 : 0)
    }

    private func append(_ packet: Packet, kind: UInt32) {
        guard isWhole else { return }
        guard hasRoom else { return remove() }
        if size == 0 { ftruncate(descriptor, 0) }
        let fields = packet.pointer.pointee
        let skipped = packet.skippedSamples
        var header = Header(
            size: UInt32(fields.size), flags: fields.flags, shown: fields.pts, decoded: fields.dts,
            duration: fields.duration, kind: kind, skippedStart: skipped.start,
            skippedEnd: skipped.end)
        var bytes = withUnsafeBytes(of: &header) { Array($0) }
        bytes += packet.bytes
        let written = pwrite(descriptor, bytes, bytes.count, Int(size))
        // Without room the film matters more than going on with it.
        guard written == bytes.count else { return remove() }
        size += Int64(bytes.count)
    }

    /// The film itself comes first: it needs as much again when it is finished.
    private var hasRoom: Bool {
        var disk = statvfs()
        guard fstatvfs(descriptor, &disk) == 0 else { return true }
        return Int64(disk.f_bavail) * Int64(disk.f_frsize) > max(64 << 20, 2 * size)
    }

    /// Says that of the sound so far only the first packets count: the others come again.
    func cutSound(after count: Int) {
        let packet = Packet([])
        packet.pointer.pointee.duration = Int64(count)
        append(packet, kind: Self.cut)
    }

    private static let cut: UInt32 = 2

    /// The packets in the first `count` bytes; what comes after them is cut off.
    func packets(upTo count: Int64) throws(MediaError) -> [(packet: Packet, isSound: Bool)] {
        var bytes = [UInt8](repeating: 0, count: Int(count))
        guard pread(descriptor, &bytes, bytes.count, 0) == bytes.count else {
            throw .cannotWrite(
                path: path, reason: "it is shorter than the \(count) bytes that were written to it",
                kept: nil)
        }
        ftruncate(descriptor, Int(count))
        size = count
        var found: [(packet: Packet, isSound: Bool)] = []
        var at = 0
        while at + MemoryLayout<Header>.size <= bytes.count {
            let header = bytes.withUnsafeBytes {
                $0.loadUnaligned(fromByteOffset: at, as: Header.self)
            }
            at += MemoryLayout<Header>.size
            guard header.kind != Self.cut else {
                var kept = Int(header.duration)
                found.removeAll { entry in
                    guard entry.isSound else { return false }
                    kept -= 1
                    return kept < 0
                }
                continue
            }
            let packet = Packet(Array(bytes[at..<at + Int(header.size)]))
            at += Int(header.size)
            packet.pointer.pointee.pts = header.shown
            packet.pointer.pointee.dts = header.decoded
            packet.pointer.pointee.duration = header.duration
            packet.pointer.pointee.flags = header.flags
            if header.skippedStart > 0 || header.skippedEnd > 0 {
                packet.skippedSamples = (header.skippedStart, header.skippedEnd)
            }
            found.append((packet, header.kind == 1))
        }
        return found
    }

    /// Takes the file away, and the room that it took.
    func remove() {
        isWhole = false
        ftruncate(descriptor, 0)
        unlink(path)
    }
}
