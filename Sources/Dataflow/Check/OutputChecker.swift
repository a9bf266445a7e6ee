import Foundation
import Glibc
import NodeKit
import Tensors

/// Looks at the places of the files that a graph writes: whether something can be written there, and
/// whether it would destroy what the graph reads or writes elsewhere.
///
/// Files are told apart by device and inode, with links followed, so that no spelling hides one.
struct OutputChecker {
    private struct Output {
        let path: String
        let place: FilePlace
        let node: String
        let scalar: Scalar
        /// Whether it is a folder of files.
        var isFolder: Bool { path.hasSuffix("/") }
        /// What several may write to, and nobody reads from.
        var isSink: Bool { place.kind == .characterDevice }
    }

    private var outputs: [Output] = []

    /// What is wrong with an output on any machine, wherever it leads.
    static func spellingFault(of path: String, _ setting: SettingSpec) -> SettingFault? {
        guard setting.type == .outputFile else { return nil }
        if path == "-" {
            return .unwritable(
                setting, path: path, reason: "each node is a process of its own, so its standard output "
                    + "is the run's log",
                hint: "make a pipe, which programs can read: mkfifo film.mp4")
        }
        let name = path.lowercased()
        guard !setting.endings.isEmpty, !setting.endings.contains(where: { name.hasSuffix($0) }) else {
            return nil
        }
        return .unknownEnding(setting, path: path)
    }

    /// What is wrong with the place of an output.
    mutating func fault(of path: String, _ setting: SettingSpec, node: String, at scalar: Scalar)
        -> SettingFault?
    {
        if path == "-" { return Self.spellingFault(of: path, setting) }
        let place: FilePlace
        do throws(FilePlace.Fault) { place = try FilePlace(path) } catch {
            if case .system(let reason) = error {
                return .unwritable(setting, path: path, reason: reason, hint: nil)
            }
            let full = FileChecker.parent(FileChecker.fullPath(path))
            return .noFolder(setting, path: path, folder: FileChecker.parent(path), full: full)
        }
        outputs.append(Output(path: path, place: place, node: node, scalar: scalar))
        return Self.fault(of: path, place, setting)
    }

    private static func fault(
        of path: String, _ place: FilePlace, _ setting: SettingSpec
    ) -> SettingFault? {
        let takesFolder = setting.endings.contains("/")
        if path.hasSuffix("/"), takesFolder {
            return place.folderObstacle.map {
                .unwritable(setting, path: path, reason: $0, hint: nil)
            }
        }
        if place.kind == .folder || path.hasSuffix("/") {
            return .isFolder(setting, path: path, takesFolder: takesFolder)
        }
        let isStream = place.kind == .pipe || place.kind == .characterDevice
        if place.kind == .nothing || place.kind == .file, access(place.folder, W_OK | X_OK) != 0 {
            return .notWritable(setting, folder: place.folder)
        }
        if let obstacle = place.obstacle {
            return .unwritable(setting, path: path, reason: obstacle, hint: nil)
        }
        // A pipe or device gets mp4, whatever it is called.
        return isStream ? nil : spellingFault(of: path, setting)
    }

    /// Outputs that two nodes write, and outputs that are also read.
    ///
    /// - Parameters:
    ///   - inputs: files and folders that nodes read, with the nodes.
    ///   - graphs: the graph's own files.
    func collisions(inputs: [String: String], graphs: [String]) -> [Diagnostic] {
        let own = Set(graphs.compactMap { try? FilePlace($0) })
        let read = readers(of: inputs)
        var earlier: [Output] = []
        return outputs.compactMap { output in
            defer { earlier.append(output) }
            guard !output.isSink else { return nil }
            let fault: SettingFault? =
                if let other = earlier.first(where: { Self.collide($0, output) }) {
                    .sameOutput(path: output.path, node: other.node)
                } else if own.contains(output.place) {
                    .overwritesGraph(path: output.path)
                } else {
                    read[output.place].map { .overwritesInput(path: output.path, node: $0) }
                }
            return fault.map {
                Diagnostic($0, at: output.scalar.place, notes: output.scalar.notes)
            }
        }
    }

    private static func collide(_ a: Output, _ b: Output) -> Bool {
        a.place == b.place || a.isFolder && b.place.folders.contains(a.place)
            || b.isFolder && a.place.folders.contains(b.place)
    }

    /// Who reads what is there; of a folder, such as one of weights, every file in it.
    private func readers(of inputs: [String: String]) -> [FilePlace: String] {
        guard outputs.contains(where: { $0.place.kind != .nothing }) else { return [:] }
        var readers: [FilePlace: String] = [:]
        for (path, node) in inputs {
            guard let place = try? FilePlace(path) else { continue }
            readers[place] = node
            guard place.kind == .folder else { continue }
            let files = FileManager.default.enumerator(atPath: place.path)
            for _ in 0..<Self.mostFiles {
                guard let file = files?.nextObject() as? String else { break }
                if let inside = try? FilePlace("\(place.path)/\(file)") {
                    readers[inside] = readers[inside] ?? node
                }
            }
        }
        return readers
    }

    /// A folder of weights has a few dozen.
    private static let mostFiles = 20_000
}
