import Layers
import Tensors
import Testing

/// Tensors on a device, and the functions of tensors there against those on the processor.
@Suite(.enabled(if: TestDevice.isThere, TestDevice.missing)) struct DeviceTensorTests {
    private let storage: WeightStorage
    private let tolerance = 1e-6

    init() throws { storage = try TestDevice.storage() }

    /// A function of one tensor there and here.
    private func agrees(
        _ x: Tensor<Float>, _ function: (Tensor<Float>) -> Tensor<Float>,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let found = function(x.stored(storage))
        #expect(found.isOnDevice, sourceLocation: sourceLocation)
        #expect(
            relativeDifference(found, function(x)) < tolerance, sourceLocation: sourceLocation)
    }

    @Test func `numbers come back as they went`() {
        let x = numbers([3, 4, 5], seed: 1)

        let there = x.stored(storage)

        #expect(there.isOnDevice && !x.isOnDevice)
        #expect(there.host().array == x.array)
        #expect(there.rows(1..<3).host().array == x.rows(1..<3).array)
        #expect(
            there.reshaped([12, 5]).rows(7..<8).host().array
                == x.reshaped([12, 5]).rows(7..<8).array)
        #expect(x.placed(like: there).isOnDevice && !there.placed(like: x).isOnDevice)
        #expect(there.host().host().array == x.array)
    }

    @Test(.exits) func `whoever reads a tensor on a device without asking for it ends`() async {
        await #expect(processExitsWith: .signal(11)) {
            let storage = try TestDevice.storage()
            let there = Tensor<Float>(repeating: 1, shape: [4]).stored(storage)
            print(there.pointer[0])
        }
    }

    @Test(.exits) func `an operation that fails after loading ends the process with its code`() async {
        await #expect(processExitsWith: .exitCode(DeviceFailure.exitCode)) {
            let storage = try TestDevice.storage()
            _ = Tensor<Float>(repeating: 1, shape: [1, 64]).stored(storage)
                .repeatedChannels(1 << 31)
        }
    }

    @Test(.exits) func `an operation that fails while networks are loaded is thrown`() async {
        await #expect(processExitsWith: .success) {
            let storage = try TestDevice.storage()
            let error = #expect(throws: DeviceError.self) {
                try DeviceFailure.catching(on: .torch) {
                    let broken = Tensor<Float>(repeating: 1, shape: [1, 64]).stored(storage)
                        .repeatedChannels(1 << 31)
                    _ = broken.silu().rows(0..<1)
                }
            }
            #expect(error?.description.contains("allocate") == true)
        }
    }

    @Test func `element by element`() {
        let x = numbers([2, 3, 4], seed: 1).scaled(by: 4), y = numbers([2, 3, 4], seed: 2)
        for activation in [Activation.relu, .silu, .gelu, .quickGELU] {
            agrees(x) { $0.applying(activation) }
        }
        agrees(x) { $0.adding(y, activation: .silu) }
        agrees(x) { y.adding($0) }
        agrees(x) { $0.adding(perChannel: numbers([4], seed: 3)) }
        agrees(x) { $0.adding(perChannel: numbers([2, 4], seed: 3), activation: .relu) }
        agrees(x) { $0.combined(0.25, plus: -3, times: y) }
        agrees(x) { $0.scaled(by: 0.5, plus: 0.25) }
        agrees(x) { $0.softlyClamped(to: 3) }
        agrees(x) { $0.geglu() }
    }

    @Test func `order, joins and sizes`() {
        let x = numbers([2, 3, 5, 4], seed: 1), y = numbers([2, 3, 5, 1], seed: 2)
        agrees(x) { $0.channelsFirst() }
        agrees(x) { $0.channelsLast() }
        agrees(x) { $0.concatenated(with: y) }
        agrees(x) { y.concatenated(with: $0) }
        agrees(x) { $0.repeatedChannels(3) }
        agrees(x) { Tensor(stacking: [$0, x, $0.rows(1..<2)]) }
        agrees(x) { Tensor(pooling: [x, $0]) }
        agrees(x) { $0.maxPooled2() }
        agrees(x) { $0.doubled() }
        agrees(x) { $0.bilinear(height: 7, width: 2) }
        agrees(numbers([2, 9, 12], seed: 3)) { $0.pixelsOfPatches(side: 3, patch: 2) }
    }

    @Test func `rows that slide`() {
        let x = numbers([4, 3], seed: 1), chunk = numbers([2, 3], seed: 2)
        agrees(x) { room in
            // The processor's own memory is written into.
            let own = room.isOnDevice ? room : Tensor(stacking: [room])
            return own.sliding(by: 1, of: 3, adding: chunk.placed(like: room)).rows(0..<4)
        }
    }

    @Test func `bytes of pictures differ by one level at most`() {
        let x = numbers([1, 37, 21, 3], seed: 1).scaled(by: 1.5)

        let (found, expected) = (x.stored(storage).rgb8().array, x.rgb8().array)

        #expect(zip(found, expected).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
        #expect(found.contains(0) && found.contains(255))
    }
}
