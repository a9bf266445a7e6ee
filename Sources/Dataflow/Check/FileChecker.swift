import Foundation
import NodeKit

/// Looks for the files that a graph names; relative paths start at the current directory.
struct FileChecker {
    /// Whole paths of what nodes read, each with the first node that does.
    private(set) var inputs: [String: String] = [:]

    /// What is wrong with a file or folder that must be there.
    mutating func input(_ path: String, _ setting: SettingSpec, node: String) -> SettingFault? {
        let full = Self.fullPath(path)
        if inputs[full] == nil { inputs[full] = node }
        guard FileManager.default.fileExists(atPath: full) else {
            if setting.type == .inputMedia, MediaPath.isPattern(full) {
                return MediaPath.hasMatch(full) ? nil : .noMatch(setting, pattern: path)
            }
            return .noFile(
                setting, path: path, fullPath: full, nearest: Self.nearest(path, full))
        }
        guard FileManager.default.isReadableFile(atPath: full) else {
            return .unreadableFile(setting, path: path)
        }
        return nil
    }

    static func fullPath(_ path: String) -> String {
        if path.hasPrefix("/") { return path }
        let plain = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
        let folder = FileManager.default.currentDirectoryPath
        return (folder.hasSuffix("/") ? folder : folder + "/") + plain
    }

    static func parent(_ path: String) -> String {
        guard let slash = path.dropLast(path.hasSuffix("/") ? 1 : 0).lastIndex(of: "/") else {
            return "."
        }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// "did you mean …" with the nearest name in the same folder.
    private static func nearest(_ path: String, _ full: String) -> String? {
        let folder = parent(full)
        guard FileManager.default.fileExists(atPath: folder) else {
            return "its folder does not exist either"
        }
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        var names = NearestName()
        let name = String(full.dropFirst(folder.count).drop { $0 == "/" })
        return names.nearest(to: name, among: files.sorted()).map { found in
            let start = parent(path)
            let isHere = start == "." && !path.hasPrefix("./")
            return "did you mean \((isHere ? found : start + "/" + found).quoted)?"
        }
    }
}
