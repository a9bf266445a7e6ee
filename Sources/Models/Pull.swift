import Foundation

/// Fetches a published model into the shared cache, and lays its files out as its authors do.
package struct Pull: Sendable {
    private let hub: Hub
    private let cache: HubCache
    private let folder: String
    private let connections: Int

    /// - Parameters:
    ///   - folder: where links to the files go, in the authors' layout.
    ///   - connections: files that are fetched at once.
    package init(hub: Hub, cache: HubCache, folder: String, connections: Int = 4) {
        (self.hub, self.cache, self.folder) = (hub, cache, folder)
        self.connections = max(connections, 1)
    }

    /// Fetches files; those that are there already are not fetched again.
    ///
    /// A fault of one file does not stop the others, unless it is one of the hub's or the disk's.
    /// - Returns: what went wrong, file by file, without repetition.
    package func callAsFunction(
        _ files: [PublishedModel.File], progress: PullProgress
    ) -> [PullError] {
        let wanted = files.filter { !hasOwn($0) }
        let found = inParallel(wanted) { file throws(PullError) in try hub.find(file) }
        guard found.faults.isEmpty else { return found.faults }
        // Large files first: the last connections then end at about the same time.
        let hubFiles = found.results.sorted { ($0.size ?? 0) > ($1.size ?? 0) }
        if let fault = roomFault(hubFiles) { return [fault] }
        progress.begin(hubFiles)
        let fetch = Fetch(hub: hub, cache: cache, progress: progress)
        return inParallel(hubFiles) { file throws(PullError) in
            let path = try fetch(file)
            try FileLink.make(at: "\(folder)/\(file.file.target)", to: Self.absolute(path))
            progress.finished()
        }.faults
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

    /// Does something with every item on as many threads as there are connections.
    private func inParallel<Item: Sendable, Found: Sendable>(
        _ items: [Item], _ work: @escaping @Sendable (Item) throws(PullError) -> Found
    ) -> (results: [Found], faults: [PullError]) {
        let queue = WorkQueue<Item, Found>(items)
        let group = DispatchGroup()
        for _ in 0..<min(connections, items.count) {
            group.enter()
            Thread {
                while let item = queue.next() {
                    do throws(PullError) {
                        queue.add(try work(item))
                    } catch {
                        queue.add(error)
                    }
                }
                group.leave()
            }.start()
        }
        group.wait()
        return queue.outcome
    }
}

/// Items for several threads, and what they made of them.
private final class WorkQueue<Item: Sendable, Found: Sendable>: @unchecked Sendable {
    // Unchecked because every member is used under the lock.
    private let lock = NSLock()
    private var items: ArraySlice<Item>
    private var results: [Found] = []
    private var faults: [PullError] = []

    init(_ items: [Item]) { self.items = items[...] }

    func next() -> Item? { lock.withLock { items.popFirst() } }
    func add(_ result: Found) { lock.withLock { results.append(result) } }
    func add(_ fault: PullError) {
        lock.withLock {
            if !faults.contains(where: { $0.description == fault.description }) {
                faults.append(fault)
            }
            if fault.concernsAll { items = [] }
        }
    }

    var outcome: (results: [Found], faults: [PullError]) { lock.withLock { (results, faults) } }
}
