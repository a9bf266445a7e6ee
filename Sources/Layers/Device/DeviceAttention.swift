import Tensors

extension Attention {
    /// The same on a device. Keys and values of several banks are joined first.
    func onDevice(
        _ queries: TokenRows, _ banks: [KeyValueBank], at place: DevicePlace
    ) -> Tensor<Float> {
        let batches = queries.batches
        func joined(_ rows: [TokenRows]) -> TorchTensor {
            .joined(rows.map { $0.elements(heads: heads, batches: batches, at: place) }, axis: 2)
        }
        let seen = queries.elements(heads: heads, batches: batches, at: place)
            .attending(to: joined(banks.map(\.keys)), joined(banks.map(\.values)))
        // [batches, heads, tokens, d] to the order of the queries' tensor.
        let order = queries.batchStride < queries.tokenStride ? [2, 0, 1, 3] : [0, 2, 1, 3]
        return Tensor(
            seen.permuted(order), queries.tensor.shape.dropLast() + [queries.channels], at: place)
    }
}

extension TokenRows {
    /// `[batches, heads, tokens, d]`, wherever the rows lie; a single batch stands for all.
    fileprivate func elements(heads: Int, batches: Int, at place: DevicePlace) -> TorchTensor {
        precondition(
            self.batches == batches || self.batches == 1,
            "keys of \(self.batches) batches for queries of \(batches)")
        let d = channels / heads
        return tensor.moved(to: place).elements(
            [batches, heads, count, d],
            [self.batches == 1 && batches != 1 ? 0 : batchStride, d, tokenStride, 1],
            offset: offset)
    }
}
