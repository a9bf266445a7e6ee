import Foundation
import Glibc

/// The folder in which programs of the Hugging Face ecosystem share what they fetched.
///
/// A repository's folder has `blobs`, named by the hash of their bytes, and for each commit a folder
/// of links to them, so that a file that two commits share is there once. Other programs' downloads
/// are found here, and ours by them.
package struct HubCache: Sendable {
    package let path: String

    package init(_ path: String) { self.path = path }

    /// The cache that the environment names: `HF_HUB_CACHE`, `HF_HOME`, or `~/.cache/huggingface/hub`.
    package init(environment: [String: String]) {
        path =
            if let cache = environment["HF_HUB_CACHE"], !cache.isEmpty {
                (cache as NSString).expandingTildeInPath
            } else {
                Self.home(environment) + "/hub"
            }
    }

    /// Where the ecosystem keeps everything, a stored token included.
    static func home(_ environment: [String: String]) -> String {
        if let home = environment["HF_HOME"], !home.isEmpty {
            return (home as NSString).expandingTildeInPath
        }
        let cache = environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : $0 }
        return (cache ?? (environment["HOME"] ?? NSHomeDirectory()) + "/.cache") + "/huggingface"
    }

    func folder(of repository: String) -> String {
        "\(path)/models--\(repository.replacing("/", with: "--"))"
    }

    func blob(_ etag: String, of repository: String) -> String {
        "\(folder(of: repository))/blobs/\(etag)"
    }

    /// The file that other programs lock while they fetch a blob.
    func lock(_ etag: String, of repository: String) -> String {
        "\(path)/.locks/models--\(repository.replacing("/", with: "--"))/\(etag).lock"
    }

    /// Where a commit has a file, whether it is there or not.
    func snapshot(_ commit: String, _ file: String, of repository: String) -> String {
        "\(folder(of: repository))/snapshots/\(commit)/\(file)"
    }

    /// The path of a file at the commit that a branch had when it was last asked for.
    package func file(_ file: PublishedModel.File, revision: String = "main") -> String? {
        let reference = "\(folder(of: file.repository))/refs/\(revision)"
        guard let commit = try? String(contentsOfFile: reference, encoding: .utf8) else {
            return nil
        }
        let path = snapshot(
            commit.trimmingCharacters(in: .whitespacesAndNewlines), file.path, of: file.repository)
        return access(path, F_OK) == 0 ? path : nil
    }

    /// Enters a blob as a commit's file, and the commit as the branch's newest, unless it was asked for
    /// by a lock or by its own name.
    func link(_ file: HubFile) throws(PullError) {
        let place = snapshot(file.commit, file.file.path, of: file.file.repository)
        let depth = file.file.path.split(separator: "/").count + 1
        let target = String(repeating: "../", count: depth) + "blobs/" + file.etag
        try FileLink.make(at: place, to: target)
        guard file.lockedSum == nil, file.revision != file.commit else { return }
        let reference = "\(folder(of: file.file.repository))/refs/\(file.revision)"
        try FileLink.write(file.commit, to: reference)
    }
}

/// Symbolic links and short files that appear whole.
enum FileLink {
    /// Makes or replaces a link, and the folders above it.
    static func make(at path: String, to target: String) throws(PullError) {
        try makeFolder(of: path)
        let temporary = "\(path).\(getpid()).link"
        unlink(temporary)
        guard symlink(target, temporary) == 0, rename(temporary, path) == 0 else {
            throw .lastSystemError("symlink", path)
        }
    }

    /// Writes or replaces a file, and makes the folders above it.
    static func write(_ text: String, to path: String) throws(PullError) {
        try makeFolder(of: path)
        let temporary = "\(path).\(getpid()).\(pthread_self()).new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .lastSystemError("open", path) }
        let bytes = Array(text.utf8)
        let isWritten = Glibc.write(descriptor, bytes, bytes.count) == bytes.count
        var error = isWritten ? nil : PullError.lastSystemError("write", path)
        close(descriptor)
        if error == nil, rename(temporary, path) != 0 {
            error = .lastSystemError("rename", path)
        }
        guard let error else { return }
        unlink(temporary)
        throw error
    }

    static func makeFolder(of path: String) throws(PullError) {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw .system(
                call: "mkdir", path: folder, reason: (error as NSError).localizedDescription)
        }
    }
}
