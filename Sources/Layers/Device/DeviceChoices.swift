import Synchronization
import Tensors

/// Choices between ways of computing the same on a device, to be measured against each other there.
package enum DeviceChoices {
    /// One of them, which may be the other way round than usual.
    package final class Choice: Sendable {
        private let isOther = Atomic<Bool>(false)

        /// Takes the other way from now on, in every thread.
        package func toggle() { isOther.logicalXor(true, ordering: .relaxed) }

        func isOn(_ usual: Bool) -> Bool { usual != isOther.load(ordering: .relaxed) }
    }

    /// Whether cuDNN tries its ways for each shape.
    static let benchmark = Choice()
    /// Whether attention over several banks goes bank by bank, and results are put together by the sums of
    /// their weights. Usual where it was measured: on the processor it takes 0.92 to 1.03 times as long, and no
    /// memory for copies.
    static let separateBanks = Choice()

    /// Each with a name for its other way.
    package static let all = [
        (name: "other benchmark", choice: benchmark), (name: "other banks", choice: separateBanks),
    ]
}
