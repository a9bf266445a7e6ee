import ArgumentParser
import Foundation
import Models
import Networks
import Tensors

/// `personalive models pull`: fetches a published model.
struct ModelsPullCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull",
        abstract: "Fetches the published weights of a model; what is there is not fetched again.",
        discussion: """
            Files go into the cache that Hugging Face's programs share (HF_HUB_CACHE, HF_HOME, else \
            ~/.cache/huggingface/hub), and links to them into a folder laid out as the model's \
            authors do. An interrupted fetch goes on where it stopped. HF_ENDPOINT names another \
            hub or a mirror, HF_TOKEN says who asks.
            """)

    @Argument(help: "The model.") var model: ModelName

    @Option(help: "Where the links go.") var folder = ModelsCommand.folder

    @Option(help: "Files that are fetched at once.") var connections = 4

    @Flag(
        help: """
            Fetch the base UNet too; without this it is fetched only if the model's own files lack \
            its weights.
            """)
    var base = false

    @Option(name: .customLong("size"), help: .hidden) var size = ModelSize(.full)

    func validate() throws {
        guard 1...16 ~= connections else {
            throw ValidationError("--connections takes a number from 1 to 16")
        }
    }

    func run() throws {
        let line = ProgressLine()
        try pull(model.model.files.filter { base || !$0.isBase }, line)
        let denoiser = check("denoising_unet")
        if !denoiser.missing.isEmpty, !base, model.model.files.contains(where: \.isBase) {
            line.say(
                "\(denoiser.missing.count) weights of the denoiser are the base UNet's: "
                    + "fetching that as well")
            try pull(model.model.files.filter(\.isBase), line)
        }
        try report(line)
    }

    private func pull(_ files: [PublishedModel.File], _ line: ProgressLine) throws {
        let environment = ProcessInfo.processInfo.environment
        let pull = Pull(
            hub: Hub(environment: environment), cache: HubCache(environment: environment),
            folder: folder, connections: connections)
        // One call at a time, which is all that the line needs.
        nonisolated(unsafe) let shown = line
        let faults = pull(files, progress: PullProgress { shown.show(Self.text($0)) })
        line.clear()
        guard faults.isEmpty else {
            for fault in faults { line.say("error: \(fault)") }
            throw ExitCode.failure
        }
    }

    /// `7 of 13 files · 3.2 GB of 12 GB · 45 MB/s · 3:17 left`
    private static func text(_ state: PullProgress.State) -> String {
        var parts = [
            "\(state.filesDone) of \(state.files) files",
            "\(ByteCount(state.bytes)) of \(ByteCount(state.total))",
        ]
        if let rate = state.rate { parts.append("\(ByteCount(Int(rate)))/s") }
        if let left = state.secondsLeft { parts.append("\(ProgressLine.duration(left)) left") }
        return parts.joined(separator: " · ")
    }

    private func check(_ network: String) -> WeightCheck {
        WeightCheck(
            network, files: WeightFolder(folder).files(of: network), size.configuration)
    }

    /// Sums were compared on the way; here keys and shapes are.
    private func report(_ line: ProgressLine) throws {
        let checks = WeightTable.networks.map(check)
        for check in checks where !check.isSound { check.lines.forEach(line.say) }
        guard checks.allSatisfy(\.isSound) else { throw ExitCode.failure }
        print(folder)
    }
}
