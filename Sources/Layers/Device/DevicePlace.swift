import CTorch
import Tensors

/// A device, and the type that numbers have on it.
struct DevicePlace: Sendable, Equatable {
    let device: Device
    let precision: WeightStorage.Precision

    init(device: Device, precision: WeightStorage.Precision) {
        (self.device, self.precision) = (device, precision)
    }

    /// Where a checkpoint's layers compute; nil for the processor's own.
    init?(_ storage: WeightStorage) {
        guard storage.device != .cpu else { return nil }
        self.init(device: storage.device, precision: storage.precision)
    }

    /// libtorch's word for the type.
    var type: ctorch_type {
        switch precision {
        case .float32: CTORCH_FLOAT32
        case .float16: CTORCH_FLOAT16
        case .bfloat16: CTORCH_BFLOAT16
        }
    }
}

extension Device {
    /// libtorch's word for the kind of device.
    var kind: ctorch_device {
        switch self {
        case .cpu, .torch: CTORCH_CPU
        case .cuda: CTORCH_CUDA
        case .xpu: CTORCH_XPU
        }
    }

    /// Whether it is called `cuda`: NVIDIA's, or AMD's under that name.
    var isCUDA: Bool {
        if case .cuda = self { true } else { false }
    }

    /// Which of several.
    var number: Int {
        switch self {
        case .cpu, .torch: 0
        case .cuda(let number), .xpu(let number): number
        }
    }
}
