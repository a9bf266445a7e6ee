import Foundation
import Glibc

/// Reads one file of a log from its beginning, and goes on where its writer begins another one.
final class LogTail {
    private let path: String
    private var descriptor: Int32 = -1
    private var inode: ino_t = 0
    private var partial: [UInt8] = []
    /// The time of the last line, for what is said in its place.
    private var last = ""

    init(_ path: String) { self.path = path }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Complete lines that have come since the last call.
    func read() -> [String] {
        if descriptor < 0, !open(path + ".1"), !open(path) { return [] }
        var lines = drain()
        while let newest = Self.inode(of: path), newest != inode {
            // Nothing more comes into a file that was renamed.
            lines += drain()
            let isWhole = Self.inode(of: path + ".1") == inode
            if !isWhole {
                lines.append(
                    "\(last) \(name) note … lines are missing here: they were removed before they "
                        + "were read"
                )
            }
            guard !isWhole && open(path + ".1") || open(path) else { break }
            lines += drain()
        }
        return lines
    }

    private var name: String {
        URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
    }

    private func drain() -> [String] {
        partial += ShortCommand.available(descriptor)
        var lines = partial.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        partial = Array(lines.removeLast())
        let texts = lines.map { String(decoding: $0, as: UTF8.self) }
        last = texts.last.map { String($0.prefix { $0 != " " }) } ?? last
        return texts
    }

    private func open(_ path: String) -> Bool {
        let next = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard next >= 0 else { return false }
        if descriptor >= 0 { close(descriptor) }
        (descriptor, partial) = (next, [])
        var status = stat()
        fstat(next, &status)
        inode = status.st_ino
        return true
    }

    private static func inode(of path: String) -> ino_t? {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_ino : nil
    }
}
