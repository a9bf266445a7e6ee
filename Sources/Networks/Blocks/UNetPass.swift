import Layers
import Tensors

/// What all layers of a UNet need to know during one pass.
final class UNetPass {
    let time: TimeCondition
    let token: TokenConditioning
    /// Keys and values of the reference and of every keyframe.
    var banks: [ProjectedBanks] = []
    /// Motion tokens `[n, tokens, dimension]`; nil in the reference UNet.
    var motion: Tensor<Float>?
    var observe: LayerObserver?
    /// Where the reference UNet leaves its banks; nil in the denoiser.
    var collector: BankCollector?

    init(time: TimeCondition, token: TokenConditioning) {
        (self.time, self.token) = (time, token)
    }
}

/// Gathers banks until the last one is there, after which nothing else is of use.
final class BankCollector {
    private let expected: Int
    private(set) var banks = ReferenceBanks()

    init(expected: Int) { self.expected = expected }

    var isComplete: Bool { banks.count == expected }
    func append(_ bank: Tensor<Float>, for block: String) { banks.append(bank, for: block) }
}

/// What the reference UNet says of a picture: normalised tokens `[1, tokens, channels]` of each
/// spatial attention block, in the network's order.
package struct ReferenceBanks: Sendable {
    /// Names of the blocks, such as `mid_block.attentions.0`, with their tokens.
    package private(set) var blocks: [(name: String, tokens: Tensor<Float>)] = []

    /// No banks yet.
    package init() {}

    /// How many blocks there are.
    package var count: Int { blocks.count }

    /// Adds a block's tokens.
    package mutating func append(_ tokens: Tensor<Float>, for block: String) {
        blocks.append((block, tokens))
    }

    /// The tokens of a block.
    package subscript(block: String) -> Tensor<Float>? {
        blocks.first { $0.name == block }?.tokens
    }
}

/// Reference or keyframe banks as keys and values of the denoiser, projected once for all frames and
/// calls.
package struct ProjectedBanks: Sendable {
    /// By block: keys and values side by side, `[1, tokens, 2 · channels]`.
    let keysAndValues: [String: Tensor<Float>]
}

/// The image token as every layer of one UNet sees it.
///
/// Attention over a single token has the weight 1, so a cross-attention layer adds the same row to
/// every pixel, whatever the queries are: `to_out(to_v(token))`.
package struct TokenConditioning: Sendable {
    /// By block: `[1, channels]`.
    let rows: [String: Tensor<Float>]

    /// The same numbers where the network computes.
    func placed(_ x: Tensor<Float>) -> Tensor<Float> {
        rows.first.map { x.placed(like: $0.value) } ?? x
    }
}
