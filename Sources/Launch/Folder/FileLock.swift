import Glibc

/// An exclusive lock on a file, held until the value is released.
///
/// The kernel frees it when its process ends, however that ends, and it means the same in every PID
/// namespace: a process number in a file or a folder's name does neither.
final class FileLock: Sendable {
    private let descriptor: Int32

    /// Waits until no other holds the lock. A file that is missing is made, for its user alone.
    init(_ path: String, _ flags: Int32 = O_RDWR | O_CREAT) throws {
        descriptor = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0, flock(descriptor, LOCK_EX) == 0 else {
            let reason = String(cString: strerror(errno))
            if descriptor >= 0 { close(descriptor) }
            throw LaunchError.system(call: "flock(\(path))", reason: reason)
        }
    }

    /// Locks a folder, for a change of what is in it.
    convenience init(folder: String) throws { try self.init(folder, O_RDONLY | O_DIRECTORY) }

    deinit { close(descriptor) }

    /// Whether a process holds the lock of a file; false of one that is missing.
    static func isHeld(_ path: String) -> Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return flock(descriptor, LOCK_SH | LOCK_NB) != 0
    }
}
