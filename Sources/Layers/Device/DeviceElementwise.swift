import CTorch
import Tensors

// Element-wise operations on a device: what Tensor+Elementwise.swift says of each.
extension Tensor<Float> {
    /// A function of the elements, with the shape kept.
    func onDevice(
        at place: DevicePlace, _ operation: (TorchTensor) -> TorchTensor
    ) -> Tensor {
        Tensor(operation(moved(to: place).elements()), shape, at: place)
    }

    /// A function of the elements of two tensors of one shape.
    func onDevice(
        with other: Tensor, at place: DevicePlace,
        _ operation: (TorchTensor, TorchTensor) -> TorchTensor
    ) -> Tensor {
        let added = other.moved(to: place).elements()
        return onDevice(at: place) { operation($0, added) }
    }

    func addingOnDevice(
        perChannel row: Tensor, _ activation: Activation, at place: DevicePlace
    ) -> Tensor {
        let c = shape[shape.count - 1]
        let n = row.count == c ? 1 : shape[0]
        let added = row.moved(to: place).elements([n, 1, c])
        let sum = moved(to: place).elements([n, count / n / c, c]).adding(added)
        return Tensor(sum.activated(activation), shape, at: place)
    }

    func gatedOnDevice(at place: DevicePlace) -> Tensor {
        let width = shape[shape.count - 1], c = width / 2, rows = count / width
        let value = elements([rows, c], [width, 1])
        let gate = elements([rows, c], [width, 1], offset: c).activated(.gelu)
        return Tensor(value.times(gate), shape.dropLast() + [c], at: place)
    }

    /// The bytes are made on the device, so that a quarter of what F32 takes has to come back.
    func writeRGB8FromDevice(into bytes: Tensor<UInt8>) {
        let level = elements([count]).converted(to: CTORCH_FLOAT32).scaled(by: 0.5)
            .adding(TorchTensor(0.5)).activated(.relu).atMost(1).scaled(by: 255)
        withExtendedLifetime(bytes) {
            TorchTensor(over: bytes.pointer, [count], type: CTORCH_UINT8)
                .copy(from: level.converted(to: CTORCH_UINT8))
        }
    }
}
