import Foundation
import Glibc
import Media
import Synchronization

/// Keeps a live stream's segments and its plain playlist in a folder, for a web server of files.
///
/// A queue of its own writes: a slow or full disk costs segments, and holds nobody up.
final class HLSFolder: Sendable {
    private struct Contents {
        var waiting = 0
        var skipped = 0
        var fault: String?
        var warnings: [String] = []
        /// What this process has written and not removed.
        var files: [String] = []
    }

    private let path: String
    private let queue = DispatchQueue(label: "personalive.hls-folder")
    private let contents = Mutex(Contents())

    /// - Throws: for a folder that is not there and cannot be made.
    init(_ path: String) throws {
        self.path = path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    /// Writes what the playlist names and is not there yet.
    func write(_ playlist: HLSPlaylist) {
        let isTooSlow = contents.withLock { contents in
            guard contents.waiting < 2 else {
                contents.skipped += 1
                return true
            }
            contents.waiting += 1
            return false
        }
        guard !isTooSlow else { return }
        queue.async { [self] in
            let fault = put(playlist)
            contents.withLock { contents in
                contents.waiting -= 1
                note(fault, in: &contents)
            }
        }
    }

    /// Writes the last list, and waits for that: what is there can be played.
    func finish(with playlist: HLSPlaylist) {
        queue.sync {
            let fault = put(playlist)
            contents.withLock { note(fault, in: &$0) }
        }
    }

    private func note(_ fault: String?, in contents: inout Contents) {
        if let fault, contents.fault != fault { contents.warnings.append(fault) }
        contents.fault = fault
    }

    /// What is wrong now, in words.
    var fault: String? { contents.withLock { $0.fault } }
    /// Playlists that were not written since the disk was too slow.
    var skipped: Int { contents.withLock { $0.skipped } }

    /// What a person should know, since the last call.
    func takeWarnings() -> [String] {
        contents.withLock { contents in
            defer { contents.warnings = [] }
            return contents.warnings
        }
    }

    private func put(_ playlist: HLSPlaylist) -> String? {
        let files = playlist.plainFiles
        let names = files.map(\.name)
        let known = contents.withLock { $0.files }
        // Before anything is written, since a full disk needs the room. A player may still be at what the
        // playlist drops now: the last two stay.
        let old = known.filter { !names.contains($0) }.dropLast(2)
        for name in old { try? FileManager.default.removeItem(atPath: "\(path)/\(name)") }
        contents.withLock { $0.files.removeAll { old.contains($0) } }
        for file in files where file == .playlist || !known.contains(file.name) {
            let bytes =
                file == .playlist
                ? Array(playlist.text(isLowLatency: false).utf8) : playlist.bytes(of: file) ?? []
            guard Self.write(bytes, to: "\(path)/\(file.name)") else {
                let reason = String(cString: strerror(errno))
                return "\(path) cannot be written: \(reason); the next segment is tried"
            }
            contents.withLock { if !$0.files.contains(file.name) { $0.files.append(file.name) } }
        }
        return nil
    }

    /// Puts a file into its place in one step, so that nobody reads half of it; else `errno` says why not.
    private static func write(_ bytes: [UInt8], to path: String) -> Bool {
        let draft = path + ".partial"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return false }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress! + written, bytes.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            written += count
        }
        let code = errno
        close(descriptor)
        guard written == bytes.count, rename(draft, path) == 0 else {
            let reason = written == bytes.count ? errno : code
            unlink(draft)
            errno = reason
            return false
        }
        return true
    }
}
