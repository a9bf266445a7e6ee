import Foundation
import Glibc
import Synchronization

/// Who changed what and when: one JSON object a line, in a file of mode 0600 that only grows.
///
/// Settings are named, their values are not written: some are secrets.
package final class AuditLog: Sendable {
    private struct Line: Encodable {
        let time, address, role, action, run, detail: String
        let result: String
    }

    package let path: String
    private let descriptor: Mutex<Int32>

    /// - Throws: ``StudioError`` when the file cannot be written.
    package init(_ path: String) throws {
        self.path = path
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else {
            throw StudioError.cannotWrite(path, reason: String(cString: strerror(errno)))
        }
        descriptor = Mutex(file)
    }

    deinit { descriptor.withLock { _ = close($0) } }

    func write(
        address: String, role: Gate.Role, _ action: String, run: String, _ detail: String,
        result: String
    ) {
        let line = Line(
            time: Date().formatted(.iso8601), address: address, role: role.rawValue, action: action,
            run: run, detail: detail, result: result)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard var bytes = try? Array(encoder.encode(line)) else { return }
        bytes.append(UInt8(ascii: "\n"))
        let written = descriptor.withLock { [bytes] in Glibc.write($0, bytes, bytes.count) }
        guard written != bytes.count else { return }
        let warning = "warning: a line of \(path) could not be written: is the disk full?\n"
        try? FileHandle.standardError.write(contentsOf: Data(warning.utf8))
    }
}
