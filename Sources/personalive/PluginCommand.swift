import ArgumentParser
import Dataflow
import Foundation
import Glibc

/// `personalive plugin`: what authors of nodes need.
struct PluginCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plugin", abstract: "Helps to write nodes in other languages.",
        subcommands: [PluginNewCommand.self, PluginRunCommand.self, PluginCheckCommand.self])
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
        case python, c, swift
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
        let template = try template
        for (path, text) in template.files {
            try write(text, to: "\(folder)/\(path)")
        }
        for program in template.programs { chmod("\(folder)/\(program)", 0o755) }
        let check = PluginFile.check(path: file)
        FileHandle.standardError.write(Data(check.text.utf8))
        guard check.plugin != nil else { throw ExitCode(1) }
        for (path, _) in template.files { print("\(folder)/\(path)") }
    }

    private var template: PluginTemplate {
        get throws {
            switch language {
            case .python: return .python(name)
            case .c:
                // The example is the template.
                return .c(
                    name, program: String(decoding: PackageResources.grayscale_c_txt, as: UTF8.self),
                    header: String(decoding: PackageResources.personalive_node_h, as: UTF8.self))
            case .swift: return .swift(name, sources: try Self.sources())
            }
        }
    }

    /// The package that this program was built in.
    private static func sources() throws -> String {
        var folder = URL(fileURLWithPath: Personalive.executable).deletingLastPathComponent()
        while folder.path != "/" {
            let sources = folder.appendingPathComponent("Sources/NodeKit").path
            if FileManager.default.fileExists(atPath: sources) { return folder.path }
            folder.deleteLastPathComponent()
        }
        throw ScaffoldError.noSources(Personalive.executable)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        let character = Character(UnicodeScalar(byte))
        return byte < 0x80 && (character.isLetter || character.isNumber || character == "-")
    }

    private func write(_ text: String, to path: String) throws {
        let url = URL(fileURLWithPath: path)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }
}

/// Why nothing was made.
private enum ScaffoldError: Error, CustomStringConvertible {
    case kindTaken(String)
    case folderTaken(String)
    case noName(String)
    case noSources(String)

    var description: String {
        switch self {
        case .kindTaken(let kind): "there is already a kind of node called '\(kind)'"
        case .noSources(let program):
            "a plugin in Swift is built with the sources of personalive, and \(program) lies in no copy of "
                + "them: take a program that was built there"
        case .folderTaken(let folder): "\(folder) is there already"
        case .noName(let name):
            "'\(name)' is no name: names are at most 40 letters, digits and '-', and begin with a "
                + "letter"
        }
    }
}
