import Dataflow
import Glibc

/// Whether a machine has what plugins in Python ask for; the module `personalive` of the node library knows.
package enum PluginRequirements {
    /// Looks on this machine, and installs what is missing if that is wanted.
    ///
    /// - Returns: whether all is there, and a sentence about it.
    package static func look(
        for plugin: Plugin, installs: Bool, executable: String
    ) throws -> MachineCheck.Trial {
        let command = try look(plugin.command, installs: installs, executable: executable)
        while true {
            if let outcome = try command.poll() {
                return MachineCheck.Trial(
                    isWell: outcome.status == 0, output: outcome.output + outcome.errors)
            }
            usleep(10_000)
        }
    }

    /// The same as a program that is under way.
    ///
    /// - Parameter command: a plugin's, which names the file: `python3 -m personalive --requirements FILE …`.
    static func look(_ command: [String], installs: Bool, executable: String) throws -> ShortCommand {
        let program = try NodeProgram(command, executable: executable)
        let file = program.words.firstIndex(of: "--requirements").map { program.words[$0 + 1] } ?? ""
        return try ShortCommand(
            [program.words[0], "-m", "personalive.requirements", installs ? "install" : "check", file],
            environment: program.environment, seconds: installs ? longestInstallation : 60)
    }

    /// Seconds that pip may take: PyTorch is 900 MB.
    static let longestInstallation = 1800.0
}
