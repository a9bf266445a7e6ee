import ArgumentParser
import Foundation
import Glibc
import Launch

/// Hosts a plugin in a run on several machines: what launchers start in its place.
struct RelayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relay",
        abstract: "Starts a plugin and stands between it and other machines (launchers call this).",
        shouldDisplay: false)

    @Argument(help: "The node's name in the graph.")
    var name: String

    @Option(help: "The plugin's program and first arguments, as a JSON array.")
    var command: String

    @Option(help: "The kind of node, as in YAML's 'use:'.")
    var kind: String

    @Option(help: "The folder of the run's sockets.")
    var folder: String

    func run() throws {
        guard let words = try? JSONDecoder().decode([String].self, from: Data(command.utf8)),
            !words.isEmpty
        else { throw ValidationError("--command is not a JSON array of words") }
        let status = try RelayHost.run(words, name: name, kind: kind, folder: folder)
        guard status < 0 else { _exit(status) }
        // It ends as the plugin did, so that whoever looks sees the same.
        signal(-status, SIG_DFL)
        kill(getpid(), -status)
        _exit(128 - status)
    }
}
