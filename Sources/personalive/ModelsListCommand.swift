import ArgumentParser
import Foundation
import Models
import Networks
import Tensors

/// `personalive models list`: what is there.
struct ModelsListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists the weights in folders and in the shared cache: sizes and precision.")

    @Argument(help: "Folders of weights.", completion: .directory)
    var folders = [ModelsCommand.folder]

    @Option(help: "Dimensions of the networks; else those of a config.json beside them, or full.")
    var model: ModelSize?

    @Flag(help: "Print one JSON array instead of a table.") var json = false

    private struct Row: Encodable {
        var folder: String
        var network: String
        var files: [String]
        var precision: String
        var bytes: Int
        var complete: Bool
        /// Whether the model cannot do without it.
        var needed: Bool
    }

    func run() throws {
        let rows = try folders.flatMap(rows)
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(rows), as: UTF8.self))
            return
        }
        for folder in folders { show(folder, rows.filter { $0.folder == folder }) }
        showCache()
    }

    private func rows(_ folder: String) throws -> [Row] {
        let dimensions = try ModelDimensions(model, beside: folder)
        return WeightTable.networks.map { network in
            let files = WeightFolder(folder).files(of: network)
            let check = WeightCheck(network, files: files, dimensions.configuration)
            return Row(
                folder: folder, network: network, files: files, precision: check.precision,
                bytes: check.bytes.values.reduce(0, +), complete: check.isSound,
                needed: !dimensions.isOptional(network))
        }
    }

    private func show(_ folder: String, _ rows: [Row]) {
        print(folder + ":")
        for row in rows {
            let state =
                row.files.isEmpty
                ? row.needed ? "not there" : "not needed"
                : row.complete ? "" : "not usable, see 'models verify'"
            print(
                "  " + row.network.padded(18) + row.precision.padded(14)
                    + (row.bytes > 0 ? "\(ByteCount(row.bytes))" : "").padded(10) + state)
        }
    }

    private func showCache() {
        let cache = HubCache(environment: ProcessInfo.processInfo.environment)
        print("\(cache.path):")
        for file in PublishedModel.all.flatMap(\.files) {
            let path = cache.file(file)
            let real = path.flatMap { realpath($0, nil) }.map { real in
                defer { free(real) }
                return String(cString: real)
            }
            let size = real.flatMap {
                try? FileManager.default.attributesOfItem(atPath: $0)[.size] as? Int
            }
            let state = size.map { "\(ByteCount($0))" } ?? "not there"
            print("  " + "\(file.repository)/\(file.path)".padded(75) + state)
        }
    }
}

/// `personalive models path`: for scripts.
struct ModelsPathCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "path",
        abstract: "Prints the folder of a fetched model, or fails if it is not whole.")

    @Argument(help: "The model.") var model: ModelName

    @Option(help: "Where its links are.") var folder = ModelsCommand.folder

    func run() throws {
        let missing = model.model.files.filter {
            !$0.isBase && !FileManager.default.fileExists(atPath: "\(folder)/\($0.target)")
        }
        guard missing.isEmpty else {
            let names = missing.map(\.target).joined(separator: ", ")
            throw CleanExit.failure(
                "\(folder) lacks \(names); fetch with 'personalive models pull \(model.model.name)'"
            )
        }
        print(URL(fileURLWithPath: folder).path)
    }
}

extension CleanExit {
    /// An error in one line, without the usage that a wrong command line gets.
    static func failure(_ text: String) -> any Error {
        FileHandle.standardError.write(Data("error: \(text)\n".utf8))
        return ExitCode.failure
    }
}

extension String {
    /// Filled up with blanks to a column's width; at least one follows.
    func padded(_ width: Int) -> String {
        self + String(repeating: " ", count: max(1, width - count))
    }
}
