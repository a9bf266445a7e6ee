/// Weights computed from their names, with the spread that trained ones roughly have.
///
/// They stand in for a checkpoint wherever numbers must only be known and stay in range: tests,
/// fixtures, and runs before there are trained weights.
struct SyntheticWeights: Sendable {
    let namespace: String
    let network: String

    /// The weight with this full key, or nil for a table that networks compute themselves.
    func tensor(_ key: String, _ shape: [Int]) -> Tensor<Float>? {
        let leaf = Self.leaf(key)
        switch leaf {
        case "pe": return nil
        case "num_batches_tracked": return Tensor(repeating: 0, shape: shape)
        case "position_ids", "idx_tensor":
            return Tensor((0..<shape.reduce(1, *)).map { Float($0) }, shape: shape)
        default: break
        }
        let (offset, amplitude) = spread(key, leaf, shape)
        return SyntheticStream("\(namespace)/\(network)/\(key)")
            .unit(shape, scale: amplitude, offset: offset)
    }

    /// Offset (nil: none is added) and amplitude: the first rule that applies.
    private func spread(_ key: String, _ leaf: String, _ shape: [Int]) -> (Float?, Float) {
        switch leaf {
        case "running_mean": (nil, 0.1)
        case "running_var": (1, 0.5)
        case "gamma": (nil, 0.5)
        case "beta": (nil, 0.1)
        case _ where key.hasSuffix("fc_scale.bias"): (1, 0.1)
        case _ where key.hasSuffix("conv6.bias"): (4, 0.1)
        case "bias": (nil, 0.1)
        case "class_embedding": (nil, 0.5)
        case _ where key.hasSuffix("position_embedding.weight"): (nil, 0.5)
        case _ where shape.count == 1: (1, 0.2)
        default:
            (
                nil,
                Float(
                    gain(key, shape) * (3.0 / Double(shape.dropFirst().reduce(1, *))).squareRoot())
            )
        }
    }

    /// How much louder than a variance-keeping layer a layer is.
    private func gain(_ key: String, _ shape: [Int]) -> Double {
        let parts = key.split(separator: ".")
        let parent = parts.count > 1 ? String(parts[parts.count - 2]) : ""
        if let gain = Self.gains[parent] { return gain }
        if parts.contains("downsamplers") || parts.contains("upsamplers") { return 1.0 }
        guard shape.count == 4, shape[2] == 3 else { return 1.0 }
        switch network {
        case "motion_encoder": return 0.6
        case "taesd": return key.hasSuffix("conv.4.weight") ? 0.4 : 1.15
        default: return 1.4
        }
    }

    private static let gains: [String: Double] = [
        "fc_kp": 0.4, "fc_t": 0.1, "fc_scale": 0.1, "fc_pitch": 3.0, "fc_yaw": 3.0,
        "fc_roll": 3.0, "to_q": 1.5, "to_k": 1.5, "q_proj": 1.5, "k_proj": 1.5,
        "conv_out_modify": 6.0, "conv_last0": 0.15, "conv6": 1.0, "final_proj": 0.3,
        "time_emb_proj": 4.0,
    ]

    private static func leaf(_ key: String) -> String {
        String(key[(key.lastIndex(of: ".").map(key.index(after:)) ?? key.startIndex)...])
    }
}
