import Layers
import Networks
import NodeKit
import Tensors

/// The settings that every node with a network has, and what follows from them.
struct ModelSettings {
    static let model = Setting(
        "model", String.self, type: .choice(ModelConfiguration.named.map(\.name)),
        "dimensions of the networks: 'small' for Models/small, 'full' for the published weights, "
            + "'mini' for tests")
    static let weights = Setting(
        "weights", String.self, type: .weights,
        "a folder that has a file for each network, or one file: Models/small for 'model: small'; "
            + "for 'model: full' the folder that 'personalive models pull personalive' fills; for "
            + "tests the word 'synthetic' with 'model: mini'")

    static let precision = Setting(
        "precision", String.self,
        type: .choice(WeightStorage.Precision.allCases.map(\.rawValue) + [quickest]), isOptional: true,
        "what weights are kept as: 'bf16' takes half the memory; 'f16' too, and is what a GPU computes "
            + "in unless this says otherwise; else 'f32'. 'quickest' is 'bf16' on a processor that multiplies it "
            + "faster, else what is usual")
    private static let quickest = "quickest"
    static let device = Setting(
        "device", String.self, type: .choice(Self.devices), default: Device.cpu.description,
        "where the networks compute: 'cpu', or by the libtorch of a PyTorch on this machine 'cuda' (NVIDIA; "
            + "AMD with ROCm), 'xpu' (Intel), 'torch' (the processor, for tests)")
    /// `cuda` is the first of several.
    private static let devices =
        ["cpu", "cuda"] + (0..<8).map { "cuda:\($0)" } + ["xpu"] + (0..<4).map { "xpu:\($0)" }
        + ["torch"]

    let configuration: ModelConfiguration
    private let source: String
    private let storage: WeightStorage

    /// The model that settings name.
    ///
    /// - Precondition: the graph was checked, so it is one of those that there are.
    static func configuration(_ settings: Settings) -> ModelConfiguration {
        let name = settings[model]
        guard let known = ModelConfiguration.named.first(where: { $0.name == name }) else {
            preconditionFailure("there is no model '\(name)'")
        }
        return known
    }

    /// Reads the settings, and gives the mathematics of this process the cores of its placement.
    ///
    /// A folder of weights may have a `config.json` of ours, which then gives the dimensions.
    ///
    /// - Throws: ``CheckpointError``, or ``DeviceError`` when the device cannot be used.
    init(_ settings: Settings) throws {
        let known = Self.configuration(settings)
        let name = known.name
        source = settings[Self.weights]
        let described =
            source == "synthetic" ? nil : try ModelConfiguration.described(in: source)
        if let described, described.name != name {
            throw CheckpointError.badConfiguration(
                file: source + "/config.json",
                reason: "it describes the model '\(described.name)', and the node's setting 'model' says "
                    + "'\(name)': write 'model: \(described.name)', or other weights ('weights: synthetic' "
                    + "needs no file)")
        }
        configuration = described ?? known
        storage = try Self.prepare(settings)
    }

    /// Gives the mathematics of this process the cores of its placement, and opens its device.
    ///
    /// - Returns: how and where weights are kept.
    static func prepare(_ settings: Settings) throws(DeviceError) -> WeightStorage {
        Compute.cores = settings.cores
        let (device, precision) = (device(of: settings), precision(of: settings))
        guard device != .cpu || precision != .float16 else { throw .noHalves }
        try TorchLibrary.open(for: device)
        return WeightStorage(precision, device: device)
    }

    /// What the weights are kept as.
    static func precision(of settings: Settings) -> WeightStorage.Precision {
        let device = device(of: settings)
        let word = settings[ifSet: precision]
        return word == quickest
            ? .quickest(on: device)
            : word.flatMap(WeightStorage.Precision.init) ?? device.usualPrecision
    }

    /// Where a node's networks compute.
    static func device(of settings: Settings) -> Device {
        Device(settings[ifSet: device] ?? "") ?? .cpu
    }

    /// The weights of one network.
    func checkpoint(_ network: String) throws(CheckpointError) -> Checkpoint {
        try Checkpoint.open(source, size: configuration.name, network: network)
            .stored(as: storage.precision, on: storage.device)
    }

    /// Loads networks, and runs them once on a device that is not the processor itself: a lack of memory
    /// then shows before the node is ready, and the first frame finds all kernels loaded.
    func load<Networks>(
        _ make: () throws -> Networks, rehearse: (Networks) -> Void
    ) throws -> Networks {
        try storage.load(make, rehearse: rehearse)
    }
}

extension WeightStorage {
    /// ``ModelSettings/load(_:rehearse:)`` for weights that are kept so.
    func load<Networks>(
        _ make: () throws -> Networks, rehearse: (Networks) -> Void
    ) throws -> Networks {
        guard device != .cpu else { return try make() }
        return try DeviceFailure.catching(on: device) {
            let networks = try make()
            rehearse(networks)
            return networks
        }
    }
}

extension Tensor<Float> {
    /// Zeros, for a first run.
    init(zeros shape: [Int]) { self.init(repeating: 0, shape: shape) }
}
