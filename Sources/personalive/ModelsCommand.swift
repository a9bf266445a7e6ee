import ArgumentParser
import Foundation
import Models
import Networks
import Tensors

/// `personalive models`: where weights come from and what state they are in.
struct ModelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "Fetches, lists, checks and converts the weights of networks.",
        discussion: """
            A node's 'weights:' is a folder as these commands make it, a file, or the word \
            'synthetic'.
            """,
        subcommands: [
            ModelsPullCommand.self, ModelsListCommand.self, ModelsVerifyCommand.self,
            ModelsPathCommand.self, ModelsConvertCommand.self, ModelsSynthesizeCommand.self,
        ])

    /// Where fetched weights are linked, under the current folder; its layout is the authors' own.
    static let folder = "Models/pretrained_weights"
}

/// A model that can be fetched, by its name on the command line.
struct ModelName: ExpressibleByArgument {
    let model: PublishedModel

    init?(argument: String) {
        guard let model = PublishedModel.all.first(where: { $0.name == argument }) else {
            return nil
        }
        self.model = model
    }

    static var allValueStrings: [String] { PublishedModel.all.map(\.name) }
}

/// `--model`: dimensions of the networks.
struct ModelSize: ExpressibleByArgument {
    let configuration: ModelConfiguration

    init(_ configuration: ModelConfiguration) { self.configuration = configuration }

    init?(argument: String) {
        guard let size = ModelConfiguration.named.first(where: { $0.name == argument }) else {
            return nil
        }
        configuration = size
    }

    static var allValueStrings: [String] { ModelConfiguration.named.map(\.name) }
    var defaultValueDescription: String { configuration.name }
}

/// What a model is compared with: `--model`, else the `config.json` beside the weights, else the
/// published sizes.
struct ModelDimensions {
    let configuration: ModelConfiguration
    /// The file that says so.
    let file: String?

    /// - Parameter path: a folder of weights, or a file in one.
    init(_ option: ModelSize?, beside path: String) throws {
        if let option {
            (configuration, file) = (option.configuration, nil)
            return
        }
        var isFolder: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        let folder =
            isFolder.boolValue
            ? path : URL(fileURLWithPath: path).deletingLastPathComponent().path
        do {
            let described = try ModelConfiguration.described(in: folder)
            configuration = described ?? .full
            file = described == nil ? nil : folder + "/config.json"
        } catch {
            throw CleanExit.failure("\(error)")
        }
    }

    /// Whether the model can do without a network's weights.
    func isOptional(_ network: String) -> Bool {
        !WeightTable.networks(neededBy: configuration).contains(network)
    }
}

/// `--dtype`: how a weight is written.
enum WeightType: String, ExpressibleByArgument, CaseIterable {
    case f32, f16, bf16

    var elementType: ElementType { ElementType(name: rawValue) ?? .float32 }
}

/// `--network`: one of the networks, by its name.
struct NetworkName: ExpressibleByArgument {
    let name: String

    init?(argument: String) {
        guard WeightTable.networks.contains(argument) else { return nil }
        name = argument
    }

    static var allValueStrings: [String] { WeightTable.networks }
}

/// One line on the terminal that is drawn again and again, or a line every few seconds in a log.
final class ProgressLine {
    private let isTerminal = isatty(2) == 1
    private var last: Date
    private var isShown = false

    init() { last = isTerminal ? .distantPast : Date() }

    /// Shows a line unless the last is too young.
    func show(_ text: @autoclosure () -> String) {
        let now = Date()
        guard now.timeIntervalSince(last) > (isTerminal ? 0.2 : 5) else { return }
        last = now
        isShown = true
        write(isTerminal ? "\r\u{1B}[K" + text() : text() + "\n")
    }

    /// Removes the line, so that others can follow.
    func clear() {
        if isTerminal, isShown { write("\r\u{1B}[K") }
        isShown = false
    }

    func say(_ text: String) {
        clear()
        write(text + "\n")
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

    /// `1:05:09`, `3:07`.
    static func duration(_ seconds: Double) -> String {
        let all = Int(seconds.rounded())
        return all < 3600
            ? String(format: "%d:%02d", all / 60, all % 60)
            : String(format: "%d:%02d:%02d", all / 3600, all / 60 % 60, all % 60)
    }
}
