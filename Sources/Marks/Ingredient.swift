import Foundation
import Synchronization

/// What pictures are made of: a file or a device of a graph, as the manifest names it.
///
/// A manifest has no paths and no names of persons: other people read it.
package struct Ingredient: Codable, Equatable, Sendable {
    /// What the manifest says of a consent.
    package struct Agreement: Codable, Equatable, Sendable {
        /// SHA-256 of the file of the consent, hexadecimal.
        package var sha256: String
        package var given: String
        package var purpose: String

        package init(_ consent: ConsentFile) {
            (sha256, given, purpose) = (consent.digest, consent.given, consent.purpose)
        }
    }

    /// The node in the graph, and its kind.
    package var node: String
    package var kind: String
    /// The file; nil of a device or an address. Not in the manifest.
    package var path: String?
    /// SHA-256 of the file, hexadecimal; nil while nobody has read it.
    package var sha256: String?
    package var consent: Agreement?
    /// How large the file was and when it was changed, when the run noted it: what was changed since is not
    /// what the pictures are made of. Not in the manifest.
    package var stamp: [Int64]?

    package init(node: String, kind: String, path: String? = nil) {
        (self.node, self.kind, self.path) = (node, kind, path)
        stamp = path.flatMap(Self.stamp)
    }

    /// The same with the sum of its file, where that is as it was.
    func hashed() -> Ingredient {
        guard sha256 == nil, let path, let stamp, Self.stamp(of: path) == stamp else { return self }
        let name = "\(stamp) \(path)"
        let sum = Self.sums.withLock { $0[name] } ?? SHA256.text(ofFile: path)
        Self.sums.withLock { $0[name] = sum }
        var copy = self
        copy.sha256 = sum
        return copy
    }

    /// Sums by stamp and path: a live stream asks for them with each header, and a film may be large.
    private static let sums = Mutex<[String: String]>([:])

    private static func stamp(of path: String) -> [Int64]? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return [
            Int64(status.st_size), Int64(status.st_mtim.tv_sec), Int64(status.st_mtim.tv_nsec),
        ]
    }
}

extension [Ingredient] {
    /// Where a run notes them for its encoders: those of each sink by its name.
    private static func file(in folder: String) -> String { "\(folder)/ingredients.json" }

    /// Notes what the sinks of a run are made of.
    ///
    /// - Parameter folder: the run's.
    package static func note(_ sinks: [String: [Ingredient]], in folder: String) throws {
        try JSONEncoder().encode(sinks).write(
            to: URL(fileURLWithPath: file(in: folder)), options: .atomic)
    }

    /// What a node's pictures are made of, as its run has noted it; empty where there is no note, as on
    /// another machine than the run's.
    ///
    /// - Parameter owner: the run's folder, a slash and the node.
    init(notedFor owner: String?) {
        guard let owner, let slash = owner.lastIndex(of: "/"),
            let data = FileManager.default.contents(atPath: Self.file(in: String(owner[..<slash]))),
            let sinks = try? JSONDecoder().decode([String: [Ingredient]].self, from: data)
        else {
            self = []
            return
        }
        self = (sinks[String(owner[owner.index(after: slash)...])] ?? []).map { $0.hashed() }
    }
}
