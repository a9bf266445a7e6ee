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

            'face' are the two networks that find a face (MediaPipe's, Apache-2.0), which node \
            'face-crop' uses: they come through pip, into \(FaceModel.folder).
            """)

    @Argument(help: "The model.") var model: Fetchable

    /// What can be fetched, by its name on the command line.
    enum Fetchable: ExpressibleByArgument {
        case published(PublishedModel)
        /// The networks that find a face, which are not on the hub.
        case face

        init?(argument: String) {
            if argument == "face" {
                self = .face
            } else if let name = ModelName(argument: argument) {
                self = .published(name.model)
            } else {
                return nil
            }
        }

        static var allValueStrings: [String] { ModelName.allValueStrings + ["face"] }
    }

    @Option(help: "Where the links go.") var folder: String?

    @Option(help: "For 'face': the wheel of mediapipe 0.10.21, fetched by other means.")
    var wheel: String?

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
        switch model {
        case .published(let model): try pull(model)
        case .face: try pullFace()
        }
    }

    private func pullFace() throws {
        let line = ProgressLine(), folder = folder ?? FaceModel.folder
        if FaceModel.isThere(folder) { return print(folder) }
        line.say("fetching the face networks (a wheel of 36 MB) through pip")
        do { try FacePull(folder: folder)(wheel: wheel) } catch {
            line.say("error: \(error)")
            throw ExitCode.failure
        }
        print(folder)
    }

    private func pull(_ model: PublishedModel) throws {
        let line = ProgressLine()
        try pull(model.files.filter { base || !$0.isBase }, line)
        let denoiser = check("denoising_unet")
        if !denoiser.missing.isEmpty, !base, model.files.contains(where: \.isBase) {
            line.say(
                "\(denoiser.missing.count) weights of the denoiser are the base UNet's: "
                    + "fetching that as well")
            try pull(model.files.filter(\.isBase), line)
        }
        try report(line)
    }

    private func pull(_ files: [PublishedModel.File], _ line: ProgressLine) throws {
        let environment = ProcessInfo.processInfo.environment
        let pull = Pull(
            hub: Hub(environment: environment), cache: HubCache(environment: environment),
            folder: weightsFolder, connections: connections)
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
            network, files: WeightFolder(weightsFolder).files(of: network), size.configuration)
    }

    /// Sums were compared on the way; here keys and shapes are.
    private func report(_ line: ProgressLine) throws {
        let checks = WeightTable.networks.map(check)
        for check in checks where !check.isSound { check.lines.forEach(line.say) }
        guard checks.allSatisfy(\.isSound) else { throw ExitCode.failure }
        print(weightsFolder)
    }

    private var weightsFolder: String { folder ?? ModelsCommand.folder }
}
