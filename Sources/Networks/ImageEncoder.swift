import Layers
import Tensors

/// CLIP's view of the portrait: one token that all cross-attentions see.
///
/// The vision tower of CLIP ViT-L/14 with its projection (arXiv 2103.00020), as in Stable Diffusion
/// image variations.
package struct ImageEncoder {
    private let patches: Convolution
    private let classToken, positions: Tensor<Float>
    private let preNorm, postNorm: LayerNorm
    private let layers: [Layer]
    private let projection: Linear
    private let width: Int

    package init(
        from checkpoint: Checkpoint, _ configuration: ModelConfiguration.ImageEncoder
    ) throws(CheckpointError) {
        let weights = checkpoint.scope("vision_model"), eps = configuration.normEpsilon
        width = configuration.hiddenSize
        let side = configuration.imageSize / configuration.patchSize
        let embeddings = weights.scope("embeddings")
        patches = try Convolution(
            from: embeddings.scope("patch_embedding"), 3, width, kernel: configuration.patchSize,
            stride: configuration.patchSize, bias: false)
        classToken = try embeddings.tensor("class_embedding", [width])
        positions = try embeddings.tensor("position_embedding.weight", [side * side + 1, width])
        preNorm = try LayerNorm(from: weights.scope("pre_layrnorm"), width, eps: eps)
        var layers: [Layer] = []
        for index in 0..<configuration.layers {
            layers.append(try Layer(from: weights.scope("encoder.layers.\(index)"), configuration))
        }
        self.layers = layers
        postNorm = try LayerNorm(from: weights.scope("post_layernorm"), width, eps: eps)
        projection = try Linear(
            from: checkpoint.scope("visual_projection"), width, configuration.projectionDimension,
            bias: false)
    }

    /// - Parameter image: `[1, size, size, 3]`, normalised as ``PortraitPicture`` does it.
    /// - Returns: `[1, width of the projection]`.
    package func callAsFunction(_ image: Tensor<Float>) -> Tensor<Float> {
        let found = patches(image)
        let tokens = Tensor(stacking: [
            classToken.reshaped([1, width]), found.reshaped([found.count / width, width]),
        ])
        var x = preNorm(tokens.adding(positions)).reshaped([1, tokens.shape[0], width])
        for layer in layers { x = layer(x) }
        // Only the class token is read, so only it is normalised.
        return projection(postNorm(x.reshaped(tokens.shape).rows(0..<1))).host()
    }

    /// Self-attention, then a multi-layer perceptron.
    private struct Layer {
        let attentionNorm, perceptronNorm: LayerNorm
        let queriesKeysValues, out, widening, narrowing: Linear
        let attention: Attention
        let width: Int

        init(
            from checkpoint: Checkpoint, _ configuration: ModelConfiguration.ImageEncoder
        ) throws(CheckpointError) {
            width = configuration.hiddenSize
            let eps = configuration.normEpsilon, wide = configuration.intermediateSize
            let scope = checkpoint.scope("self_attn")
            attentionNorm = try LayerNorm(from: checkpoint.scope("layer_norm1"), width, eps: eps)
            queriesKeysValues = try Linear(
                from: ["q_proj", "k_proj", "v_proj"].map(scope.scope), width, width)
            attention = Attention(heads: configuration.attentionHeads, storage: checkpoint.storage)
            out = try Linear(from: scope.scope("out_proj"), width, width)
            perceptronNorm = try LayerNorm(from: checkpoint.scope("layer_norm2"), width, eps: eps)
            widening = try Linear(
                from: checkpoint.scope("mlp.fc1"), width, wide, activation: .quickGELU)
            narrowing = try Linear(from: checkpoint.scope("mlp.fc2"), wide, width)
        }

        func callAsFunction(_ x: Tensor<Float>) -> Tensor<Float> {
            let projected = queriesKeysValues(attentionNorm(x))
            let bank = KeyValueBank(
                keys: TokenRows(projected, columns: width..<2 * width),
                values: TokenRows(projected, columns: 2 * width..<3 * width))
            let seen = attention(TokenRows(projected, columns: 0..<width), [bank])
            let attended = out(seen, adding: x)
            return narrowing(widening(perceptronNorm(attended)), adding: attended)
        }
    }
}
