import ArgumentParser
import Foundation
import Models
import Networks
import Tensors

/// `personalive models convert`: from any checkpoint to one safetensors file per network.
struct ModelsConvertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Writes one safetensors file per network, under the published names.",
        discussion: """
            Reads whatever a node's 'weights:' may be. The denoiser's base, its own file and its \
            temporal modules are laid over each other in this order. A config.json that says the \
            dimensions is copied.
            """)

    @Argument(help: "A folder of weights, or one file with --network.", completion: .file())
    var path: String

    @Argument(help: "The folder for <network>.safetensors.", completion: .directory)
    var folder: String

    @Option(help: "Only this network; may be repeated.") var network: [NetworkName] = []

    @Option(
        help: "Type of the numbers: \(WeightType.allCases.map(\.rawValue).joined(separator: ", "))."
    )
    var dtype = WeightType.f32

    @Option(help: "Dimensions of the networks; else those of a config.json beside them, or full.")
    var model: ModelSize?

    func validate() throws {
        guard try ModelsVerifyCommand.isFolder(path) || network.count == 1 else {
            throw ValidationError("\(path) is a file: say with --network which network it is of")
        }
    }

    func run() throws {
        let dimensions = try ModelDimensions(model, beside: path)
        var jobs: [(String, WeightRewriting)] = []
        var isSound = true
        var sources: Set<FilePlace> = []
        for name in network.isEmpty ? WeightTable.networks : network.map(\.name) {
            let files = try ModelsVerifyCommand.files(path, name)
            // A folder need not have every network, unless it was asked for.
            if files.isEmpty, network.isEmpty { continue }
            let check = WeightCheck(name, files: files, dimensions.configuration)
            check.lines.forEach { FileHandle.standardError.write(Data("\($0)\n".utf8)) }
            isSound = isSound && check.isSound
            guard check.isSound, let table = WeightTable(name, dimensions.configuration) else {
                continue
            }
            sources.formUnion(files.compactMap { try? FilePlace($0) })
            let checkpoint = try Checkpoint(overlaying: files)
            jobs.append((name, WeightRewriting(checkpoint, table, as: dtype.elementType)))
        }
        guard isSound else { throw CleanExit.failure("nothing was written") }
        guard !jobs.isEmpty else { throw CleanExit.failure("\(path) has weights of no network") }
        for path in jobs.map({ WeightFiles.path($0.0, in: folder) }) {
            guard let place = try? FilePlace(path), sources.contains(place) else { continue }
            throw CleanExit.failure(
                "\(path) is among the weights that are read, and would be replaced: nothing was written; "
                    + "give another folder")
        }
        try WeightFiles.write(jobs, to: folder)
        if let file = dimensions.file { try copy(file) }
        try copyLicences()
    }

    /// The texts under which the weights are given away stay beside them.
    private func copyLicences() throws {
        let from = "\(path)/licences"
        for name in (try? FileManager.default.subpathsOfDirectory(atPath: from)) ?? [] {
            var isFolder: ObjCBool = false
            let source = "\(from)/\(name)", target = URL(fileURLWithPath: "\(folder)/licences/\(name)")
            guard FileManager.default.fileExists(atPath: source, isDirectory: &isFolder), !isFolder.boolValue,
                let text = FileManager.default.contents(atPath: source)
            else { continue }
            try FileManager.default.createDirectory(
                at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
            try text.write(to: target, options: .atomic)
        }
    }

    /// Puts the file that says the dimensions beside the weights that were written.
    private func copy(_ file: String) throws {
        let source = URL(fileURLWithPath: file).resolvingSymlinksInPath()
        let target = URL(fileURLWithPath: folder + "/config.json").resolvingSymlinksInPath()
        guard source != target else { return }
        try Draft.write(Data(contentsOf: source), to: target.path)
        print(folder + "/config.json")
    }
}

/// `personalive models synthesize`: weights computed from their names.
struct ModelsSynthesizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "synthesize",
        abstract: "Writes checkpoints of computed weights, for benchmarks and tests.",
        discussion: """
            The weights are those of the word 'synthetic', which needs no files; a checkpoint shows \
            how long loading takes, and serves other programs. All networks at full size take \
            12 GB as f32.
            """)

    @Argument(help: "The folder for <network>.safetensors.", completion: .directory)
    var folder: String

    @Option(help: "Only this network; may be repeated.") var network: [NetworkName] = []

    @Option(
        help: "Type of the numbers: \(WeightType.allCases.map(\.rawValue).joined(separator: ", "))."
    )
    var dtype = WeightType.f32

    @Option(help: "Dimensions of the networks, and the namespace of their weights.")
    var model = ModelSize(.full)

    func run() throws {
        let names = network.isEmpty ? WeightTable.networks : network.map(\.name)
        let jobs = names.compactMap { name in
            WeightTable(name, model.configuration).map { table in
                let weights = Checkpoint.synthetic(
                    namespace: model.configuration.name, network: name)
                return (name, WeightRewriting(weights, table, as: dtype.elementType))
            }
        }
        try WeightFiles.write(jobs, to: folder)
    }
}

/// Files of weights, written one after the other under one line of progress.
private enum WeightFiles {
    static func write(_ jobs: [(network: String, rewriting: WeightRewriting)], to folder: String)
        throws
    {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let line = ProgressLine(), began = Date()
        let total = jobs.reduce(0) { $0 + $1.rewriting.byteCount }
        var done = 0
        for (network, rewriting) in jobs {
            let path = path(network, in: folder)
            try rewriting(to: path) { bytes in
                done += bytes
                line.show(Self.text(network, done, total, Date().timeIntervalSince(began)))
            }
            line.clear()
            print("\(path): \(ByteCount(rewriting.byteCount))")
        }
    }

    static func path(_ network: String, in folder: String) -> String {
        "\(folder)/\(network).safetensors"
    }

    /// `denoising_unet · 3.2 GB of 13 GB · 450 MB/s · 0:21 left`
    private static func text(
        _ network: String, _ done: Int, _ total: Int, _ seconds: Double
    ) -> String {
        let rate = Double(done) / max(seconds, 0.001)
        return [
            network, "\(ByteCount(done)) of \(ByteCount(total))", "\(ByteCount(Int(rate)))/s",
            "\(ProgressLine.duration(Double(total - done) / max(rate, 1))) left",
        ].joined(separator: " · ")
    }
}
