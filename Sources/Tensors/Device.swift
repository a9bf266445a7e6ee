/// Where a network's arithmetic is done.
package enum Device: Sendable, Hashable {
    /// This machine's processor, by our own kernels, oneDNN and OpenBLAS.
    case cpu
    /// The processor by libtorch: the code of the devices below, wherever there is no such device.
    case torch
    /// A GPU of NVIDIA's, or one of AMD's with the libtorch that is made for it (ROCm).
    case cuda(Int)
    /// A GPU of Intel's.
    case xpu(Int)

    /// Reads the word of a setting: `cpu`, `torch`, `cuda`, `cuda:1`, `xpu`, `xpu:1`.
    package init?(_ word: String) {
        let parts = word.split(separator: ":", omittingEmptySubsequences: false)
        let digits = parts.count == 2 ? parts[1] : "0"
        guard parts.count <= 2, digits.allSatisfy({ $0.isASCII && $0.isNumber }),
            let number = Int(digits), number < 64
        else { return nil }
        switch (parts[0], parts.count) {
        case ("cpu", 1): self = .cpu
        case ("torch", 1): self = .torch
        case ("cuda", _): self = .cuda(number)
        case ("xpu", _): self = .xpu(number)
        default: return nil
        }
    }

    /// What numbers are on it unless something else is said: halves on a GPU, as the published program
    /// has them.
    package var usualPrecision: WeightStorage.Precision {
        switch self {
        case .cpu, .torch: .float32
        case .cuda, .xpu: .float16
        }
    }
}

extension Device: CustomStringConvertible {
    package var description: String {
        switch self {
        case .cpu: "cpu"
        case .torch: "torch"
        case .cuda(let number): "cuda:\(number)"
        case .xpu(let number): "xpu:\(number)"
        }
    }
}
