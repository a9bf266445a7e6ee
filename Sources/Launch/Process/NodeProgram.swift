import Foundation
import Glibc

/// What is started for a node: a program with its first arguments, and where a plugin finds the node library.
struct NodeProgram {
    let words: [String]
    let environment: [String: String]

    /// - Parameters:
    ///   - plugin: its program and first arguments; nil for the tool's own kinds.
    ///   - executable: the tool. The library lies beside it.
    init(_ plugin: [String]?, executable: String) throws {
        guard let plugin else {
            (words, environment) = ([executable, "node"], [:])
            return
        }
        words = try Self.found(plugin)
        let folder = Self.folder(of: executable)
        environment = Self.first(folder, in: "LD_LIBRARY_PATH")
            .merging(Self.first("\(folder)/\(Self.python)", in: "PYTHONPATH")) { $1 }
    }

    /// The library for programs in any language, and the folder of its module for Python.
    private static let library = "libpersonalive-node.so"
    private static let resources = "personalive_PersonaliveNode.resources"
    private static let python = "\(resources)/Python"

    /// What has to lie beside the tool for plugins to run, as far as it does.
    static func companions(of executable: String) -> [String] {
        [library, resources].map { "\(folder(of: executable))/\($0)" }
            .filter { access($0, R_OK) == 0 }
    }

    private static func folder(of executable: String) -> String {
        URL(fileURLWithPath: executable).deletingLastPathComponent().path
    }

    private static func first(_ folder: String, in variable: String) -> [String: String] {
        // An empty entry would be the current folder.
        let others = ProcessInfo.processInfo.environment[variable] ?? ""
        return [variable: others.isEmpty ? folder : "\(folder):\(others)"]
    }

    /// The same command for another machine: files below this folder are below that one's.
    static func portable(_ command: [String]) -> [String] {
        let here = FileManager.default.currentDirectoryPath + "/"
        return command.map { $0.hasPrefix(here) ? "./" + $0.dropFirst(here.count) : $0 }
    }

    /// A program that is not where it is on the supervisor's machine is looked for in `PATH`.
    private static func found(_ command: [String]) throws -> [String] {
        if access(command[0], X_OK) == 0 { return command }
        let name = URL(fileURLWithPath: command[0]).lastPathComponent
        guard let path = try? ChildProcess.find(name) else {
            throw LaunchError.cannotStart(
                program: command[0],
                reason: "it is not on this machine, and no '\(name)' is in its PATH")
        }
        return [path] + command.dropFirst()
    }
}
