import Foundation

/// Reads the log of a run, while it lives or after: the lines of all its files in the order of
/// time.
package final class LogReader {
    private let folder: LogFolder
    private let node: String?
    private let supervisor: LogTail
    private var nodes: [String: LogTail] = [:]

    /// - Parameter node: reads its lines only, and those of the supervisor that name it.
    package init(_ folder: LogFolder, node: String? = nil) {
        (self.folder, self.node) = (folder, node)
        supervisor = LogTail(LogFiles.path(of: nil, in: folder.path))
    }

    /// Lines that have come since the last call.
    package func lines() -> [String] {
        for name in node.map({ [$0] }) ?? folder.nodes where nodes[name] == nil {
            nodes[name] = LogTail(LogFiles.path(of: name, in: folder.path))
        }
        let own = supervisor.read().filter { line in node.map { line.contains("'\($0)'") } ?? true }
        let all = own + nodes.sorted { $0.key < $1.key }.flatMap { $0.value.read() }
        // Lines of one time stay in the order of their file.
        let timed = all.enumerated().map {
            (time: $0.element.prefix { $0 != " " }, at: $0.offset, text: $0.element)
        }
        return timed.sorted { ($0.time, $0.at) < ($1.time, $1.at) }.map(\.text)
    }
}
