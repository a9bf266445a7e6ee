import ArgumentParser
import Dataflow
import Foundation

/// `personalive plugin`: what authors of nodes need.
struct PluginCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plugin", abstract: "Helps to write nodes in other languages.",
        subcommands: [PluginNewCommand.self, PluginCheckCommand.self])
}

/// `personalive plugin new`: a plugin that works, to be changed.
struct PluginNewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new", abstract: "Makes a folder with a node that works, to be changed.",
        discussion: """
            The node takes the colour out of frames until you change it. Exit codes: 0 made, 1 the \
            name is taken or cannot be one, 64 the command line is wrong.
            """)

    @Argument(help: "The kind of node, as in YAML's 'use:'.")
    var name: String

    @Option(help: "The language of the program.")
    var language = Language.python

    @Option(help: "The folder of plugins that it is put into.")
    var into = "Plugins"

    enum Language: String, ExpressibleByArgument, CaseIterable {
        case python
    }

    func run() throws {
        let folder = "\(into)/\(name)"
        let file = "\(folder)/\(PluginFile.name)"
        if PluginFolders.load().registry[name] != nil {
            throw ScaffoldError.kindTaken(name)
        }
        guard !FileManager.default.fileExists(atPath: folder) else {
            throw ScaffoldError.folderTaken(folder)
        }
        // A name with a slash in it would end up elsewhere.
        guard name.first?.isLetter == true, name.utf8.count <= 40,
            name.utf8.allSatisfy(Self.isNameByte)
        else {
            throw ScaffoldError.noName(name)
        }
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        try write(yaml, to: file)
        try write(program, to: "\(folder)/node.py")
        let check = PluginFile.check(path: file)
        FileHandle.standardError.write(Data(check.text.utf8))
        guard check.plugin != nil else { throw ExitCode(1) }
        print("\(file)\n\(folder)/node.py")
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        let character = Character(UnicodeScalar(byte))
        return byte < 0x80 && (character.isLetter || character.isNumber || character == "-")
    }

    private func write(_ text: String, to path: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }

    private var yaml: String {
        """
        # Plugins/README.md of personalive has every key.
        kind: \(name)
        summary: Takes the colour out of frames, until somebody changes it.
        command: [python3, ./node.py]
        inputs:
          frame: { type: u8, axes: n h w 3, meaning: rgb }
        outputs:
          frame: { type: u8, axes: n h w 3, meaning: rgb }
        settings:
          strength: { type: number, minimum: 0, maximum: 1, default: 1, live: true }

        """
    }

    /// The worked example of `Plugins/`, as it was when the tool was built.
    private var program: String { String(decoding: PackageResources.node_py, as: UTF8.self) }
}

/// Why nothing was made.
private enum ScaffoldError: Error, CustomStringConvertible {
    case kindTaken(String)
    case folderTaken(String)
    case noName(String)

    var description: String {
        switch self {
        case .kindTaken(let kind): "there is already a kind of node called '\(kind)'"
        case .folderTaken(let folder): "\(folder) is there already"
        case .noName(let name):
            "'\(name)' is no name: names are at most 40 letters, digits and '-', and begin with a "
                + "letter"
        }
    }
}
