/// Which run's log a command means, and of which node.
package struct LogRequest: Equatable {
    package let folder: String
    package let node: String?

    /// Why no log can be meant.
    package enum Fault: Error, CustomStringConvertible, Equatable {
        case none
        case unknown(String, runs: [String])
        /// A single word that names no run, and no node of the run that is meant without a name.
        case neither(String, runs: [String], run: String, nodes: [String])
        case several([String])
        case noNode(String, run: String, nodes: [String])

        package var description: String {
            switch self {
            case .none: "there is no log: no graph has run ('personalive run FILE' starts one)"
            case .unknown(let name, let runs):
                "there is no log of a run '\(name)'; there are those of: "
                    + runs.joined(separator: ", ")
            case .neither(let word, let runs, let run, let nodes):
                "'\(word)' is neither a run that has a log (\(runs.joined(separator: ", "))) nor a "
                    + "node of '\(run)' (\(nodes.joined(separator: ", ")))"
            case .several(let names):
                "\(names.count) graphs run: \(names.joined(separator: ", ")); say which one is meant "
                    + "by its name"
            case .noNode(let node, let run, let nodes):
                "run '\(run)' has no lines of a node '\(node)'; there are those of: "
                    + nodes.joined(separator: ", ")
            }
        }
    }

    /// What is known of a log where a request is understood.
    package struct Known {
        let folder, name: String
        let isAlive: Bool
        let nodes: [String]

        package init(_ log: LogFolder) {
            (folder, name, isAlive, nodes) = (log.path, log.name, log.isAlive, log.nodes)
        }

        init(folder: String, name: String, isAlive: Bool, nodes: [String]) {
            (self.folder, self.name, self.isAlive, self.nodes) = (folder, name, isAlive, nodes)
        }

        fileprivate func isCalled(_ word: String) -> Bool {
            name == word || folder == word || folder.hasSuffix("/\(word)")
        }
    }

    /// Understands `[RUN] [NODE]`; `-` stands for the run that is meant without a name.
    ///
    /// - Parameter logs: the newest first.
    package init(_ words: [String], of logs: [Known]) throws(Fault) {
        guard !logs.isEmpty else { throw .none }
        var words = words[...]
        let log: Known
        if let word = words.first, let named = logs.first(where: { $0.isCalled(word) }) {
            log = named
            words.removeFirst()
        } else if let word = words.first, words.count == 2, word != "-" {
            throw .unknown(word, runs: Self.names(logs))
        } else {
            let alive = logs.filter(\.isAlive)
            guard alive.count < 2 else { throw .several(Self.names(alive)) }
            log = alive.first ?? logs[0]
            if words.first == "-" {
                words.removeFirst()
            } else if let word = words.first, !log.nodes.contains(word) {
                throw .neither(word, runs: Self.names(logs), run: log.name, nodes: log.nodes)
            }
        }
        (folder, node) = (log.folder, words.first)
        if let node, !log.nodes.contains(node) {
            throw .noNode(node, run: log.name, nodes: log.nodes)
        }
    }

    private static func names(_ logs: [Known]) -> [String] { Set(logs.map(\.name)).sorted() }
}
