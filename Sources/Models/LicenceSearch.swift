import Foundation

/// Finds and fetches what a repository says of its licence.
package struct LicenceSearch: Sendable {
    private let hub: Hub
    private let cache: HubCache
    private let folder: String
    private let revisions: PullRevisions
    private let lock: WeightLock

    /// - Parameter folder: the folder of weights, whose lock knows what was accepted.
    package init(
        hub: Hub, cache: HubCache, folder: String, revisions: PullRevisions = PullRevisions()
    ) throws(PullError) {
        (self.hub, self.cache, self.folder, self.revisions) = (hub, cache, folder, revisions)
        lock = try WeightLock(of: folder)
    }

    /// What repositories say, in the same order.
    package func callAsFunction(
        _ repositories: [String]
    ) -> (licences: [Licence], faults: [PullError]) {
        let found = ParallelWork.results(of: repositories, threads: 4) {
            repository throws(PullError) in try licence(of: repository)
        }
        let sorted = repositories.compactMap { name in found.results.first { $0.repository == name }
        }
        return (sorted, found.faults)
    }

    private static let card = "README.md"
    /// What is looked for where the hub does not list its files.
    private static let usualNames = [
        card, "LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "COPYING", "NOTICE",
    ]
    /// More is no text that a person reads.
    private static let largestText = 1 << 20

    private func licence(of repository: String) throws(PullError) -> Licence {
        let kept = lock.entries(of: repository)
        let texts = kept.filter { $0.target.hasPrefix(Licence.folder(of: repository) + "/") }
        guard revisions.holds(repository), !kept.isEmpty else {
            let found = try find(in: repository)
            let before = Set(texts.map { "\($0.path) \($0.etag)" })
            let isSame = before == Set(found.map { "\($0.file.path) \($0.etag)" })
            return try licence(of: repository, found, isAccepted: isSame && isThere(kept, texts))
        }
        let files = texts.map {
            $0.hubFile(.init(repository: repository, path: $0.path, target: $0.target))
        }
        return try licence(of: repository, files, isAccepted: isThere(kept, texts))
    }

    /// Whether what a lock holds was fetched into its folder, as nobody does who was not shown it: the
    /// lock alone may be a friend's.
    private func isThere(_ kept: [WeightLock.Entry], _ texts: [WeightLock.Entry]) -> Bool {
        let isThere = { (entry: WeightLock.Entry) in
            FileManager.default.fileExists(atPath: "\(folder)/\(entry.target)")
        }
        return kept.contains(where: isThere) && texts.allSatisfy(isThere)
    }

    /// The files of a repository that say what is allowed.
    private func find(in repository: String) throws(PullError) -> [HubFile] {
        let revision = revisions.asked(of: repository, lock)
        var files: [HubFile] = []
        for path in try hub.listing(of: repository, at: revision)?.filter(Self.isLicence)
            ?? Self.usualNames
        {
            if let file = try find(path, repository, revision) { files.append(file) }
        }
        guard let card = files.first(where: { $0.file.path == Self.card }),
            let link = ModelCard(try text(of: card) ?? "").file,
            !files.contains(where: { $0.file.path == link }),
            let linked = try find(link, repository, revision)
        else { return files }
        return files + [linked]
    }

    /// Nil where the repository has no such file, or one that is no text for people.
    private func find(
        _ path: String, _ repository: String, _ revision: String
    ) throws(PullError) -> HubFile? {
        let target = "\(Licence.folder(of: repository))/\(path)"
        do {
            let place = PublishedModel.File(repository: repository, path: path, target: target)
            let file = try hub.find(place, at: revision)
            return file.size ?? 0 <= Self.largestText ? file : nil
        } catch .refused(status: 404, _, _, _, _, _) {
            return nil
        }
    }

    private func licence(
        of repository: String, _ files: [HubFile], isAccepted: Bool
    ) throws(PullError) -> Licence {
        var texts: [Licence.Text] = []
        var card: ModelCard?
        for file in isAccepted ? [] : files {
            let text = try text(of: file)
            if file.file.path == Self.card {
                card = text.map(ModelCard.init)
            } else {
                texts.append(
                    Licence.Text(
                        path: file.file.path,
                        page: hub.page(of: file.file.path, in: repository, at: file.commit),
                        firstLines: Self.firstLines(of: text)))
            }
        }
        return Licence(
            repository: repository, names: card?.licences ?? [], link: card?.address, texts: texts,
            remarks: card?.remarks ?? [], page: "\(hub.endpoint)/\(repository)",
            files: files.map(\.file), isAccepted: isAccepted)
    }

    /// What a file says, fetched into the cache; nil where it is no text.
    private func text(of file: HubFile) throws(PullError) -> String? {
        let path = try Fetch(hub: hub, cache: cache, progress: PullProgress { _ in })(file)
        return String(
            validating: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }

    /// Whether a file of a repository says what is allowed.
    private static func isLicence(_ path: String) -> Bool {
        if path == card { return true }
        let file = URL(fileURLWithPath: path.lowercased()), name = file.lastPathComponent
        let isText = ["", "txt", "md", "rst", "pdf", "html"].contains(file.pathExtension)
        return isText
            && ["license", "licence", "unlicense", "copying", "notice", "use_policy"].contains {
                name.hasPrefix($0)
            }
    }

    private static func firstLines(of text: String?) -> [String] {
        let lines = (text ?? "").split(whereSeparator: \.isNewline)
            .map { $0.trimmingCharacters(in: .whitespaces) }
        return Array(lines.filter { !$0.isEmpty }.prefix(3))
    }
}
