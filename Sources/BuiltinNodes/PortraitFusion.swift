import Foundation
import Networks
import Tensors

/// A portrait that is made ready on a thread of its own, while the denoiser goes on with another.
final class PortraitFusion: @unchecked Sendable {
    // Unchecked because the result is guarded by the lock, and networks do not change once loaded.
    private let lock = NSLock()
    private let networks: StreamNetworks
    private let picture: PortraitPicture
    private var fused: FusedPortrait?

    init(of picture: PortraitPicture, _ networks: StreamNetworks) {
        (self.picture, self.networks) = (picture, networks)
        let thread = Thread { [self] in fuse() }
        thread.stackSize = 16 << 20
        thread.start()
    }

    /// Nil until it is ready.
    var result: FusedPortrait? { lock.withLock { fused } }

    private func fuse() {
        let portrait = FusedPortrait(networks.condition(on: picture), networks)
        lock.withLock { fused = portrait }
    }
}

extension Tensor<UInt8> {
    /// Whether two pictures are the same, wherever they lie.
    func hasSamePixels(as other: Tensor) -> Bool {
        guard shape == other.shape else { return false }
        return pointer == other.pointer || memcmp(pointer, other.pointer, count) == 0
    }

    /// The same pixels in memory that no sender asks back.
    var ownCopy: Tensor {
        let copy = Tensor(uninitialized: shape)
        copy.pointer.update(from: pointer, count: count)
        return copy
    }
}
