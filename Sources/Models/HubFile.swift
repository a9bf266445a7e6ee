/// A file as a hub has it, or as a lock remembers that it had it.
package struct HubFile: Sendable {
    let file: PublishedModel.File
    /// The hash of its bytes: SHA-256 where it is large, else SHA-1 as Git has it.
    let etag: String
    /// The branch, tag or commit that was asked for.
    let revision: String
    let commit: String
    let size: Int?
    /// The SHA-256 that its bytes must have, where a lock holds them.
    var lockedSum: String?

    /// The hash that its bytes must have.
    var neededSum: String { lockedSum ?? etag }
}
