import Glibc

/// A pipe or device that output goes into while it is made.
package final class OpenOutput {
    package let descriptor: Int32
    private let path: String

    /// Opens it; a pipe, as soon as some program reads it.
    ///
    /// - Parameter patience: seconds until a pipe that no program reads is an error.
    package init(_ place: FilePlace, path: String, patience: Double = 60) throws(DraftError) {
        let (flags, isPipe) = (O_WRONLY | O_NONBLOCK | O_CLOEXEC, place.kind == .pipe)
        var opened = open(path, flags)
        if opened < 0, errno == ENXIO, isPipe {
            print("waiting for a program that reads \(path)")
            for _ in 0..<Int(patience * 100) where opened < 0 && errno == ENXIO {
                usleep(10_000)
                opened = open(path, flags)
            }
        }
        guard opened >= 0 else {
            guard isPipe, errno == ENXIO else { throw .system(path: path) }
            throw .unfit(
                path: path, reason: "no program has opened it for reading within "
                    + "\(Int(patience)) s; start one, such as 'ffplay \(path)'")
        }
        (descriptor, self.path) = (opened, path)
        if isPipe, flock(opened, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
            throw .taken(target: path, draft: path)
        }
        _ = fcntl(opened, F_SETFL, O_WRONLY)
    }

    deinit { close(descriptor) }

    package func append(_ bytes: UnsafeRawBufferPointer) throws(DraftError) {
        try Draft.write(bytes, into: descriptor, path)
    }
}
