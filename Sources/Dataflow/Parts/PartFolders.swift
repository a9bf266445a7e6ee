import Foundation

/// The library of parts: graph files that other graphs use by name, as `use: parts/face-tracker`.
package struct PartFolders: Sendable {
    /// What a name of the library begins with; the folders that hold parts are called so, too.
    static let prefix = "parts/"
    private static let ending = ".yaml"

    /// Folders of files, behind those of the graph.
    private let further: [String]

    /// Looks in `parts/` beside the file that uses a part, in `parts/` beside the graph, in the folders that
    /// `PERSONALIVE_PARTS` lists, separated by colons, and where the project's own parts are.
    ///
    /// - Parameter shipped: folders of the project's own parts; nil for the usual ones.
    package init(
        listed: String? = ProcessInfo.processInfo.environment["PERSONALIVE_PARTS"],
        shipped: [String]? = nil
    ) {
        let listed = (listed ?? "").split(separator: ":").map(String.init)
        further = listed + (shipped ?? Self.shipped)
    }

    /// `Graphs/parts` of the current folder and of those around the tool: it is built below the project's.
    private static var shipped: [String] {
        let tool = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        var folders = ["Graphs/parts"]
        var words = (tool ?? "").split(separator: "/").dropLast()
        for _ in 0..<4 where !words.isEmpty {
            let folder = "/" + words.joined(separator: "/") + "/Graphs/parts"
            if FileManager.default.fileExists(atPath: folder) { folders.append(folder) }
            words = words.dropLast()
        }
        return folders
    }

    /// The part's name where a word after `use:` is one of the library; nil for kinds and paths.
    package static func name(_ kind: String) -> String? {
        guard kind.hasPrefix(prefix) else { return nil }
        let name = kind.dropFirst(prefix.count)
        let isName = !name.isEmpty && name.utf8.allSatisfy(ReferenceMask.isNameByte)
        return isName ? String(name) : nil
    }

    /// Where a part is looked for, in this order.
    ///
    /// - Parameter files: the graph first, the file that uses the part last; a part's own folder has others.
    package func folders(besides files: [String]) -> [String] {
        var seen: Set<String> = []
        return ([files.last, files.first].compactMap { $0 }.map(Self.folder) + further)
            .filter { seen.insert($0).inserted }
    }

    private static func folder(besides file: String) -> String {
        let beside = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
        let isLibrary = beside == prefix || beside.hasSuffix("/" + prefix)
        return isLibrary ? String(beside.dropLast()) : beside + "parts"
    }

    /// The file of a part; nil where no folder has it.
    package func file(of name: String, besides files: [String]) -> String? {
        folders(besides: files).map { "\($0)/\(name)\(Self.ending)" }
            .first { FileManager.default.fileExists(atPath: $0) }
    }

    /// Every part that can be used, by name; of several of one name the one that is taken.
    package func all(besides files: [String]) -> [(name: String, file: String)] {
        var found: [String: String] = [:]
        for folder in folders(besides: files) {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            for file in names where file.hasSuffix(Self.ending) {
                let name = String(file.dropLast(Self.ending.count))
                if Self.name(Self.prefix + name) != nil, found[name] == nil {
                    found[name] = "\(folder)/\(file)"
                }
            }
        }
        return found.sorted { $0.key < $1.key }.map { (name: $0.key, file: $0.value) }
    }

    /// What `use:` takes, as kinds are described, of all parts that graphs in a folder can use.
    ///
    /// - Parameter graph: a graph file; without it, as one of the current folder.
    package func listing(besides graph: String? = nil, registry: NodeRegistry) -> [PartFile] {
        all(besides: [graph ?? "graph.yaml"]).map {
            PartFile(kind: Self.prefix + $0.name, path: $0.file, registry: registry)
        }
    }
}
