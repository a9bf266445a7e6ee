import Foundation
import Glibc

/// Fetches a published model into the shared cache, and lays its files out as its authors do.
package struct Pull: Sendable {
    private let hub: Hub
    private let cache: HubCache
    private let folder: String
    private let revisions: PullRevisions
    private let connections: Int

    /// - Parameters:
    ///   - folder: where links to the files go, in the authors' layout, and the lock.
    ///   - connections: files that are fetched at once.
    package init(
        hub: Hub, cache: HubCache, folder: String, revisions: PullRevisions = PullRevisions(),
        connections: Int = 4
    ) {
        (self.hub, self.cache, self.folder) = (hub, cache, folder)
        self.revisions = revisions
        self.connections = max(connections, 1)
    }

    /// Fetches files; those that are there already are not fetched again.
    ///
    /// A fault of one file does not stop the others, unless it is one of the hub's or the disk's. When
    /// there was none, the folder's lock holds every file.
    /// - Returns: what went wrong, file by file, without repetition.
    package func callAsFunction(
        _ files: [PublishedModel.File], progress: PullProgress
    ) -> [PullError] {
        do throws(PullError) {
            let lock = try WeightLock(of: folder)
            let found = find(files.filter { !hasOwn($0) }, lock)
            guard found.faults.isEmpty else { return found.faults }
            // Large files first: the last connections then end at about the same time.
            let hubFiles = found.results.sorted { ($0.size ?? 0) > ($1.size ?? 0) }
            if let fault = roomFault(hubFiles) { return [fault] }
            progress.begin(hubFiles)
            let fetched = fetch(hubFiles, lock, progress)
            guard fetched.faults.isEmpty else { return fetched.faults }
            try hold(fetched.results, after: lock)
            return []
        } catch {
            return [error]
        }
    }

    /// What the hub has of files; what a lock holds is known without asking.
    private func find(
        _ files: [PublishedModel.File], _ lock: WeightLock
    ) -> (results: [HubFile], faults: [PullError]) {
        let found = ParallelWork.results(of: files, threads: connections) {
            file throws(PullError) in try find(file, lock)
        }
        // A repository may move on while it is asked file by file: all are those of one commit.
        let commits = Dictionary(found.results.map { ($0.file.repository, $0.commit) }) { first, _ in first }
        let strays = found.results.filter { commits[$0.file.repository] != $0.commit }
        guard found.faults.isEmpty, !strays.isEmpty else { return found }
        let again = ParallelWork.results(of: strays, threads: connections) {
            stray throws(PullError) in
            try hub.find(stray.file, at: commits[stray.file.repository] ?? stray.commit)
        }
        return (found.results.filter { commits[$0.file.repository] == $0.commit } + again.results, again.faults)
    }

    private func find(
        _ file: PublishedModel.File, _ lock: WeightLock
    ) throws(PullError) -> HubFile {
        if revisions.holds(file.repository), let entry = lock.entry(file.target),
            entry.repository == file.repository, entry.path == file.path
        {
            return entry.hubFile(file)
        }
        return try hub.find(file, at: revisions.asked(of: file.repository, lock))
    }

    private func fetch(
        _ files: [HubFile], _ lock: WeightLock, _ progress: PullProgress
    ) -> (results: [WeightLock.Entry], faults: [PullError]) {
        let fetch = Fetch(hub: hub, cache: cache, progress: progress)
        return ParallelWork.results(of: files, threads: connections) { file throws(PullError) in
            let path = try fetch(file)
            let entry = try entry(of: file, at: path, lock)
            try FileLink.make(at: "\(folder)/\(file.file.target)", to: Self.absolute(path))
            progress.finished()
            return entry
        }
    }

    private func entry(
        of file: HubFile, at path: String, _ lock: WeightLock
    ) throws(PullError) -> WeightLock.Entry {
        // What is called by its SHA-256 was compared with it.
        let known = file.lockedSum ?? (file.etag.count == 64 ? file.etag.lowercased() : nil)
        var status = stat()
        guard let sum = known ?? Checksum.sha256(of: path), stat(path, &status) == 0 else {
            throw .lastSystemError("read", path)
        }
        return WeightLock.Entry(
            repository: file.file.repository,
            revision: revisions.recorded(of: file.file.repository, lock), commit: file.commit,
            path: file.file.path, target: file.file.target, size: Int(status.st_size), sha256: sum,
            etag: file.etag)
    }

    /// Writes the lock; links to what an earlier commit had, and this one has not, are removed.
    private func hold(
        _ entries: [WeightLock.Entry], after lock: WeightLock
    ) throws(PullError) {
        let commits = Dictionary(entries.map { ($0.repository, $0.commit) }) { $1 }
        let others = lock.files.filter { old in !entries.contains { $0.target == old.target } }
        let isKept = { (old: WeightLock.Entry) in commits[old.repository] ?? old.commit == old.commit }
        for old in others where !isKept(old) {
            let path = "\(folder)/\(old.target)"
            if (try? FileManager.default.destinationOfSymbolicLink(atPath: path)) != nil { unlink(path) }
        }
        try WeightLock(entries + others.filter(isKept)).write(to: folder)
    }

    /// Whether a person put the file there; a link is ours.
    private func hasOwn(_ file: PublishedModel.File) -> Bool {
        let path = "\(folder)/\(file.target)"
        let kind =
            try? FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
        return kind == .typeRegular
    }

    private func roomFault(_ files: [HubFile]) -> PullError? {
        let needed = files.reduce(0) { sum, file in
            let blob = cache.blob(file.etag, of: file.file.repository)
            guard let size = file.size, !FileManager.default.fileExists(atPath: blob) else {
                return sum
            }
            let part = try? FileManager.default.attributesOfItem(atPath: blob + ".incomplete")
            return sum + max(size - (part?[.size] as? Int ?? 0), 0)
        }
        let free = BlobFile.free(cache.path)
        return needed > free ? .diskFull(folder: cache.path, needed: needed, free: free) : nil
    }

    private static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    }
}
