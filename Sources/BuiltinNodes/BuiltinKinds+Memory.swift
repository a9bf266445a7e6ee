import Layers
import Media
import Networks
import NodeKit
import Tensors

/// A node that can say, before it is made, what its networks will take.
protocol MemoryEstimating: Node {
    /// - Parameter storage: how and where they keep their weights.
    static func memory(_ settings: Settings, _ storage: WeightStorage) -> MemoryEstimate
}

extension BuiltinKinds {
    /// What any node takes: the program, its libraries, and a few frames under way.
    ///
    /// Measured as the peak of an `image-file` (65 MB) and a `video-encoder` (67 to 70 MB) at 512x512.
    package static let emptyNode = 67_000_000

    /// What libtorch itself takes: 105 to 111 MB of it were resident after it was opened (2.11, 2.13).
    private static let libtorch = 110_000_000

    /// What CUDA and its libraries take of a GPU for each process that uses it. A forecast: no GPU has run
    /// this yet.
    private static let gpuContext = 600_000_000

    /// What a kind's networks or pictures take of this machine's memory under some settings; nil where it
    /// has none, or is not known here, as that of networks on a GPU.
    package static func memory(of kind: String, _ settings: Settings) -> MemoryEstimate? {
        let estimate = estimate(of: kind, settings)
        switch ModelSettings.device(of: settings) {
        case .cpu: return estimate
        case .torch: return estimate.map { MemoryEstimate(weights: $0.weights, work: $0.work + libtorch) }
        case .cuda, .xpu: return nil
        }
    }

    /// Bytes that a kind's networks take of a GPU under some settings, and that GPU; nil where they are on
    /// none.
    package static func gpuMemory(
        of kind: String, _ settings: Settings
    ) -> (device: Device, bytes: Int)? {
        switch ModelSettings.device(of: settings) {
        case .cpu, .torch: nil
        case let device: estimate(of: kind, settings).map { (device, $0.total + gpuContext) }
        }
    }

    private static func estimate(of kind: String, _ settings: Settings) -> MemoryEstimate? {
        let (device, precision) = (ModelSettings.device(of: settings), ModelSettings.precision(of: settings))
        // Halves on the processor are refused when the node loads.
        let isKnown = device != .cpu || precision != .float16
        let storage = WeightStorage(isKnown ? precision : .bfloat16, device: device)
        return (make(kind: kind) as? any MemoryEstimating.Type)?.memory(settings, storage)
    }
}

extension BuiltinKinds {
    /// The device on which a kind's networks compute under some settings; nil for the processor itself, and
    /// for kinds without networks.
    package static func device(of kind: String, _ settings: Settings) -> String? {
        let hasDevice =
            make(kind: kind)?.spec.settings.contains { $0.name == ModelSettings.device.spec.name } ?? false
        let device = ModelSettings.device(of: settings)
        return hasDevice && device != .cpu ? device.description : nil
    }
}

extension BuiltinKinds {
    /// Bytes of the one message that a kind sends under some settings; nil where it sends more, or only
    /// the running node knows.
    package static func bytesSentOnce(by kind: String, _ settings: Settings) -> Int? {
        guard kind == ImageFileNode.spec.kind else { return nil }
        return ImageReader.bytes(of: settings[ImageFileNode.path])
    }
}

extension ImageFileNode: MemoryEstimating {
    /// By the picture's true size, which its header tells.
    static func memory(_ settings: Settings, _ storage: WeightStorage) -> MemoryEstimate {
        MemoryEstimate(weights: 0, work: ImageReader.memory(toRead: settings[path]) ?? 0)
    }
}

extension DenoiserNode: MemoryEstimating {
    static func memory(_ settings: Settings, _ storage: WeightStorage) -> MemoryEstimate {
        var configuration = ModelSettings.configuration(settings)
        configuration.framesPerChunk = settings[chunk]
        return configuration.denoiserMemory(storage, keyframes: settings[limit])
    }
}

extension VAEDecoderNode: MemoryEstimating {
    static func memory(_ settings: Settings, _ storage: WeightStorage) -> MemoryEstimate {
        ModelSettings.configuration(settings).vaeDecoderMemory(storage)
    }
}

extension FaceCropNode: MemoryEstimating {
    static func memory(_ settings: Settings, _ storage: WeightStorage) -> MemoryEstimate { FaceModel.memory }
}

extension KeypointExtractorNode: MemoryEstimating {
    static func memory(_ settings: Settings, _ storage: WeightStorage) -> MemoryEstimate {
        ModelSettings.configuration(settings).keypointExtractorMemory(storage)
    }
}

extension MotionEncoderNode: MemoryEstimating {
    static func memory(_ settings: Settings, _ storage: WeightStorage) -> MemoryEstimate {
        ModelSettings.configuration(settings).motionEncoderMemory(storage)
    }
}

extension TinyModel {
    /// The networks of the settings, and the size of frames that they are estimated for.
    fileprivate static func dimensions(
        _ settings: Settings
    ) -> (ModelConfiguration.TinyAutoencoder, side: Int) {
        if settings[variant] == "flux2" { return (.flux2, ModelConfiguration.full.imageSize) }
        let model = ModelSettings.configuration(settings)
        return (model.tinyAutoencoder, model.imageSize)
    }
}

extension TinyEncoderNode: MemoryEstimating {
    static func memory(_ settings: Settings, _ storage: WeightStorage) -> MemoryEstimate {
        let (configuration, side) = TinyModel.dimensions(settings)
        return configuration.encoderMemory(storage, side: side)
    }
}

extension TinyDecoderNode: MemoryEstimating {
    static func memory(_ settings: Settings, _ storage: WeightStorage) -> MemoryEstimate {
        let (configuration, side) = TinyModel.dimensions(settings)
        return configuration.decoderMemory(storage, side: side)
    }
}

/// A node that saves what it remembers now and then only: until it does, it would need again what came.
protocol SavingNowAndThen: Node {
    /// At a number of frames a second.
    static func framesUntilSaved(rate: Double) -> Int
}

extension BuiltinKinds {
    /// How many frames a node of a kind may have used that it would need again, were it killed.
    package static func framesUntilSaved(of kind: String, rate: Double) -> Int {
        (make(kind: kind) as? any SavingNowAndThen.Type)?.framesUntilSaved(rate: rate) ?? 0
    }
}

extension DenoiserNode: SavingNowAndThen {
    static func framesUntilSaved(rate: Double) -> Int { ModelConfiguration.mini.framesPerChunk }
}

extension VideoEncoderNode: SavingNowAndThen {
    /// A film is safe up to a keyframe, once that is coded.
    static func framesUntilSaved(rate: Double) -> Int {
        Int(VideoWriterOptions.keyframeInterval * rate) + VideoWriterOptions.framesInEncoder
    }
}
