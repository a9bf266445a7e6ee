import Glibc

/// A file's bytes, read by the memory manager when they are touched.
package final class MappedFile: Sendable {
    package let path: String
    let memory: TensorMemory

    /// Maps the whole file for reading.
    package init(path: String) throws(CheckpointError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure(path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Self.failure(path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .unreadable(file: path, reason: "it is not a file")
        }
        self.path = path
        memory = try Self.map(descriptor, byteCount: Int(status.st_size), path: path)
    }

    var byteCount: Int { memory.byteCount }
    package var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: memory.base, count: byteCount)
    }

    private static func map(
        _ descriptor: Int32, byteCount: Int, path: String
    ) throws(CheckpointError) -> TensorMemory {
        // mmap refuses an empty file; an empty memory lets the reader say what is wrong with it.
        guard byteCount > 0 else { return TensorMemory(byteCount: 0) }
        guard let base = mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor, 0),
            base != MAP_FAILED
        else { throw failure(path) }
        return TensorMemory(base: base, byteCount: byteCount) { munmap($0, byteCount) }
    }

    private static func failure(_ path: String) -> CheckpointError {
        .unreadable(file: path, reason: String(cString: strerror(errno)))
    }
}
