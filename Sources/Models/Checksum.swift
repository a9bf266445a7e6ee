import Foundation
import Glibc

/// Compares a file with the sum that its name in the shared cache is.
package enum Checksum: Equatable, Sendable {
    case matches
    case differs(found: String)
    /// The file is not from the cache, so nobody knows what its sum should be.
    case unknown

    /// Reads a whole file.
    ///
    /// - Parameter needed: what its sum must be: SHA-256, or SHA-1 as Git has it.
    init(of path: String, needed: String) throws(PullError) {
        let size =
            (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
        guard let digest = Digest.matching(etag: needed, size: size) else {
            self = .unknown
            return
        }
        try Self.read(path, into: digest)
        let found = digest.finish()
        self = found == needed.lowercased() ? .matches : .differs(found: found)
    }

    /// Reads the whole file that a path leads to.
    package init(of path: String) throws(PullError) {
        guard let real = realpath(path, nil) else { throw .lastSystemError("realpath", path) }
        defer { free(real) }
        let blob = URL(fileURLWithPath: String(cString: real))
        guard blob.deletingLastPathComponent().lastPathComponent == "blobs" else {
            self = .unknown
            return
        }
        self = try Checksum(of: blob.path, needed: blob.lastPathComponent)
    }

    /// SHA-256 of a file in hexadecimal; nil when it cannot be read.
    package static func sha256(of path: String) -> String? {
        let digest = Digest.sha256()
        guard (try? read(path, into: digest)) != nil else { return nil }
        return digest.finish()
    }

    private static func read(_ path: String, into digest: Digest) throws(PullError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .lastSystemError("open", path) }
        defer { close(descriptor) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { buffer.deallocate() }
        while true {
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            guard count >= 0 else { throw .lastSystemError("read", path) }
            if count == 0 { return }
            digest.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }
}
