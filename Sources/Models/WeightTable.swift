import Networks

/// Every weight that a network has, by key and shape, worked out from its dimensions.
///
/// Networks check each weight as they read it; this says all that is wrong with a file at once, and
/// knows a network's size without building it.
package struct WeightTable: Sendable {
    package struct Entry: Sendable, Equatable {
        package let key: String
        package let shape: [Int]
        package let role: Role

        package init(key: String, shape: [Int], role: Role = .read) {
            (self.key, self.shape, self.role) = (key, shape, role)
        }
    }

    /// What becomes of a weight here.
    package enum Role: Sendable {
        /// The network cannot be built without it.
        case read
        /// Published, but without effect on what the network gives: an attention to one token has no
        /// use for queries and keys.
        case unread
        /// A counter, or a table that is worked out here.
        case constant
    }

    /// The networks in the order in which a frame meets them, by the names that settings use.
    package static let networks = [
        "motion_extractor", "motion_encoder", "pose_guider", "image_encoder", "vae",
        "reference_unet", "denoising_unet", "taesd",
    ]

    /// Those of ``networks`` that a model cannot do without, in the same order.
    package static func networks(neededBy configuration: ModelConfiguration) -> [String] {
        // A model whose latents are the tiny autoencoder's can do without the other, which may decode.
        networks.filter { $0 != "vae" || configuration.portraitEncoder == .vae }
    }

    package private(set) var entries: [Entry] = []

    /// - Returns: nil for a name that is not one of ``networks``.
    package init?(_ network: String, _ configuration: ModelConfiguration) {
        switch network {
        case "motion_extractor": addMotionExtractor(configuration.motionExtractor)
        case "motion_encoder": addMotionEncoder(configuration)
        case "pose_guider": addPoseGuider(configuration.poseGuider)
        case "image_encoder": addImageEncoder(configuration.imageEncoder)
        case "vae": addVAE(configuration.vae, encodes: configuration.portraitEncoder == .vae)
        case "reference_unet": addUNet(configuration.unet, motionDimension: nil)
        case "denoising_unet":
            addUNet(configuration.unet, motionDimension: configuration.motionTokens.dimension)
        case "taesd": addTinyAutoencoder(configuration.tinyAutoencoder)
        default: return nil
        }
    }

    /// Numbers in the weights that are published.
    package var parameterCount: Int {
        entries.reduce(0) { $1.role == .constant ? $0 : $0 + $1.shape.reduce(1, *) }
    }

    mutating func add(_ key: String, _ shape: [Int], _ role: Role = .read) {
        entries.append(Entry(key: key, shape: shape, role: role))
    }

    mutating func addLinear(
        _ name: String, _ from: Int, _ to: Int, bias: Bool = true, _ role: Role = .read
    ) {
        add(name + ".weight", [to, from], role)
        if bias { add(name + ".bias", [to], role) }
    }

    mutating func addConvolution(
        _ name: String, _ from: Int, _ to: Int, kernel: Int = 3, bias: Bool = true
    ) {
        add(name + ".weight", [to, from, kernel, kernel])
        if bias { add(name + ".bias", [to]) }
    }

    mutating func addNorm(_ name: String, _ channels: Int, _ role: Role = .read) {
        add(name + ".weight", [channels], role)
        add(name + ".bias", [channels], role)
    }

    mutating func addBatchNorm(_ name: String, _ channels: Int) {
        addNorm(name, channels)
        add(name + ".running_mean", [channels])
        add(name + ".running_var", [channels])
        add(name + ".num_batches_tracked", [], .constant)
    }

    /// A gated perceptron: two halves of four times the width in, one out.
    mutating func addFeedForward(_ name: String, _ width: Int) {
        addLinear(name + ".net.0.proj", width, 8 * width)
        addLinear(name + ".net.2", 4 * width, width)
    }

    /// - Parameters:
    ///   - source: the width of what is attended to.
    ///   - weighing: the role of queries and keys.
    mutating func addAttention(
        _ name: String, _ width: Int, source: Int, weighing: Role = .read
    ) {
        addLinear(name + ".to_q", width, width, bias: false, weighing)
        addLinear(name + ".to_k", source, width, bias: false, weighing)
        addLinear(name + ".to_v", source, width, bias: false)
        addLinear(name + ".to_out.0", width, width)
    }

    /// - Parameter timeDimension: nil where no timestep is added, as in the VAE.
    mutating func addResnet(_ name: String, _ from: Int, _ to: Int, timeDimension: Int?) {
        addNorm(name + ".norm1", from)
        addConvolution(name + ".conv1", from, to)
        if let timeDimension { addLinear(name + ".time_emb_proj", timeDimension, to) }
        addNorm(name + ".norm2", to)
        addConvolution(name + ".conv2", to, to)
        if from != to { addConvolution(name + ".conv_shortcut", from, to, kernel: 1) }
    }
}
