import ArgumentParser
import Dataflow
import Foundation
import NodeKit

/// The plugin that a command is about, and the values of its settings.
struct PluginArguments: ParsableArguments {
    @Argument(help: "The plugin's folder, or its node.yaml.", completion: .directory)
    var folder: String

    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: ArgumentHelp("A value of a setting; may be repeated.", valueName: "name=value"))
    var assignments: [GraphSettings.Assignment] = []

    @Option(help: "Seconds that loading, or any other step, may take.")
    var patience = 20.0

    func validate() throws {
        guard patience > 0, patience <= 3600 else {
            throw ValidationError("--patience is between 0 and 3600 seconds")
        }
    }

    /// Reads node.yaml and checks the values; what is wrong is printed, and ends the command with exit code 2.
    func load() throws -> (plugin: Plugin, values: [String: SettingValue]) {
        let isFile = folder.hasSuffix("/\(PluginFile.name)") || folder == PluginFile.name
        let check = PluginFile.check(path: isFile ? folder : "\(folder)/\(PluginFile.name)")
        FileHandle.standardError.write(Data(check.text.utf8))
        guard let plugin = check.plugin else { throw ExitCode(2) }
        let (values, faults) = plugin.values(assignments.map { ($0.name, $0.value) })
        if let faults {
            FileHandle.standardError.write(Data(faults.utf8))
            throw ExitCode(2)
        }
        return (plugin, values)
    }
}
