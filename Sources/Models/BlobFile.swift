import Foundation
import Glibc

/// A file that is being fetched: what has arrived of it, and its hash so far.
///
/// It is called `<hash>.incomplete` until it is whole, as other programs call it, so that either goes
/// on where the other stopped.
final class BlobFile {
    let path: String
    private let file: HubFile
    private var size: Int? { file.size }
    private let descriptor: Int32
    private let lock: Int32
    private var digest: Digest?
    private(set) var byteCount = 0

    /// Opens or makes the file, alone among all processes, and hashes what it has already.
    init(_ file: HubFile, in cache: HubCache) throws(PullError) {
        self.file = file
        path = cache.blob(file.etag, of: file.file.repository)
        try FileLink.makeFolder(of: path)
        lock = try Self.locked(cache.lock(file.etag, of: file.file.repository))
        // Only now: who holds the lock may remove the file, and it would be written without a name.
        descriptor = open(path + ".incomplete", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .lastSystemError("open", path + ".incomplete") }
        try hashExisting()
    }

    /// Opens a file and waits until no other process has it locked.
    private static func locked(_ path: String) throws(PullError) -> Int32 {
        try FileLink.makeFolder(of: path)
        while true {
            let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { throw .lastSystemError("open", path) }
            var result = flock(descriptor, LOCK_EX)
            while result != 0, errno == EINTR { result = flock(descriptor, LOCK_EX) }
            guard result == 0 else {
                defer { close(descriptor) }
                throw .lastSystemError("flock", path)
            }
            // Some programs remove a lock that they let go; whoever comes next locks another file.
            var held = stat(), named = stat()
            if fstat(descriptor, &held) == 0, stat(path, &named) == 0,
                held.st_ino == named.st_ino, held.st_dev == named.st_dev
            {
                return descriptor
            }
            close(descriptor)
        }
    }

    deinit {
        close(descriptor)
        close(lock)
    }

    /// Whether another process finished it while we waited for it.
    var isThere: Bool { access(path, F_OK) == 0 }

    /// Throws away what has arrived.
    func restart() throws(PullError) {
        guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
            throw .lastSystemError("ftruncate", path)
        }
        byteCount = 0
        digest = Digest.matching(etag: file.neededSum, size: size)
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws(PullError) {
        var rest = bytes
        while !rest.isEmpty {
            let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
            guard written > 0 else {
                if errno == EINTR { continue }
                let isFull = errno == ENOSPC || errno == EDQUOT
                if isFull { throw .diskFull(folder: path, needed: left, free: Self.free(path)) }
                throw .lastSystemError("write", path)
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
        digest?.update(bytes)
        byteCount += bytes.count
    }

    private var left: Int? { size.map { $0 - byteCount } }

    /// Checks size and hash and gives the file its name; what is wrong is not kept.
    ///
    /// - Precondition: as much has arrived as the hub has.
    func finish(as name: String) throws(PullError) {
        if let size, byteCount > size {
            unlink(path + ".incomplete")
            throw .wrongSize(file: name, expected: size, found: byteCount)
        }
        // A hash of no known kind compares nothing.
        if let found = digest?.finish(), found != file.neededSum.lowercased() {
            unlink(path + ".incomplete")
            if let locked = file.lockedSum {
                throw .notAsLocked(file: name, expected: locked, found: found)
            }
            throw .wrongSum(file: name, expected: file.etag, found: found)
        }
        guard fsync(descriptor) == 0, rename(path + ".incomplete", path) == 0 else {
            throw .lastSystemError("rename", path)
        }
    }

    /// Removes an empty file that nothing was fetched into.
    func discardIfEmpty() { if byteCount == 0 { unlink(path + ".incomplete") } }

    private func hashExisting() throws(PullError) {
        try restartUnlessShorter()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { buffer.deallocate() }
        while true {
            let count = read(descriptor, buffer.baseAddress, buffer.count)
            guard count >= 0 else { throw .lastSystemError("read", path) }
            if count == 0 { return }
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            digest?.update(bytes)
            byteCount += count
        }
    }

    private func restartUnlessShorter() throws(PullError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .lastSystemError("fstat", path) }
        if let size, Int(status.st_size) > size { return try restart() }
        digest = Digest.matching(etag: file.neededSum, size: size)
    }

    /// Bytes that an ordinary user may still write beside a path, whether it exists or not.
    static func free(_ path: String) -> Int {
        var path = path, status = statvfs()
        while statvfs(path, &status) != 0 {
            // NSString's own way up traps at a name of one letter.
            let parent = URL(fileURLWithPath: path).deletingLastPathComponent().path
            guard parent != path, !parent.isEmpty else { return 0 }
            path = parent
        }
        return Int(status.f_bavail) * Int(status.f_frsize)
    }
}
