import ArgumentParser
import Foundation
import Glibc
import Launch

/// `personalive logs`: what the nodes of a run have printed, while it runs and after.
struct LogsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Prints what the nodes of a run have printed, while it runs and after.",
        discussion: """
            A line is: when the supervisor read it, the node and which of its processes it was (counted \
            from 1), 'stdout', 'stderr', 'warning' (a message of the node) or 'note' (of the \
            supervisor), and the text. With a node: its lines, and those of the supervisor that name it.

            Without a run: the one that runs, or else the last one. '-' stands for that, where a node is \
            called like a run. A node keeps 4 to 8 MiB, a run 64 MiB, and the last 20 runs are kept, in \
            $XDG_STATE_HOME/personalive/runs or ~/.local/state/personalive/runs.

            Exit codes: 0 printed, 1 no such run or node, 64 the command line is wrong.
            """)

    @Argument(
        help: ArgumentHelp(
            "A run's name or the folder of its log, and a node.", valueName: "run> <node"))
    var words: [String] = []

    @Flag(name: .shortAndLong, help: "Go on with what comes, until the run is over.")
    var follow = false

    @Option(name: [.customShort("n"), .long], help: "Only so many of the last lines.")
    var lines: Int?

    @Flag(help: "List the runs that there are logs of, one line each, the newest first.")
    var all = false

    func validate() throws {
        guard words.count <= 2 else { throw ValidationError("say 'personalive logs [RUN] [NODE]'") }
        guard lines ?? 0 >= 0 else { throw ValidationError("--lines must not be negative") }
    }

    func run() throws {
        let logs = LogFolder.all
        if all { return logs.forEach { print(line($0)) } }
        let request: LogRequest
        do {
            request = try LogRequest(words, of: logs.map(LogRequest.Known.init))
        } catch {
            FileHandle.standardError.write(Data("error: \(error)\n".utf8))
            throw ExitCode(1)
        }
        guard let log = logs.first(where: { $0.path == request.folder }) else { return }
        let reader = LogReader(log, node: request.node)
        let before = reader.lines()
        (lines.map { before.suffix($0) } ?? before[...]).forEach { print($0) }
        guard follow else { return }
        var isOver = false
        while !isOver {
            fflush(nil)
            usleep(100_000)
            // What was written before the end is read after it was seen.
            isOver = !log.isAlive
            reader.lines().forEach { print($0) }
        }
    }

    private func line(_ log: LogFolder) -> String {
        let state = log.isAlive ? "running" : "over"
        return "\(log.name): \(state), \((log.size + 1023) / 1024) KiB, nodes "
            + "\(log.nodes.joined(separator: ", ")), \(log.path)"
    }
}
