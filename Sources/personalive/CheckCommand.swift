import ArgumentParser
import Dataflow

/// `personalive check`: every fault of a graph file, before anything is started.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Reports every fault of a graph file at once, and starts nothing.",
        discussion: """
            Exit codes: 0 no faults (warnings do not count), 1 faults were found, 2 a file cannot \
            be read, 64 the command line is wrong.
            """)

    @Argument(help: "Graph files to check.", completion: .file(extensions: ["yaml", "yml"]))
    var files: [String]

    @OptionGroup var settings: GraphSettings

    @Option(help: "How faults are written: text for people, json for programs.")
    var format = Format.text

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    func run() throws {
        let checks = files.map { file in
            let plugins = PluginFolders.load(besides: file)
            let check = GraphFile.check(
                path: file, overrides: settings.overrides, registry: plugins.registry)
            return (file: file, plugins: plugins, graph: check)
        }
        switch format {
        case .text:
            for (file, plugins, graph) in checks {
                print(plugins.text + graph.text + graph.summary(of: file))
            }
        case .json:
            print(JSONValue.array(checks.flatMap { $0.plugins.json + $0.graph.json }).serialized())
        }
        if checks.contains(where: { !$0.graph.isReadable }) { throw ExitCode(2) }
        if checks.contains(where: { $0.graph.errorCount > 0 || $0.plugins.hasFaults }) {
            throw ExitCode(1)
        }
    }
}

/// `--set name=value`, wherever a graph file is taken.
struct GraphSettings: ParsableArguments {
    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: ArgumentHelp(
            "Replaces a value of the file's 'settings:'; may be repeated.",
            valueName: "name=value"))
    var assignments: [Assignment] = []

    /// Names and values, in the order in which they were given.
    var overrides: [(name: String, value: String)] {
        assignments.map { ($0.name, $0.value) }
    }

    struct Assignment: ExpressibleByArgument {
        let name: String
        let value: String

        init?(argument: String) {
            guard let equals = argument.firstIndex(of: "="), equals > argument.startIndex else {
                return nil
            }
            name = String(argument[..<equals])
            value = String(argument[argument.index(after: equals)...])
        }
    }
}

extension GraphFile.Check {
    /// `demo.yaml: 8 nodes, 11 edges, no faults`.
    fileprivate func summary(of file: String) -> String {
        let warnings = diagnostics.count - errorCount
        let rest = warnings == 0 ? "" : ", " + Self.count(warnings, "warning")
        guard let graph else {
            return "\(file): \(Self.count(errorCount, "fault"))\(rest), nothing was started"
        }
        return "\(file): \(Self.count(graph.nodes.count, "node")), "
            + "\(Self.count(graph.edges.count, "edge")), no faults\(rest)"
    }

    private static func count(_ number: Int, _ noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }
}
