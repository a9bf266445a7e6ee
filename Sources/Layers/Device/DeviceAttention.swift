import CTorch
import Tensors

extension Attention {
    /// The same on a device.
    func onDevice(
        _ queries: TokenRows, _ banks: [KeyValueBank], at place: DevicePlace
    ) -> Tensor<Float> {
        let batches = queries.batches
        let parts = banks.map { bank in
            (
                keys: bank.keys.elements(heads: heads, batches: batches, at: place),
                values: bank.values.elements(heads: heads, batches: batches, at: place)
            )
        }
        let own = queries.elements(heads: heads, batches: batches, at: place)
        let seen =
            parts.count > 1 && Self.isSeparate(at: place)
            ? Self.attending(own, parts, at: place)
            : own.attending(
                to: .joined(parts.map(\.keys), axis: 2), .joined(parts.map(\.values), axis: 2))
        // [batches, heads, tokens, d] to the order of the queries' tensor.
        let order = queries.batchStride < queries.tokenStride ? [2, 0, 1, 3] : [0, 2, 1, 3]
        return Tensor(
            seen.permuted(order), queries.tensor.shape.dropLast() + [queries.channels], at: place)
    }

    /// Whether each bank is attended to by itself, so that no keys and values are copied to stand in a row.
    private static func isSeparate(at place: DevicePlace) -> Bool {
        guard ctorch_can_attend(place.device.kind) else { return false }
        if place.device == .torch { return DeviceChoices.separateBanks.isOn(true) }
        return place.precision != .float32 && DeviceChoices.separateBanks.isOn(false)
    }

    /// Results bank by bank. With sums of weights eᵃ before and eᵇ of a bank, the bank's share of both is
    /// 1 / (1 + eᵃ⁻ᵇ).
    private static func attending(
        _ queries: TorchTensor, _ banks: [(keys: TorchTensor, values: TorchTensor)],
        at place: DevicePlace
    ) -> TorchTensor {
        let all = banks.map { queries.attendingWithSums(to: $0.keys, $0.values, on: place.device) }
        return all.dropFirst().reduce(all[0]) { sum, next in
            let share = next.logarithms.adding(sum.logarithms, times: -1).sigmoid()
                .withLastAxis().converted(to: place.type)
            return (
                sum.result.mixed(with: next.result, share),
                sum.logarithms.addedAsLogarithm(to: next.logarithms)
            )
        }.result
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
