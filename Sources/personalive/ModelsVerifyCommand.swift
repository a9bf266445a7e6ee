import ArgumentParser
import Foundation
import Models
import Networks
import Tensors

/// `personalive models verify`: whether weights are whole and fit their networks.
struct ModelsVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compares weights with their sums and with what the networks need.",
        discussion: """
            Lists every key that is missing, surplus or of another shape. Sums are known for files \
            from the shared cache. The exit code is 1 if a network that the model needs cannot be \
            built.
            """)

    @Argument(help: "A folder of weights, or one file with --network.", completion: .file())
    var path = ModelsCommand.folder

    @Option(help: "Only this network; may be repeated.") var network: [NetworkName] = []

    @Option(help: "Dimensions of the networks; else those of a config.json beside them, or full.")
    var model: ModelSize?

    @Flag(help: "Do not read whole files for their sums.") var fast = false

    func validate() throws {
        let isFolder = try ModelsVerifyCommand.isFolder(path)
        guard isFolder || network.count == 1 else {
            throw ValidationError("\(path) is a file: say with --network which network it is of")
        }
    }

    func run() throws {
        let names = network.isEmpty ? WeightTable.networks : network.map(\.name)
        let dimensions = try ModelDimensions(model, beside: path)
        var isSound = true
        for name in names {
            let files = try Self.files(path, name)
            if files.isEmpty, network.isEmpty, dimensions.isOptional(name) { continue }
            let check = WeightCheck(name, files: files, dimensions.configuration)
            check.lines.forEach { print($0) }
            let sums = try fast ? [] : files.map { ($0, try Checksum(of: $0)) }
            for case (let file, .differs(let found)) in sums {
                print("\(name): \(file) is damaged: its sum is \(found); remove it and pull again")
            }
            let isWhole = sums.allSatisfy { if case .differs = $0.1 { false } else { true } }
            if check.isSound, isWhole { print(Self.summary(check, sums)) }
            isSound = isSound && check.isSound && isWhole
        }
        if !isSound { throw ExitCode.failure }
    }

    private static func summary(_ check: WeightCheck, _ sums: [(String, Checksum)]) -> String {
        let size = ByteCount(check.bytes.values.reduce(0, +))
        let known = sums.count { $0.1 == .matches }
        let unknown = sums.count - known
        let note =
            sums.isEmpty
            ? "" : unknown == 0 ? ", sums match" : ", \(unknown) of \(sums.count) sums not known"
        return "\(check.network): complete, \(check.precision), \(size)\(note)"
    }

    static func isFolder(_ path: String) throws -> Bool {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw ValidationError(
                "there is no \(path); 'personalive models pull personalive' fetches weights")
        }
        return isFolder.boolValue
    }

    /// The files of a network in a folder, or the one file that was named.
    static func files(_ path: String, _ network: String) throws -> [String] {
        try isFolder(path) ? WeightFolder(path).files(of: network) : [path]
    }
}
