import Foundation
import Glibc
import Synchronization

/// Looks at files, on a thread of its own: to hash gigabytes takes longer than the supervisor would wait
/// for a sign of life.
final class FileInspection: Sendable {
    private let result = Mutex<[FileFacts]?>(nil)
    private let checksum: @Sendable (String) -> String?

    /// - Parameters:
    ///   - paths: of files, and of folders, which are all that is in them; what is named twice is looked
    ///     at once.
    ///   - checksum: SHA-256 of the file at a path; nil when it cannot be read.
    init(_ paths: [String], _ checksum: @escaping @Sendable (String) -> String?) {
        self.checksum = checksum
        Thread { [self] in
            var seen: Set<String> = []
            let facts = paths.filter { seen.insert($0).inserted }.flatMap(inspect)
            result.withLock { $0 = facts }
        }.start()
    }

    /// What was found; nil before all is.
    var found: [FileFacts]? { result.withLock { $0 } }

    private func inspect(_ path: String) -> [FileFacts] {
        var status = stat()
        guard stat(path, &status) == 0 else { return [FileFacts(path: path)] }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            return [FileFacts(path: path, bytes: Int(status.st_size), checksum: checksum(path))]
        }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.sorted().flatMap { inspect("\(path)/\($0)") }
    }
}
