import Foundation
import NodeKit

/// The plugins of the places where they are looked for.
package struct PluginFolders: Sendable {
    /// Every file that was found, sound or not, in the order of the search.
    package let checks: [PluginFile.Check]
    /// The kinds of the tool itself and of every sound plugin.
    package let registry: NodeRegistry

    /// Looks in `Plugins/` of the current folder, in `Plugins/` beside the graph file, and in the
    /// folders that `PERSONALIVE_PLUGINS` lists, separated by colons.
    ///
    /// In each of them every folder with a `node.yaml` is a plugin; a listed folder may be one itself.
    package init(
        builtin: [NodeSpec], graph: String? = nil,
        listed: String? = ProcessInfo.processInfo.environment["PERSONALIVE_PLUGINS"],
        specOfFile: @escaping NodeRegistry.SpecOfFile = { _, _ in nil },
        faultOfContent: @escaping NodeRegistry.FaultOfContent = { _, _ in nil }
    ) {
        var folders = ["Plugins"]
        if let graph {
            // NSString's way up traps at a name of one letter.
            let beside = graph.lastIndex(of: "/").map { graph[...$0] } ?? ""
            folders.append("\(beside)Plugins")
        }
        folders += (listed ?? "").split(separator: ":").map(String.init)
        self.init(
            builtin: builtin, files: Self.files(in: folders), specOfFile: specOfFile,
            faultOfContent: faultOfContent)
    }

    /// Reads these files.
    package init(
        builtin: [NodeSpec], files: [String],
        specOfFile: @escaping NodeRegistry.SpecOfFile = { _, _ in nil },
        faultOfContent: @escaping NodeRegistry.FaultOfContent = { _, _ in nil }
    ) {
        let read = files.map { PluginFile.check(path: $0) }
        var owners = Dictionary(uniqueKeysWithValues: builtin.map { ($0.kind, "the tool's own") })
        checks = read.map { check in
            guard let kind = check.kind else { return check }
            if let owner = owners[kind] { return check.refused(because: owner) }
            owners[kind] = check.file
            return check
        }
        let broken = checks.filter { $0.plugin == nil }
            .compactMap { check in check.kind.map { ($0, check.file) } }
        registry = NodeRegistry(
            builtin, plugins: checks.compactMap(\.plugin),
            broken: Dictionary(broken) { first, _ in first }, specOfFile: specOfFile,
            faultOfContent: faultOfContent)
    }

    /// All faults as compilers write them.
    package var text: String { checks.map(\.text).joined() }
    /// All faults for programs.
    package var json: [JSONValue] { checks.flatMap(\.json) }
    package var hasFaults: Bool { checks.contains { $0.plugin == nil } }

    /// Each file once, however many ways lead to it.
    private static func files(in folders: [String]) -> [String] {
        var seen: Set<String> = []
        return folders.flatMap { folder -> [String] in
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            return ([folder] + names.sorted().map { "\(folder)/\($0)" })
                .map { "\($0)/\(PluginFile.name)" }
        }.filter { file in
            FileManager.default.fileExists(atPath: file)
                && seen.insert(URL(fileURLWithPath: file).resolvingSymlinksInPath().path).inserted
        }
    }
}
