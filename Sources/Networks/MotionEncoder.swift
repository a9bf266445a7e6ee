import Layers
import Tensors

/// Turns a face into motion tokens: its expression, without who it is.
///
/// A stacked-hourglass face network with three patch attentions in between.
package struct MotionEncoder {
    private let stem: Convolution
    private let conv2, conv3, conv4, top: ResidualBlock
    private let att1, att2, att3: PatchAttention
    private let hourglass: Hourglass
    private let last, landmarks, shrinking: Convolution
    private let fullyConnected, projection: Linear
    private let table: Tensor<Float>
    private let tokens: ModelConfiguration.MotionTokens

    package init(
        from checkpoint: Checkpoint, _ configuration: ModelConfiguration.MotionEncoder,
        tokens: ModelConfiguration.MotionTokens
    ) throws(CheckpointError) {
        let weights = checkpoint.scope("model"), c = configuration.stemChannels
        let attention = {
            (name: String, channels: Int, patch: Int) throws(CheckpointError) -> PatchAttention in
            try PatchAttention(
                from: weights.scope(name), channels, patch: patch,
                side: configuration.inputSize / 8, heads: configuration.attentionHeads,
                headWidth: configuration.attentionHeadDimension)
        }
        stem = try Convolution(
            from: weights.scope("conv1"), 3, c, kernel: 7, stride: 2, padding: .all(3),
            folding: ChannelScale(batchNorm: weights.scope("bn1"), c), activation: .relu)
        conv2 = try ResidualBlock(from: weights.scope("conv2"), c, 2 * c)
        att1 = try attention("att_1", 2 * c, 4)
        conv3 = try ResidualBlock(from: weights.scope("conv3"), 2 * c, 2 * c)
        conv4 = try ResidualBlock(from: weights.scope("conv4"), 2 * c, 4 * c)
        att2 = try attention("att_2", 4 * c, 2)
        hourglass = try Hourglass(
            from: weights.scope("m0"), 4 * c, depth: configuration.hourglassDepth)
        top = try ResidualBlock(from: weights.scope("top_m_0"), 4 * c, 4 * c)
        last = try Convolution(
            from: weights.scope("conv_last0"), 4 * c, 4 * c, kernel: 1,
            folding: ChannelScale(batchNorm: weights.scope("bn_end0"), 4 * c))
        att3 = try attention("att_3", 4 * c, 2)
        let marks = configuration.landmarkChannels
        landmarks = try Convolution(
            from: weights.scope("l0"), 4 * c, marks, kernel: 1,
            folding: ChannelScale(batchNorm: weights.scope("bn5"), marks), activation: .relu)
        shrinking = try Convolution(
            from: weights.scope("conv6"), marks, 1, kernel: 3, stride: 2, padding: .all(1),
            activation: .relu)
        let output = configuration.output
        fullyConnected = try Linear(
            from: weights.scope("fc"), configuration.fullyConnectedInput, output)
        projection = try Linear(from: checkpoint.scope("final_proj"), output, output)
        table = PositionTable.motionTokens(count: tokens.count, width: tokens.dimension)
            .stored(checkpoint.storage)
        self.tokens = tokens
    }

    /// Motion tokens of faces.
    ///
    /// - Parameters:
    ///   - faces: `[n, size, size, 3]` in -1...1.
    ///   - trace: gets activations by the names of the modules they come from.
    /// - Returns: `[n, tokens, width]`.
    package func callAsFunction(
        _ faces: Tensor<Float>, trace: ((String, Tensor<Float>) -> Void)? = nil
    ) -> Tensor<Float> {
        let traced = { (name: String, x: Tensor<Float>) in
            trace?("model." + name, x)
            return x
        }
        var x = traced("conv2", conv2(stem(faces)))
        x = traced("att_1", att1(x)).maxPooled2()
        x = traced("conv4", conv4(traced("conv3", conv3(x))))
        x = hourglass(traced("att_2", att2(x)), trace: trace)
        x = traced("att_3", att3(last(traced("top_m_0", top(x)))))
        x = shrinking(landmarks(x.relu()))
        let motion = projection(fullyConnected(x.reshaped([x.shape[0], x.shape[1] * x.shape[2]])))
        return motion.adding(perChannel: table.reshaped([table.count]))
            .reshaped([x.shape[0], tokens.count, tokens.dimension]).host()
    }
}

/// Three convolutions of shrinking width, side by side, added to their input.
struct ResidualBlock {
    private let steps: [(norm: ChannelScale, convolution: Convolution)]
    private let shortcut: (norm: ChannelScale, projection: Linear)?

    init(
        from checkpoint: Checkpoint, _ inChannels: Int, _ outChannels: Int
    ) throws(CheckpointError) {
        let widths = [inChannels, outChannels / 2, outChannels / 4, outChannels / 4]
        var steps: [(norm: ChannelScale, convolution: Convolution)] = []
        for step in 1...3 {
            steps.append(
                (
                    try ChannelScale(
                        batchNorm: checkpoint.scope("bn\(step)"), widths[step - 1],
                        activation: .relu),
                    try Convolution(
                        from: checkpoint.scope("conv\(step)"), widths[step - 1], widths[step],
                        kernel: 3, padding: .all(1), bias: false)
                ))
        }
        self.steps = steps
        guard inChannels != outChannels else {
            shortcut = nil
            return
        }
        // This normalisation alone has another epsilon in the published network.
        shortcut = (
            try ChannelScale(
                batchNorm: checkpoint.scope("downsample.0"), inChannels, eps: 1e-4,
                activation: .relu),
            try Linear(
                from: checkpoint.scope("downsample.2"), inChannels, outChannels, bias: false,
                isPointwise: true)
        )
    }

    func callAsFunction(_ x: Tensor<Float>) -> Tensor<Float> {
        var parts: [Tensor<Float>] = []
        for step in steps { parts.append(step.convolution(step.norm(parts.last ?? x))) }
        let joined = parts[0].concatenated(with: parts[1].concatenated(with: parts[2]))
        guard let shortcut else { return joined.adding(x) }
        return shortcut.projection(shortcut.norm(x), adding: joined)
    }
}

/// Looks at a face at several resolutions: each level adds what the coarser ones found.
struct Hourglass {
    /// One resolution, coarsest last.
    private struct Level {
        let same, down, up: ResidualBlock
    }
    private let levels: [Level]
    private let coarsest: ResidualBlock

    init(from checkpoint: Checkpoint, _ channels: Int, depth: Int) throws(CheckpointError) {
        let block = { (name: String) throws(CheckpointError) -> ResidualBlock in
            try ResidualBlock(from: checkpoint.scope(name), channels, channels)
        }
        var levels: [Level] = []
        for level in (1...depth).reversed() {
            levels.append(
                Level(
                    same: try block("b1_\(level)"), down: try block("b2_\(level)"),
                    up: try block("b3_\(level)")))
        }
        self.levels = levels
        coarsest = try block("b2_plus_1")
    }

    func callAsFunction(
        _ x: Tensor<Float>, trace: ((String, Tensor<Float>) -> Void)? = nil
    ) -> Tensor<Float> {
        run(levels[...], x) { name, x in
            trace?("model.m0." + name, x)
            return x
        }
    }

    private func run(
        _ levels: ArraySlice<Level>, _ x: Tensor<Float>,
        _ traced: (String, Tensor<Float>) -> Tensor<Float>
    ) -> Tensor<Float> {
        guard let level = levels.first else { return traced("b2_plus_1", coarsest(x)) }
        let number = levels.count
        let same = traced("b1_\(number)", level.same(x))
        let low = traced("b2_\(number)", level.down(x.maxPooled2()))
        let inner = run(levels.dropFirst(), low, traced)
        let up = traced("b3_\(number)", level.up(inner))
        return traced(
            "level\(number)", same.adding(up.bilinear(height: x.shape[1], width: x.shape[2])))
    }
}
