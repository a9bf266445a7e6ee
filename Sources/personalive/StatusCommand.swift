import ArgumentParser
import Foundation
import Launch

/// Which running graph a command means.
struct RunArgument: ParsableArguments {
    @Argument(help: "A run's name or folder; not needed while only one runs.")
    var run: String?

    /// A line to that run.
    func client() throws -> RunClient { try saying { try RunClient(run) } }

    /// A line to that run, and how it stands.
    func reached() throws -> (RunClient, RunStatus) {
        try saying {
            let client = try RunClient(run)
            return (client, try client.status())
        }
    }

    private func saying<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as RunClientError {
            FileHandle.standardError.write(Data("error: \(error)\n".utf8))
            throw ExitCode(1)
        }
    }
}

/// `personalive status`: how running graphs stand.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Says which graphs run, or how one of them stands.",
        discussion: "Exit codes: 0 it answered, 1 no such run, 64 the command line is wrong.")

    @OptionGroup var target: RunArgument

    @Flag(help: "List all runs, one line each.")
    var all = false

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let runs = all ? RunClient.runs() : [try status()]
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            let data = try all ? encoder.encode(runs) : encoder.encode(runs[0])
            print(String(decoding: data, as: UTF8.self))
        } else {
            for run in runs { print(line(run)) }
            if !all { for node in runs[0].nodes { print(line(node)) } }
        }
    }

    private func status() throws -> RunStatus {
        do {
            return try target.client().status()
        } catch let error as RunClientError {
            FileHandle.standardError.write(Data("error: \(error)\n".utf8))
            throw ExitCode(1)
        }
    }

    private func line(_ run: RunStatus) -> String {
        String(format: "%@ (%@): %@, %.1f s, ", run.name, run.graph, run.state, run.seconds)
            + run.folder + (run.metrics.map { ", figures at \($0)" } ?? "")
    }

    private func line(_ node: RunStatus.Node) -> String {
        let place = node.machine.map { " on \($0)" } ?? ""
        return "  \(node.name) (\(node.kind)): \(node.state), process \(node.pid)\(place), \(node.report.ticks) "
            + "ticks, \(node.restarts) restarts" + (node.settingsText.map { "; \($0)" } ?? "")
            + (node.note.map { "\n    \($0)" } ?? "")
    }
}
