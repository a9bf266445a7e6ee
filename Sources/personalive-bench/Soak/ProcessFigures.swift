import Foundation
import Glibc

/// What the kernel knows of a process: its descriptors and its memory.
struct ProcessFigures: Sendable {
    /// Memory files that a process has open, by number: bytes that are in use.
    let memoryFiles: [UInt64: Int]
    let descriptors: Int
    /// Bytes that no other process has: what leaks.
    let ownMemory: Int

    /// Nil when there is no such process, or it is another user's.
    init?(of pid: Int32) {
        let folder = "/proc/\(pid)/fd"
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder),
            let text = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("RssAnon:") }),
            let kilobytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first
        else { return nil }
        descriptors = names.count
        ownMemory = (Int(kilobytes) ?? 0) << 10
        var files: [UInt64: Int] = [:]
        for name in names {
            let path = "\(folder)/\(name)"
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path)
            var status = stat()
            guard target?.hasPrefix("/memfd:") ?? false, stat(path, &status) == 0 else { continue }
            files[UInt64(status.st_ino)] = Int(status.st_blocks) * 512
        }
        memoryFiles = files
    }

    /// Bytes that files in `/dev/shm` take, of all users.
    static var sharedFolder: Int {
        var status = statvfs()
        guard statvfs("/dev/shm", &status) == 0 else { return 0 }
        return Int(status.f_blocks - status.f_bfree) * Int(status.f_frsize)
    }
}
