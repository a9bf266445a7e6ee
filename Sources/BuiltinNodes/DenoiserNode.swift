import Networks
import NodeKit
import Tensors

/// Paints the portrait in the driver's pose and expression, as latents, chunk by chunk.
package struct DenoiserNode: Node {
    package static let keypoints = Port(
        "keypoints", Float.self, "n 21 3", meaning: "keypoints/21", "to be drawn")
    package static let motion = Port(
        "motion", Float.self, "n tokens 16", meaning: "motion", "what the face expresses")
    package static let portrait = Port(
        "portrait", UInt8.self, "1 p q 3", meaning: "rgb", pace: .last, "who is to be animated"
    ).prepared(by: FaceCropNode.spec.kind)
    package static let latent = Port(
        "latent", Float.self, "1 4 h w", meaning: "latent/sd1",
        "a finished frame, three chunks after its driving frame came in"
    ).when(ModelSettings.model, is: "small", "1 8 h w", meaning: "latent/small").halvable()
    package static let seed = Setting(
        "seed", Int.self, default: 42, "of the noise: the same seed gives the same video")
    package static let threshold = Setting(
        "keyframe-threshold", Double.self, type: .number(0...1000), isOptional: true,
        "distance of motion beyond which a frame becomes a historical keyframe; the model says it "
            + "otherwise: 17 for the published one")
    package static let limit = Setting(
        "keyframe-limit", Int.self, type: .integer(0...16), default: 3,
        "historical keyframes at most; each makes a pass about a tenth slower")
    package static let chunk = Setting(
        "chunk", Int.self, type: .integer(1...4), default: ModelConfiguration.mini.framesPerChunk,
        "frames that are finished together: a live picture is as old as four chunks, so 2 halves its "
            + "age; temporal modules have learnt with 4")

    package static let spec = NodeSpec(
        "denoiser", "Paints the portrait in the driver's pose and expression, as latents.",
        inputs: [keypoints, motion, portrait], outputs: [latent],
        settings: [
            ModelSettings.model, ModelSettings.weights, ModelSettings.device,
            ModelSettings.precision, seed, threshold, limit, chunk,
        ],
        heldFrames: ModelConfiguration.mini.windowFrames - 1,
        chunk: ModelConfiguration.mini.framesPerChunk, chunkSetting: chunk.spec.name, state: .saved)

    private let networks: StreamNetworks
    private let settings: Settings
    private var stream: PortraitStream?
    /// Who is animated, or about to be.
    private var picture: Tensor<UInt8>?
    private var fusion: PortraitFusion?
    private var queue: ChunkQueue
    /// Where an earlier process of this node ended.
    private var resumed: PortraitStream.Saved?

    package init(settings: Settings) throws {
        let model = try ModelSettings(settings)
        var configuration = model.configuration
        configuration.framesPerChunk = settings[Self.chunk]
        queue = ChunkQueue(lead: configuration.windowFrames - configuration.framesPerChunk)
        let keyframes = settings[Self.limit]
        networks = try model.load {
            try StreamNetworks(configuration) { (network) throws(CheckpointError) in
                try model.checkpoint(network)
            }
        } rehearse: {
            $0.rehearse(keyframes: keyframes)
        }
        self.settings = settings
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        try look(at: inputs[Self.portrait])
        queue.append(
            keypoints: inputs[Self.keypoints], motion: inputs[Self.motion], stamp: inputs.stamp)
        while queue.count >= stream!.framesNeeded { step(&outputs) }
    }

    /// Frames that the window still holds are finished by going back the way the driver came.
    package mutating func finish(into outputs: inout Outputs) {
        guard stream != nil else { return }
        while queue.hasFramesUnderWay {
            queue.pad(to: stream!.framesNeeded)
            step(&outputs)
        }
    }

    /// Another portrait than before is made ready in the background.
    private mutating func look(at portrait: Tensor<UInt8>) throws {
        if stream == nil {
            stream = try begin(portrait)
            picture = portrait.ownCopy
        } else if let picture, !portrait.hasSamePixels(as: picture) {
            self.picture = portrait.ownCopy
            fusion = PortraitFusion(of: PortraitPicture(portrait, networks.configuration), networks)
        }
    }

    private func begin(_ portrait: Tensor<UInt8>) throws -> PortraitStream {
        var rule = PortraitStream.KeyframeRule()
        rule.threshold =
            settings[ifSet: Self.threshold].map(Float.init)
            ?? networks.configuration.keyframeThreshold
        rule.limit = settings[Self.limit]
        let picture = PortraitPicture(portrait, networks.configuration)
        var stream = PortraitStream(
            networks, portrait: try networks.condition(on: picture),
            noise: SeededNoise(seed: settings[Self.seed]), keyframes: rule)
        if let resumed { stream.restore(resumed) }
        return stream
    }

    /// Known between chunks only: what waits for a chunk to be full is sent again.
    package func save() -> SavedState? {
        guard let stream, queue.count == 0, let saved = stream.saved else { return nil }
        var writer = StateWriter()
        queue.write(to: &writer)
        writer.write(saved.latents)
        writer.write(saved.keypoints)
        writer.write(saved.motion)
        for tensors in [saved.motionBank, saved.keyframes] {
            writer.write(tensors.count)
            tensors.forEach { writer.write($0) }
        }
        writer.write(saved.calls)
        return SavedState(writer.bytes)
    }

    package mutating func restore(_ state: [UInt8]) {
        var reader = StateReader(state)
        queue = ChunkQueue(lead: queue.lead, reading: &reader)
        var saved = PortraitStream.Saved(
            latents: reader.tensor(), keypoints: reader.tensor(), motion: reader.tensor())
        saved.motionBank = (0..<reader.number()).map { _ in reader.tensor() }
        saved.keyframes = (0..<reader.number()).map { _ in reader.tensor() }
        saved.calls = reader.number()
        resumed = saved
    }

    private mutating func changeIfReady(_ outputs: inout Outputs) {
        switch fusion?.result {
        case nil: return
        case .success(let next): stream!.change(to: next)
        case .failure(let error): outputs.warn("the new portrait cannot be looked at: \(error)")
        }
        fusion = nil
    }

    /// One pass over the window; what leads in from the portrait belongs to no driving frame and
    /// is not sent.
    private mutating func step(_ outputs: inout Outputs) {
        changeIfReady(&outputs)
        let chunk = queue.take(stream!.framesNeeded)
        let latents = stream!.step(keypoints: chunk.keypoints, motion: chunk.motion).latents
        for (row, stamp) in queue.finished(latents.shape[0]).enumerated() {
            guard let stamp else { continue }
            outputs.send(
                latents.rows(row..<row + 1).channelsFirst(), on: Self.latent, stamp: stamp)
        }
    }
}
