import Foundation
import Glibc

/// The folder of one run's sockets: only its user may enter, and it goes when the run ends.
package struct RunFolder: Sendable {
    package let path: String

    /// Makes a fresh folder, after clearing away those of runs that no longer live.
    package init() throws {
        let parent = Self.parent
        try FileManager.default.createDirectory(
            atPath: parent, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        Self.sweep(parent)
        path = "\(parent)/\(getpid())-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700])
    }

    package func remove() { try? FileManager.default.removeItem(atPath: path) }

    /// The user's own runtime folder, or one under /tmp: socket paths must stay under 108 bytes.
    private static var parent: String {
        if let folder = ProcessInfo.processInfo.environment["XDG_RUNTIME_DIR"], folder.count < 40,
            access(folder, W_OK) == 0
        {
            return "\(folder)/personalive"
        }
        return "/tmp/personalive-\(getuid())"
    }

    private static func sweep(_ parent: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? [] {
            guard let process = name.split(separator: "-").first.flatMap({ Int32($0) }),
                kill(process, 0) != 0, errno == ESRCH
            else { continue }
            try? FileManager.default.removeItem(atPath: "\(parent)/\(name)")
        }
    }
}
