import Foundation
import NodeKit
import Tensors

/// Finds files that a graph reads by relative paths: where the tool was started, and else beside the graph.
///
/// A path of the command line starts where the tool was started, and so does everything that is written.
struct GraphFolders {
    /// Graph files by their number in places: the graph's own, then its parts.
    private let files: [String]

    init(files: [String]) { self.files = files }

    /// The path under which a file is found; as it was written where it is nowhere.
    func place(of path: String, _ scalar: Scalar, _ setting: SettingSpec) -> String {
        let isMedia = setting.type == .inputMedia
        guard isSearched(path, scalar, setting), !Self.exists(path, isMedia) else { return path }
        return candidates(path, scalar).first { Self.exists($0, isMedia) } ?? path
    }

    /// The other file of that name, beside the graph, where one is found where the tool was started.
    func twin(of path: String, _ scalar: Scalar, _ setting: SettingSpec) -> String? {
        guard isSearched(path, scalar, setting), let here = try? FilePlace(path), here.kind != .nothing,
            let beside = candidates(path, scalar).first, let there = try? FilePlace(beside),
            there.kind != .nothing, here != there
        else { return nil }
        return beside
    }

    private func isSearched(_ path: String, _ scalar: Scalar, _ setting: SettingSpec) -> Bool {
        guard !path.isEmpty, !path.hasPrefix("/"), !path.contains("://"), !scalar.isGiven else {
            return false
        }
        switch setting.type {
        case .inputFile, .inputMedia: return true
        case .weights: return path != "synthetic"
        default: return setting.isFolder
        }
    }

    /// In the folder of the file that says it and in the one above, then likewise of the graph. A part of the
    /// library is a folder further down.
    private func candidates(_ path: String, _ scalar: Scalar) -> [String] {
        let own = files.indices.contains(scalar.place.file) ? [files[scalar.place.file]] : []
        return (own + files.prefix(1)).flatMap { file in
            let folder = URL(fileURLWithPath: FileChecker.fullPath(file)).deletingLastPathComponent()
            let above = folder.deletingLastPathComponent()
            let isPart = folder.lastPathComponent + "/" == PartFolders.prefix
            return ([folder, above] + (isPart ? [above.deletingLastPathComponent()] : [])).map {
                $0.appendingPathComponent(path).standardizedFileURL.path
            }
        }
    }

    private static func exists(_ path: String, _ isMedia: Bool) -> Bool {
        FileManager.default.fileExists(atPath: path)
            || isMedia && MediaPath.isPattern(path) && MediaPath.hasMatch(path)
    }
}
