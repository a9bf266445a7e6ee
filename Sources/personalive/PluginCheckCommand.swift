import ArgumentParser
import Dataflow
import Foundation
import Launch

/// `personalive plugin check`: plays the other side of the protocol, and says what is wrong.
struct PluginCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Runs a plugin against a stand-in for the rest of a graph, and says what is wrong.",
        discussion: """
            The program is started several times. It gets ticks of the shapes that its node.yaml \
            promises to take, and its answers are checked; then streams end, credits are held back, \
            consumers leave and the supervisor dies. Exit codes: 0 nothing is wrong, 1 something is, \
            2 node.yaml has faults or is not there, 64 the command line is wrong.
            """)

    @OptionGroup var subject: PluginArguments

    @Flag(help: "Print one JSON object.")
    var json = false

    private struct Answer: Codable {
        let kind: String
        let acts: [PluginCheck.Act]
    }

    func run() throws {
        let (plugin, values) = try subject.load()
        if !json { print("\(plugin.spec.kind) (\(plugin.file))") }
        let check = PluginCheck(
            plugin, values: values, patience: .seconds(subject.patience), executable: Personalive.executable)
        let acts = check.run { if !json { show($0) } }
        let count = acts.reduce(0) { $0 + $1.faults.count }
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            let answer = Answer(kind: plugin.spec.kind, acts: acts)
            print(String(decoding: try encoder.encode(answer), as: UTF8.self))
        } else {
            print(
                count == 0
                    ? "\(acts.count) acts, nothing is wrong"
                    : "\(acts.count) acts, \(count) thing\(count == 1 ? " is" : "s are") wrong: "
                        + "Plugins/README.md is the whole promise")
        }
        if count > 0 { throw ExitCode(1) }
    }

    private func show(_ act: PluginCheck.Act) {
        let word = act.faults.isEmpty ? "ok   " : "WRONG"
        print(String(format: "  %@ %5.1f s  %@", word, act.seconds, act.name))
        for fault in act.faults {
            print("        found:  \(fault.found)\n        needed: \(fault.needed)")
        }
    }
}
