import Foundation

/// What a pull fetched, in a file beside the weights: from which commits, and with which sums.
///
/// Later pulls fetch the same commits again and take no other bytes, whatever the hub has by then.
package struct WeightLock: Codable, Equatable, Sendable {
    /// One file.
    package struct Entry: Codable, Equatable, Sendable {
        /// On the hub: `owner/name`.
        package let repository: String
        /// The branch, tag or commit that was asked for.
        package let revision: String
        /// What that was.
        package let commit: String
        /// In the repository.
        package let path: String
        /// In the folder of weights.
        package let target: String
        package let size: Int
        package let sha256: String
        /// What the hub calls the bytes, and the shared cache as well.
        let etag: String
    }

    /// What is wrong with a file of a folder.
    package enum Fault: Equatable {
        case missing
        case size(found: Int)
        case sum(found: String)
    }

    /// The name of the file.
    package static let name = "personalive-lock.json"
    /// The only form that there has been.
    private static let version = 1

    private var version = WeightLock.version
    /// In the order of their targets.
    package private(set) var files: [Entry]

    package init(_ files: [Entry] = []) {
        self.files = files.sorted { $0.target < $1.target }
    }

    /// The lock of a folder; empty where there is none.
    package init(of folder: String) throws(PullError) {
        let path = Self.path(in: folder)
        guard FileManager.default.fileExists(atPath: path) else {
            self.init()
            return
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw .badLock(path: path, reason: "it cannot be read")
        }
        do {
            self = try JSONDecoder().decode(WeightLock.self, from: data)
        } catch {
            throw .badLock(path: path, reason: "it is damaged, or of another program")
        }
        guard version == Self.version else {
            throw .badLock(
                path: path, reason: "it has the form \(version), and \(Self.version) is known")
        }
        if let entry = files.first(where: { !$0.isSound }) {
            throw .badLock(path: path, reason: "what it says of \(entry.target) is damaged")
        }
    }

    static func path(in folder: String) -> String { "\(folder)/\(name)" }

    /// Writes the lock of a folder, all of it or nothing.
    func write(to folder: String) throws(PullError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        // Only texts and numbers: these can always be written.
        let data = try! encoder.encode(self)
        try FileLink.write(String(decoding: data, as: UTF8.self) + "\n", to: Self.path(in: folder))
    }

    package func entry(_ target: String) -> Entry? { files.first { $0.target == target } }

    /// The files of a repository.
    package func entries(of repository: String) -> [Entry] {
        files.filter { $0.repository == repository }
    }

    /// Compares one file of a folder with what it must be; nil where it is that.
    ///
    /// - Parameter fast: only its size.
    package static func fault(of entry: Entry, in folder: String, fast: Bool) -> Fault? {
        let path = "\(folder)/\(entry.target)"
        let real = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        guard
            let size = try? FileManager.default.attributesOfItem(atPath: real)[.size] as? Int
        else { return .missing }
        guard size == entry.size else { return .size(found: size) }
        guard !fast else { return nil }
        guard let found = Checksum.sha256(of: real) else { return .missing }
        return found == entry.sha256 ? nil : .sum(found: found)
    }
}

extension WeightLock.Entry {
    /// Whether what becomes part of an address or of a path in the cache is what it should be.
    fileprivate var isSound: Bool {
        Hub.isName(commit) && Hub.isName(etag) && size >= 0
            && sha256.count == 64 && sha256.allSatisfy(\.isHexDigit)
    }

    /// The file as the hub had it.
    func hubFile(_ file: PublishedModel.File) -> HubFile {
        HubFile(
            file: file, etag: etag, revision: revision, commit: commit, size: size,
            lockedSum: sha256.lowercased())
    }
}
