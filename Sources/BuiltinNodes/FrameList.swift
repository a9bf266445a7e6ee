import CPosix
import Foundation
import Glibc
import NodeKit
import Tensors

/// A text file with a line for each frame: its number, a hash of its bytes, and when it came in
/// nanoseconds of the monotonic clock. What lists of two runs say of hashes can be compared.
struct FrameList {
    private let handle: FileHandle
    /// Bytes written.
    private(set) var size = 0

    /// Opens a file without touching what is in it: ``truncate(to:)`` or the first line does.
    init(path: String) throws {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw FrameListError(path: path, reason: String(cString: strerror(errno)))
        }
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    mutating func add(_ stamp: Stamp, _ bytes: UnsafeRawBufferPointer) throws {
        if size == 0 { try truncate(to: 0) }
        let hash = String(frame_hash(bytes.baseAddress, bytes.count), radix: 16)
        let line = Data("\(stamp.frame) \(hash) \(posix_monotonic_ns())\n".utf8)
        try handle.write(contentsOf: line)
        size += line.count
    }

    /// Forgets what came after the first `size` bytes.
    mutating func truncate(to size: Int) throws {
        try handle.truncate(atOffset: UInt64(size))
        self.size = size
    }
}

struct FrameListError: Error, CustomStringConvertible {
    let path: String
    let reason: String
    var description: String { "cannot write \(path): \(reason)" }
}
