import ArgumentParser
import Glibc
import Launch
import Models

/// Serves a supervisor of another machine: what `ssh` and `srun` start there.
struct AgentCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract: "Runs nodes here for a graph that was started elsewhere (launchers call this).",
        shouldDisplay: false)

    func run() throws {
        // Whatever a library prints must not get between the words to the supervisor.
        let output = dup(1)
        dup2(2, 1)
        try Agent(
            input: 0, output: output, executable: Personalive.executable,
            checksum: Checksum.sha256(of:)
        ).run()
    }
}
