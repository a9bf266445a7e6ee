/// Which commits a pull fetches: those of the folder's lock, unless a person says otherwise.
package struct PullRevisions: Sendable {
    /// What is fetched where nobody says otherwise and no lock holds anything.
    private static let usual = "main"

    /// A branch, tag or commit of all repositories.
    private let all: String?
    /// By repository.
    private let single: [String: String]
    /// Whether branches and tags are asked for what they are now.
    private let isUpdate: Bool

    package init(all: String? = nil, single: [String: String] = [:], isUpdate: Bool = false) {
        (self.all, self.single, self.isUpdate) = (all, single, isUpdate)
    }

    /// Whether a repository's files must be those of the lock.
    func holds(_ repository: String) -> Bool {
        all == nil && single[repository] == nil && !isUpdate
    }

    /// What a repository is asked for: the lock's commit, where that holds.
    func asked(of repository: String, _ lock: WeightLock) -> String {
        let entry = lock.entries(of: repository).first
        if holds(repository), let entry { return entry.commit }
        return recorded(of: repository, lock)
    }

    /// What the next lock says that was asked for.
    func recorded(of repository: String, _ lock: WeightLock) -> String {
        single[repository] ?? all ?? lock.entries(of: repository).first?.revision ?? Self.usual
    }

    /// The text of `--revision`: a revision, or `owner/name=revision`; nil where it can be no revision.
    package static func parse(_ text: String) -> (repository: String?, revision: String)? {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let revision = String(parts[parts.count - 1])
        guard isRevision(revision) else { return nil }
        return (parts.count == 2 ? String(parts[0]) : nil, revision)
    }

    /// Whether Git could call something so; it becomes the name of a file in the cache.
    private static func isRevision(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        return parts.allSatisfy { part in
            !part.isEmpty && !part.hasPrefix(".") && !part.hasPrefix("-") && !part.contains("..")
                && part.allSatisfy {
                    $0.isASCII && ($0.isLetter || $0.isNumber || "-._+@".contains($0))
                }
        }
    }
}
