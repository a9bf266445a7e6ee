import Foundation
import NodeKit

/// What can be wrong with a `node.yaml`.
enum PluginFault: Fault {
    case missingKey(String, owner: String, hint: String)
    case badAxes(String, port: String)
    case noMeaning(port: String)
    case otherAxes(String, count: Int, port: String)
    case noSetting(String, port: String, known: [String])
    case livePort(setting: String, port: String)
    case noRequirements(String, looked: String)
    case requirementsOfAnother
    case emptyCommand
    case noProgram(String, looked: String)
    case notExecutable(String)
    case emptyRange(setting: String)
    case noChoices(setting: String)
    case noPorts
    case kindTaken(String, by: String)

    var words: FaultWords {
        switch self {
        case .missingKey(let key, let owner, let hint):
            FaultWords("missing-key", "\(owner) lacks \(key.quoted)", hint: hint)
        case .badAxes(let text, let port):
            FaultWords(
                "bad-axes", "port \(port.quoted): \(text.quoted) are no axes",
                hint: "write at most 8 numbers and names with blanks between them: n 8h 8w 3")
        case .noMeaning(let port):
            FaultWords(
                "no-meaning", "port \(port.quoted) does not say what its numbers mean",
                hint: "write a word such as rgb, latent/sd1 or keypoints/21: equal words meet")
        case .otherAxes(let text, let count, let port):
            FaultWords(
                "other-axes",
                "port \(port.quoted) has \(count) axes, but \(text.quoted) are not as many")
        case .noSetting(let name, let port, let known):
            FaultWords(
                "no-such-setting",
                "port \(port.quoted) depends on \(name.quoted), which is no setting of the plugin",
                hint: known.isEmpty ? "it has none" : "its settings are \(known.listed)")
        case .livePort(let setting, let port):
            FaultWords(
                "live-port",
                "port \(port.quoted) depends on \(setting.quoted), which is live: ports stay what they are "
                    + "while a node runs",
                hint: "take 'live: true' away from the setting")
        case .emptyRange(let setting):
            FaultWords(
                "empty-range", "setting \(setting.quoted): the minimum is above the maximum")
        case .noChoices(let setting):
            FaultWords(
                "no-choices", "setting \(setting.quoted) does not say what may be chosen",
                hint: "add 'choices: [first, second]'")
        default: commandWords
        }
    }

    private var commandWords: FaultWords {
        switch self {
        case .emptyCommand:
            FaultWords(
                "empty-command", "the command is empty",
                hint: "write the program and its arguments: [python3, ./node.py]")
        case .noProgram(let program, let looked):
            FaultWords(
                "no-program", "there is no program \(program.quoted) (looked for it in \(looked))",
                hint: program.contains("/") ? nil : "a file of this folder is written './\(program)'")
        case .notExecutable(let path):
            FaultWords(
                "not-executable", "\(path.quoted) may not be executed", hint: "chmod +x \(path)")
        case .noRequirements(let file, let looked):
            FaultWords("no-requirements", "there is no file \(file.quoted) in \(looked)")
        case .requirementsOfAnother:
            FaultWords(
                "requirements-of-another", "'requirements' are of a command that begins with 'python3 -m personalive'",
                hint: "another program looks after what it needs itself: take 'requirements' away")
        case .noPorts:
            FaultWords(
                "no-ports", "a node without inputs and outputs can be part of no graph",
                hint: "add 'inputs:' or 'outputs:'")
        case .kindTaken(let kind, let owner):
            FaultWords(
                "kind-taken", "kind \(kind.quoted) is already that of \(owner)",
                hint: "give this one another name")
        default: preconditionFailure("handled above")
        }
    }
}
