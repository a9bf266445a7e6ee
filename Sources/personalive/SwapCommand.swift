import ArgumentParser
import Dataflow
import Foundation
import Launch

/// `personalive swap`: another kind of node takes a node's place while the graph runs.
struct SwapCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swap",
        abstract: "Replaces a node of a running graph without losing a frame.",
        discussion: """
            Settings of the old node that the new kind has as well stay, but for files; \
            --set gives others. A film that the old node was writing is complete then, unless the new \
            one goes on with it.

            The new process is started and loaded beside the old one, which works on until then. If it \
            cannot be made ready, the old one stays and the reason is printed. With --shadow nothing \
            is replaced: the new one gets the same input for a while, on this machine, wherever the old \
            one runs, and how much its pictures differ from those of the old one is printed.

            Exit codes: 0 replaced (or compared), 1 not, 64 the command line is wrong.
            """)

    @Argument(
        help: ArgumentHelp(
            "The run's name or folder (not needed while only one runs), and node=kind.",
            valueName: "run> <node=kind"))
    var words: [String]

    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: ArgumentHelp("A setting of the new node; may be repeated.", valueName: "name=value"))
    var assignments: [GraphSettings.Assignment] = []

    @Option(help: "The machine of the graph file's 'machines:' that the new node is to run on.")
    var machine: String?

    @Flag(help: "Only try the new node on what the old one gets, and compare their pictures.")
    var shadow = false

    @Option(help: "How many seconds --shadow compares, once the new node has loaded.")
    var seconds = 10.0

    @Flag(help: .hidden)
    var sayFolder = false

    func validate() throws {
        guard seconds > 0 else { throw ValidationError("--seconds must be more than 0") }
        guard (1...2).contains(words.count), let last = words.last,
            last.contains("=") || machine != nil
        else { throw ValidationError("say 'personalive swap [RUN] NODE=KIND'") }
        guard !shadow || machine == nil else {
            throw ValidationError("--shadow tries the new node on this machine: leave --machine out")
        }
    }

    func run() throws {
        let parts = words[words.count - 1].split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2 || machine != nil else { throw ValidationError("say NODE=KIND") }
        let settings = Dictionary(assignments.map { ($0.name, $0.value) }) { $1 }
        let replacement = NodeReplacement(
            node: parts[0], kind: parts.count == 2 ? parts[1] : nil, settings: settings,
            machine: machine)
        let run = words.count == 2 ? words[0] : nil
        if shadow {
            try ShadowRun(replacement, of: run, seconds: seconds).compare(saysFolder: sayFolder)
        } else {
            try RunClient.order(.change(.replace(replacement)), of: run)
        }
    }
}

extension RunClient {
    /// Asks for a change and waits for what comes of it, however long that takes.
    static func order(_ request: RunRequest, of run: String?) throws {
        do {
            let reply = try RunClient(run).ask(request, seconds: 3600) { Self.say($0) }
            switch reply {
            case .done(let text): print(text)
            case .refused(let reason):
                // Faults in a file name it first.
                let isNamed = reason.prefix { $0 != "\n" }.contains("error:")
                Self.say(isNamed ? reason : "error: \(reason)")
                throw ExitCode(1)
            case .status, .candidate, .place, .graph, .note: break
            }
        } catch let error as RunClientError {
            Self.say("error: \(error)")
            throw ExitCode(1)
        }
    }

    private static func say(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }
}
