import ExactKernels
import FoundationEssentials
import Tensors

/// Golden tensors, with a description of the weights and inputs that lead to them.
///
/// Nothing is decided by the file's name: which network it is for stands under `weights`, how its
/// inputs are computed under `inputs`, and how exact the golden values are under `fp32_vs_fp64`.
struct Fixture: Sendable {
    /// The file's name without its ending.
    let name: String
    /// Free words under which the weights are computed, and which network they are for; the network
    /// is `<network>` when there are several, and empty when there are none.
    let namespace: String
    let network: String
    let inputs: JSONValue
    let measured: JSONValue
    let file: SafetensorsFile
    /// How and where networks shall keep their weights.
    let storage: WeightStorage

    init(contentsOf path: String, storage: WeightStorage = WeightStorage()) throws {
        self.storage = storage
        file = try SafetensorsFile(contentsOf: path)
        let base = path.split(separator: "/").last.map(String.init) ?? path
        name = base.hasSuffix(".safetensors") ? String(base.dropLast(12)) : base
        let weights = file.metadata["weights"] ?? ""
        let parts = weights.split(separator: "/", maxSplits: 1).map(String.init)
        namespace = parts.first ?? ""
        network = parts.count > 1 ? parts[1] : ""
        inputs = try Self.json(file, "inputs", name)
        measured = try Self.json(file, "fp32_vs_fp64", name)
    }

    private static func json(
        _ file: SafetensorsFile, _ field: String, _ name: String
    ) throws -> JSONValue {
        guard let text = file.metadata[field] else { return .object([:]) }
        do {
            return try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
        } catch {
            throw FixtureError.badMetadata(fixture: name, field: field)
        }
    }

    /// The network's synthetic weights, where they shall be; on the processor only those of the node that
    /// has a precision have it.
    func weights(_ network: String? = nil) -> Checkpoint {
        let network = network ?? self.network
        let plain = Checkpoint.synthetic(namespace: namespace, network: network)
        let weights = isOfRoundedWeights ? plain.withRoundedMatrices(network) : plain
        return storage.device != .cpu || Self.narrowed.contains(network) ? placed(weights) : weights
    }

    /// Whether its golden values are those of matrices that were rounded to BF16 first: what networks with
    /// narrow weights differ by is then their own arithmetic alone.
    var isOfRoundedWeights: Bool { file.metadata["rounded"] == "bf16" }

    /// Weights with the precision of this run, on its device.
    func placed(_ weights: Checkpoint) -> Checkpoint {
        weights.stored(as: storage.precision, on: storage.device)
    }

    /// What the node `denoiser` is made of.
    private static let narrowed: Set = [
        "denoising_unet", "reference_unet", "pose_guider", "image_encoder", "vae",
    ]

    /// Which of the two sets of dimensions the fixture was made with: what its shapes tell, else the
    /// namespace, else the names of its inputs, else the file's name, else the small one.
    var size: NetworkSize {
        if let size = NetworkSize.allCases.first(where: isShaped) { return size }
        if let size = NetworkSize(rawValue: namespace) { return size }
        let ids = inputs.keys.compactMap {
            inputs[$0]?["id"]?.text ?? inputs[$0]?["ids"]?.list?.first?.text
        }
        for words in ids.map({ $0.split(separator: "/") }) + [name.split(separator: "_")] {
            if let size = words.lazy.compactMap({ NetworkSize(rawValue: String($0)) }).first {
                return size
            }
        }
        return .mini
    }

    /// Whether the inputs and outputs have the extents that only networks of this size have.
    private func isShaped(like size: NetworkSize) -> Bool {
        let configuration = size.configuration
        let last = { (input: String) in inputs[input]?["shape"]?.integers?.last }
        return switch network {
        case "motion_extractor":
            inputs["driving"]?["height"]?.integer == configuration.motionExtractor.inputSize
        case "motion_encoder":
            shape("out/tokens")?.dropFirst().first == configuration.motionTokens.count
        case "pose_guider":
            shape("out/features")?.dropFirst().first == configuration.poseGuider.outputChannels
        case "image_encoder":
            (shape("out/embeds_from_pixels") ?? shape("out/embeds_from_image"))?.last
                == configuration.imageEncoder.projectionDimension
        case "reference_unet", "denoising_unet": last("token") == configuration.unet.tokenDimension
        default: shape("reference/token")?.last == configuration.unet.tokenDimension
        }
    }

    /// Shape of a golden tensor, also when only every k-th element of it is stored.
    func shape(_ key: String) -> [Int]? {
        file.entries[key]?.shape ?? inputs["_strided"]?[key]?["shape"]?.integers
    }
}

extension Checkpoint {
    /// The same weights with all but gains and biases rounded to BF16.
    fileprivate func withRoundedMatrices(_ name: String) -> Checkpoint {
        .computed("rounded \(name)") { key, shape in
            guard let weight = try? self.tensor(key, shape) else { return nil }
            guard shape.count > 1 else { return weight }
            let narrow = Tensor<UInt8>(uninitialized: [2 * weight.count])
            let rounded = Tensor<Float>(uninitialized: shape)
            withExtendedLifetime((weight, narrow)) {
                exact_float_to_bfloat(weight.pointer, weight.count, narrow.pointer)
                exact_bfloat_to_float(narrow.pointer, weight.count, rounded.pointer)
            }
            return rounded
        }
    }
}

/// The sets of dimensions that fixtures are made with.
enum NetworkSize: String, CaseIterable, Sendable {
    case mini, full
}

/// Why a fixture cannot be run.
package enum FixtureError: Error, Equatable, CustomStringConvertible {
    case unreadableFolder(String, reason: String)
    case badMetadata(fixture: String, field: String)
    case noInput(fixture: String, input: String)
    case badInput(fixture: String, input: String, problem: String)

    package var description: String {
        switch self {
        case .unreadableFolder(let folder, let reason):
            "cannot read the folder of fixtures \(folder): \(reason)"
        case .badMetadata(let fixture, let field):
            "the metadata '\(field)' of \(fixture) is not JSON"
        case .noInput(let fixture, let input):
            "\(fixture) does not say how its input '\(input)' is computed"
        case .badInput(let fixture, let input, let problem):
            "the input '\(input)' of \(fixture) cannot be computed: \(problem)"
        }
    }
}
