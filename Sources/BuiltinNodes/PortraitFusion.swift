import Foundation
import Networks
import Synchronization
import Tensors

/// A portrait that is looked at on a thread of its own, while the denoiser goes on with another.
final class PortraitFusion: Sendable {
    private typealias Seen = (portrait: PortraitConditioning, banks: ReferenceBanks)
    private let seen = Mutex<Result<Seen, CheckpointError>?>(nil)
    private let networks: StreamNetworks

    init(of picture: PortraitPicture, _ networks: StreamNetworks) {
        self.networks = networks
        let thread = Thread { [self] in look(at: picture) }
        thread.stackSize = 16 << 20
        thread.start()
    }

    /// Nil until all has been seen. On the stream's thread, whose denoiser prepares it for itself.
    var result: Result<FusedPortrait, CheckpointError>? {
        seen.withLock { $0 }?.map { FusedPortrait($0.portrait, $0.banks, networks) }
    }

    private func look(at picture: PortraitPicture) {
        let found: Result<Seen, CheckpointError> = Result { () throws(CheckpointError) in
            let portrait = try networks.condition(on: picture)
            return (portrait, networks.banks(of: portrait.latent, token: portrait.token))
        }
        seen.withLock { $0 = found }
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
