import Kernels
import Tensors

/// Token rows of several batches, wherever they lie in a tensor.
///
/// Heads, banks and transposed orders are all only strides, so nothing is copied to regroup tokens.
package struct TokenRows {
    let tensor: Tensor<Float>
    let offset, batchStride, tokenStride: Int
    /// Batches; 1 may stand for any number of them.
    package let batches: Int
    /// Tokens in a batch.
    package let count: Int
    /// Values in a token.
    package let channels: Int

    /// Tokens of `[batches, tokens, channels]`, or of the columns in a range of them.
    package init(_ tensor: Tensor<Float>, columns: Range<Int>? = nil) {
        let width = tensor.shape[tensor.shape.count - 1]
        batches = tensor.shape[0]
        count = tensor.count / batches / width
        (tokenStride, batchStride) = (width, width * count)
        offset = columns?.lowerBound ?? 0
        channels = columns?.count ?? width
        self.tensor = tensor
    }

    private init(_ rows: TokenRows, transposed: Void) {
        (tensor, offset, channels) = (rows.tensor, rows.offset, rows.channels)
        (batches, count) = (rows.count, rows.batches)
        (batchStride, tokenStride) = (rows.tokenStride, rows.batchStride)
    }

    /// The same rows with the roles of batch and token exchanged: attention across frames at each
    /// pixel instead of across pixels in each frame.
    package var acrossBatches: TokenRows { TokenRows(self, transposed: ()) }

    fileprivate var start: UnsafeMutablePointer<Float> { tensor.pointer + offset }
    /// A batch stride that makes one batch serve all.
    fileprivate var repeatedStride: Int64 { batches == 1 ? 0 : Int64(batchStride) }
}

/// Keys and values that queries attend to.
package struct KeyValueBank {
    let keys, values: TokenRows

    /// Keys and values of the same tokens; with one batch they serve the queries of every batch.
    package init(keys: TokenRows, values: TokenRows) {
        precondition(keys.count == values.count && keys.batches == values.batches)
        (self.keys, self.values) = (keys, values)
    }

    /// Keys and values side by side in `[batches, tokens, 2 c]`.
    package init(_ tensor: Tensor<Float>) {
        let c = tensor.shape[tensor.shape.count - 1] / 2
        self.init(
            keys: TokenRows(tensor, columns: 0..<c), values: TokenRows(tensor, columns: c..<2 * c))
    }
}

/// Multi-head softmax attention over one or several banks of keys and values.
///
/// Scores exist for one block of queries and keys at a time (running maximum and sum, as in
/// FlashAttention, arXiv 2205.14135), so memory does not grow with the number of keys.
package struct Attention {
    let heads: Int
    private let pairs: Bool

    /// Channel `head * (channels / heads) + d` belongs to `head`; scores are divided by the square
    /// root of a head's width.
    ///
    /// - Parameter storage: with narrow weights, queries, keys, values and their weights are multiplied in
    ///   BF16 where products are, too.
    package init(heads: Int, storage: WeightStorage = WeightStorage()) {
        self.heads = heads
        pairs = storage.precision == .bfloat16 && PackedWeights.pairsPay
    }

    /// For every query the mean of the values of all banks, weighted by the softmax over all keys.
    ///
    /// The result is laid out as the queries' tensor is, without the columns that were not theirs.
    package func callAsFunction(_ queries: TokenRows, _ banks: [KeyValueBank]) -> Tensor<Float> {
        let c = queries.channels
        precondition(c % heads == 0, "\(c) channels in \(heads) heads")
        let keys = banks.reduce(0) { $0 + $1.keys.count }
        let work = 4 * queries.batches * queries.count * keys * c
        func name() -> String {
            "attention \(queries.batches) x \(queries.count) to \(keys), \(c) in \(heads)"
        }
        if let place = queries.tensor.place(with: banks.first?.keys.tensor) {
            return Profile.measureOnDevice(name(), work: work) { onDevice(queries, banks, at: place) }
        }
        let y = Tensor<Float>(pooled: queries.tensor.shape.dropLast() + [c])
        let width = queries.tensor.shape[queries.tensor.shape.count - 1]
        let sources = banks.map { $0.kernel(channels: c, batches: queries.batches) }
        sources.withUnsafeBufferPointer { sources in
            var shape = kernel_attention_shape(
                queries: queries.start, query_batch_stride: Int64(queries.batchStride),
                query_token_stride: Int64(queries.tokenStride), query_count: Int64(queries.count),
                out: y.pointer, out_batch_stride: Int64(queries.batchStride / width * c),
                out_token_stride: Int64(queries.tokenStride / width * c),
                banks: sources.baseAddress, bank_count: Int64(sources.count), heads: Int64(heads),
                head_dim: Int64(c / heads),
                scale: 1 / Float(c / heads).squareRoot(), pairs: pairs)
            Profile.measure(name(), work: work) { Self.run(&shape, batches: queries.batches) }
        }
        return y
    }

    private static func run(_ shape: inout kernel_attention_shape, batches: Int) {
        let tasks = Int(kernel_attention_tasks(&shape, Int64(batches)))
        let floats = Int(kernel_attention_scratch(&shape))
        let fixed = shape
        Compute.parallel(tasks) { range in
            let scratch = Tensor<Float>(pooled: [floats])
            withUnsafePointer(to: fixed) {
                kernel_attention(
                    $0, Int64(range.lowerBound), Int64(range.upperBound), scratch.pointer)
            }
        }
    }
}

extension KeyValueBank {
    fileprivate func kernel(channels: Int, batches: Int) -> kernel_bank {
        precondition(
            keys.channels == channels && values.channels == channels
                && (keys.batches == 1 || keys.batches == batches),
            "keys of \(keys.batches) × \(keys.channels) for queries of \(batches) × \(channels)")
        return kernel_bank(
            keys: keys.start, values: values.start, count: Int64(keys.count),
            key_batch_stride: keys.repeatedStride, key_token_stride: Int64(keys.tokenStride),
            value_batch_stride: values.repeatedStride,
            value_token_stride: Int64(values.tokenStride))
    }
}
