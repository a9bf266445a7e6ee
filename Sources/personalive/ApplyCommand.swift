import ArgumentParser
import Foundation
import Launch

/// `personalive apply`: a running graph becomes what an edited file says.
struct ApplyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Makes a running graph equal to an edited file, by doing only what differs.",
        discussion: """
            What differs is printed first: nodes that come, go or are other kinds or have other \
            settings, and inputs that are fed otherwise. What is new loads beside what runs; when all \
            of it is ready, the graph is the new one from one frame on, and no frame is lost or made \
            twice. A node that goes finishes what it has. With a fault in the file, a node that cannot \
            be made ready, frames that would get too old or memory that is not there, nothing changes.

            Exit codes: 0 done, 1 nothing was changed, 64 the command line is wrong.
            """)

    @Argument(help: "The edited graph file.", completion: .file(extensions: ["yaml", "yml"]))
    var file: String

    @OptionGroup var target: RunArgument

    @Flag(help: "Only print what differs.")
    var dryRun = false

    func run() throws {
        let path = URL(fileURLWithPath: file).path
        try RunClient.order(.change(.file(path: path), isDry: dryRun), of: target.run)
    }
}

/// `personalive set`: a running graph gets other values of its `settings:`.
struct SetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Changes values of a running graph's 'settings:', and settings of its nodes.",
        discussion: """
            NAME=VALUE is a value of the graph's 'settings:', NODE.SETTING=VALUE one of a node. A \
            setting that 'personalive nodes KIND' calls live reaches the node between two frames, \
            without another process; for any other the node is replaced, as by 'swap'. Which of the \
            two it is, is printed first. All values are checked before anything is done, and live ones \
            change last: all of it happens, or nothing.

            Exit codes: 0 done, 1 nothing was changed, 64 the command line is wrong.
            """)

    @Argument(
        help: ArgumentHelp(
            "The run's name or folder (not needed while only one runs), then values.",
            valueName: "run> <name=value"))
    var words: [String]

    @Flag(help: "Only print what would change, and how: live or by a swap.")
    var dryRun = false

    func run() throws {
        let run = words.first.flatMap { $0.contains("=") ? nil : $0 }
        let values = try words.dropFirst(run == nil ? 0 : 1).map { word in
            guard let value = GraphSettings.Assignment(argument: word) else {
                throw ValidationError("'\(word)' is not name=value")
            }
            return (value.name, value.value)
        }
        guard !values.isEmpty else { throw ValidationError("say 'personalive set [RUN] NAME=VALUE'") }
        try RunClient.order(
            .change(.settings(Dictionary(values) { $1 }), isDry: dryRun), of: run)
    }
}
