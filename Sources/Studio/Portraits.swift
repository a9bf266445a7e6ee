import Foundation
import Glibc
import Launch
import Marks
import NodeKit

/// Portraits that pages have sent: files in the run's folder, which go with it.
///
/// They are never decoded here: the node `image-file` does that, in a process of its own, and where it
/// cannot, the portrait before stays.
struct Portraits: Sendable {
    /// One portrait as the page lists it.
    struct Line: Codable, Sendable {
        var name: String
        var type: String
        var bytes: Int
    }

    let folder: String

    /// Bytes of one file, and how many files there may be.
    static let (largest, most) = (20 << 20, 50)

    /// The graph's setting for the portrait's file, and the name of the node that reads it.
    static let setting = "portrait"

    /// - Parameter run: the run's folder.
    init(run: String) { folder = "\(run)/portraits" }

    /// The portraits of a run. Where its graph's own one is must be noted before another takes its place.
    init(run: String, of graph: RunGraph) {
        self.init(run: run)
        if case .text(let path) = Self.path(in: graph) { remember(original: path) }
    }

    /// The file that a graph's portrait is read from now.
    static func path(in graph: RunGraph) -> SettingValue? { graph.settings[setting]?["path"] }

    /// The ending of a picture's name by its first bytes; nil of what is no picture that is taken.
    static func ending(of bytes: some Collection<UInt8>) -> String? {
        let head = Array(bytes.prefix(12))
        if head.starts(with: [0x89, 0x50, 0x4E, 0x47]) { return "png" }
        if head.starts(with: [0xFF, 0xD8, 0xFF]) { return "jpg" }
        guard head.count == 12 else { return nil }
        let (first, second) = (Array(head[0..<4]), Array(head[8..<12]))
        if first == Array("RIFF".utf8), second == Array("WEBP".utf8) { return "webp" }
        let isISO = Array(head[4..<8]) == Array("ftyp".utf8)
        if isISO, second == Array("avif".utf8) { return "avif" }
        if isISO, ["heic", "heix", "mif1"].contains(String(decoding: second, as: UTF8.self)) {
            return "heic"
        }
        return nil
    }

    private static let types = [
        "png": "image/png", "jpg": "image/jpeg", "webp": "image/webp", "avif": "image/avif",
        "heic": "image/heic",
    ]

    /// The one that the graph began with comes first.
    func list() -> [Line] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let own = names.sorted().compactMap { line($0, "\(folder)/\($0)") }
        return (original.flatMap { line(Self.originalName, $0) }.map { [$0] } ?? []) + own
    }

    private func line(_ name: String, _ path: String) -> Line? {
        guard let type = Self.types[(path as NSString).pathExtension.lowercased()] else { return nil }
        let size = (try? FileManager.default.attributesOfItem(atPath: path))?[.size]
        return Line(name: name, type: type, bytes: size as? Int ?? 0)
    }

    // MARK: The one that the graph began with

    private static let originalName = "original"
    private var note: String { "\(folder)/original.path" }

    /// Where the portrait is that the graph began with; nil while nobody said.
    private var original: String? {
        FileManager.default.contents(atPath: note).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Notes where it is, before another one takes its place.
    func remember(original path: String) {
        guard original == nil, !path.hasPrefix(folder) else { return }
        mkdir(folder, 0o700)
        try? Data(path.utf8).write(to: URL(fileURLWithPath: note))
    }

    /// What a file is called here; nil of one that is none of these.
    func name(of value: SettingValue) -> String? {
        guard case .text(let path) = value else { return nil }
        if path == original { return Self.originalName }
        return path.hasPrefix(folder + "/") ? (path as NSString).lastPathComponent : nil
    }

    /// Keeps a picture; returns its name.
    ///
    /// - Throws: ``StudioError`` when it is none, too large, or one too many.
    func keep(_ bytes: Data) throws -> String {
        guard bytes.count <= Self.largest else { throw StudioError.tooLarge(limit: Self.largest) }
        guard let ending = Self.ending(of: bytes) else {
            throw StudioError.malformed(
                "this is not a picture that is taken: send PNG, JPEG, WebP, AVIF or HEIC")
        }
        mkdir(folder, 0o700)
        guard list().count < Self.most else {
            throw StudioError.refused("this run has \(Self.most) portraits already, and keeps no more: choose one of them")
        }
        let name = "portrait-\(String(UInt32.random(in: 0 ... .max), radix: 36)).\(ending)"
        let path = "\(folder)/\(name)"
        guard FileManager.default.createFile(
            atPath: path, contents: bytes, attributes: [.posixPermissions: 0o600])
        else { throw StudioError.cannotWrite(path, reason: String(cString: strerror(errno))) }
        return name
    }

    func remove(_ name: String) {
        guard let path = try? path(of: name) else { return }
        unlink(path)
        unlink(ConsentFile.path(besides: path))
    }

    /// Writes down beside a picture who agreed to its use, where its node looks for that.
    ///
    /// - Throws: ``SigningError`` when the user's key cannot be used.
    func note(_ consent: Consent, to name: String) throws {
        let path = try path(of: name)
        let text = try ConsentFile.text(
            for: path, person: consent.person, purpose: Consent.purpose, keys: SigningKeys.own())
        let file = ConsentFile.path(besides: path)
        guard FileManager.default.createFile(
            atPath: file, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
        else { throw StudioError.cannotWrite(file, reason: String(cString: strerror(errno))) }
    }

    /// Where a portrait is. Only names of the list lead anywhere.
    func path(of name: String) throws -> String {
        guard list().contains(where: { $0.name == name }) else {
            throw StudioError.missing("there is no portrait '\(name)'")
        }
        return name == Self.originalName ? original ?? "" : "\(folder)/\(name)"
    }

    func contents(of name: String) throws -> (data: Data, type: String) {
        let path = try path(of: name)
        guard let data = FileManager.default.contents(atPath: path) else {
            throw StudioError.missing("there is no portrait '\(name)'")
        }
        return (data, list().first { $0.name == name }?.type ?? "application/octet-stream")
    }
}
