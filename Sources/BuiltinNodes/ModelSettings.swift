import Glibc
import Layers
import Networks
import NodeKit
import Tensors

/// The two settings that every node with a network has, and what follows from them.
struct ModelSettings {
    static let model = Setting(
        "model", String.self, type: .choice(ModelConfiguration.named.map(\.name)),
        default: ModelConfiguration.mini.name, "dimensions of the networks")
    static let weights = Setting(
        "weights", String.self, type: .weights, default: "synthetic",
        "'synthetic', a safetensors file, or a folder that has one for each network")

    static let precision = Setting(
        "precision", String.self,
        type: .choice(WeightStorage.Precision.allCases.map(\.rawValue)),
        default: WeightStorage.Precision.float32.rawValue,
        "what weights are kept as: 'bf16' takes half the memory")

    let configuration: ModelConfiguration
    private let source: String

    /// Reads the settings, and gives the mathematics of this process the cores of its placement.
    ///
    /// A folder of weights may have a `config.json`, which then gives the dimensions.
    init(_ settings: Settings) throws(CheckpointError) {
        let name = settings[Self.model]
        let known = ModelConfiguration.named.first { $0.name == name } ?? .mini
        source = settings[Self.weights]
        let file = source + "/config.json"
        if source != "synthetic", access(file, R_OK) == 0 {
            configuration = try ModelConfiguration(contentsOf: file)
            guard configuration.name == name else {
                throw .badConfiguration(
                    file: file,
                    reason: "it describes the model '\(configuration.name)', and the node's setting "
                        + "'model' says '\(name)': write 'model: \(configuration.name)', or other weights "
                        + "('weights: synthetic' needs no file)")
            }
        } else {
            configuration = known
        }
        Compute.cores = settings.cores
    }

    /// What the weights are kept as by a node that has this setting.
    static func precision(of settings: Settings) -> WeightStorage.Precision {
        WeightStorage.Precision(rawValue: settings[precision]) ?? .float32
    }

    /// The weights of one network.
    func checkpoint(_ network: String) throws(CheckpointError) -> Checkpoint {
        try Checkpoint.open(source, size: configuration.name, network: network)
    }
}
