import Foundation
import Layers
import Tensors
import Testing

/// Tests on the device `torch` need a libtorch: the one that `make test-training` installs, or the one of
/// `PERSONALIVE_TORCH`. CI says `PERSONALIVE_DEVICES=required`, and then nothing is left out.
enum TestDevice {
    static let isThere =
        ProcessInfo.processInfo.environment["PERSONALIVE_DEVICES"] == "required"
        || (try? TorchLibrary.find(for: .torch)) != nil

    static let missing: Comment =
        "no libtorch here: 'make test-training' installs one, or set PERSONALIVE_TORCH"

    /// Weights and layers on it, made ready for this process.
    static func storage(
        _ precision: WeightStorage.Precision = .float32
    ) throws -> WeightStorage {
        try TorchLibrary.open(for: .torch)
        return WeightStorage(precision, device: .torch)
    }
}

extension Trait where Self == ConditionTrait {
    /// A test of how a process ends waits for ever in one whose other tests start programs: Foundation
    /// takes the ends of all children. So they run where only these tests do, which `make test` does last.
    static var exits: Self {
        .enabled(
            if: ProcessInfo.processInfo.environment["PERSONALIVE_ALONE"] != nil,
            "PERSONALIVE_ALONE=1 runs it, with '--filter LayersTests'")
    }
}

/// Largest difference between two results, of the second's largest value.
func relativeDifference(_ found: Tensor<Float>, _ expected: Tensor<Float>) -> Double {
    guard found.shape == expected.shape else { return .infinity }
    let (found, expected) = (found.host().array, expected.host().array)
    let largest = expected.reduce(Float.leastNormalMagnitude) { max($0, abs($1)) }
    return zip(found, expected).reduce(0) { worst, pair in
        let difference = Double(abs(pair.0 - pair.1) / largest)
        return difference.isNaN ? .infinity : max(worst, difference)
    }
}
