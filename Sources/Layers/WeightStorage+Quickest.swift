import Tensors

extension WeightStorage.Precision {
    /// BF16 on a processor that multiplies it faster than F32, by a trial of a millisecond; else what is usual
    /// on the device.
    package static func quickest(on device: Device) -> Self {
        device == .cpu && PackedWeights.narrowPays ? .bfloat16 : device.usualPrecision
    }
}
