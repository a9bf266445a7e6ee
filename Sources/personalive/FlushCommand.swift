import ArgumentParser
import Launch

/// `personalive flush`: a new epoch.
struct FlushCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flush",
        abstract: "Drops the frames that are under way in a run, and begins a new epoch.",
        discussion: """
            What waits on edges and inputs is dropped and counted as flushed; sources go on with the \
            next frame. A node that keeps frames to itself, as the denoiser's window does, is not \
            emptied: what it still makes of earlier frames is dropped behind it.

            Exit codes: 0 done, 1 refused or no such run, 64 the command line is wrong.
            """)

    @OptionGroup var target: RunArgument

    func run() throws { try RunClient.order(.flush, of: target.run) }
}
