import ArgumentParser
import Foundation
import Marks

/// `personalive log`: what was run on this machine.
struct LogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Shows the log of runs.", subcommands: [Runs.self])

    struct Runs: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the runs of this user: when, which graph, with which pictures.",
            discussion: """
                One line for a run's beginning and for each change of it: the time, the run's name, and the \
                SHA-256 of the graph, of its pictures and of the consents to them; no pictures and no names \
                of persons. The file only grows, and each line holds the sum of the line before it: a line \
                that was changed or taken out is found. A change of the last line and lines cut off at the \
                end are not, unless you have noted the last sum elsewhere.

                It is $XDG_STATE_HOME/personalive/run-history.jsonl, or in ~/.local/state.

                Exit codes: 0 whole, 1 the file cannot be read, 3 the chain is broken, 64 the command line is \
                wrong.
                """)

        @Flag(help: "Print the entries as one JSON array.")
        var json = false

        func run() throws {
            guard let path = RunHistory.path() else {
                return try fail("neither XDG_STATE_HOME nor HOME is set", code: 1)
            }
            let log: (entries: [RunHistory.Entry], breaks: [RunHistory.Break], last: String?)
            do { log = try RunHistory(path).read() } catch { return try fail("\(error)", code: 1) }
            if json {
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
                print(String(decoding: try encoder.encode(log.entries), as: UTF8.self))
            } else {
                log.entries.forEach { print(Self.line($0)) }
                print(
                    log.last.map { "\(log.entries.count) lines, the last with SHA-256 \($0)" }
                        ?? "no runs yet")
            }
            guard !log.breaks.isEmpty else { return }
            let faults = log.breaks.map { "line \($0.line) of \(path): \($0.reason)" }
            try fail(faults.joined(separator: "\nerror: "), code: 3)
        }

        private static func line(_ entry: RunHistory.Entry) -> String {
            let pictures = entry.pictures.map { picture in
                "  \(picture.node) \(picture.sha256.prefix(12))"
                    + (picture.consent.map { ", consent \($0.prefix(12))" } ?? "")
            }
            return "\(entry.time)  \(entry.event)  \(entry.run)  graph \(entry.graph.prefix(12))"
                + pictures.joined()
        }

        private func fail(_ text: String, code: Int32) throws {
            FileHandle.standardError.write(Data("error: \(text)\n".utf8))
            throw ExitCode(code)
        }
    }
}
