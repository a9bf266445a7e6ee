import Foundation
import Glibc

/// A folder that belongs to this user, and that no other may enter.
enum PrivateFolder {
    /// Makes a folder, and those above it, where they are missing.
    static func make(_ path: String) throws {
        try? FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        if mkdir(path, 0o700) != 0, errno != EEXIST {
            throw LaunchError.system(
                call: "mkdir(\(path))", reason: String(cString: strerror(errno)))
        }
        guard isOurs(path, privately: true) else { throw LaunchError.notOurs(folder: path) }
    }

    /// Whether a folder, not a link to one, belongs to this user, and to nobody else besides.
    static func isOurs(_ path: String, privately: Bool) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
            && status.st_uid == getuid() && (!privately || status.st_mode & 0o077 == 0)
    }
}
