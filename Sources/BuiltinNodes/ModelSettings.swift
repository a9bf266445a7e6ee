import Layers
import Networks
import NodeKit
import Tensors

/// The two settings that every node with a network has, and what follows from them.
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
        type: .choice(WeightStorage.Precision.allCases.map(\.rawValue)),
        default: WeightStorage.Precision.float32.rawValue,
        "what weights are kept as: 'bf16' takes half the memory")

    let configuration: ModelConfiguration
    private let source: String

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
    init(_ settings: Settings) throws(CheckpointError) {
        let known = Self.configuration(settings)
        let name = known.name
        source = settings[Self.weights]
        let described =
            source == "synthetic" ? nil : try ModelConfiguration.described(in: source)
        if let described, described.name != name {
            throw .badConfiguration(
                file: source + "/config.json",
                reason: "it describes the model '\(described.name)', and the node's setting 'model' says "
                    + "'\(name)': write 'model: \(described.name)', or other weights ('weights: synthetic' "
                    + "needs no file)")
        }
        configuration = described ?? known
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
