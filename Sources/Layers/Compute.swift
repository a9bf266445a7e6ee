import COneDNN
import COpenBLAS
import CTorch
import Dispatch
import Synchronization

/// How many processor cores the mathematics of this process may use.
///
/// One setting for the whole package, oneDNN's, OpenBLAS' and libtorch's threads included: a placement's
/// `cores:` decides, since several nodes share a machine.
package enum Compute {
    private static let count = Atomic<Int>(1)

    /// Cores for every later operation, whichever thread starts it; 1 until someone says otherwise.
    package static var cores: Int {
        get { count.load(ordering: .relaxed) }
        set {
            count.store(max(newValue, 1), ordering: .relaxed)
            onednn_set_cores(Int32(clamping: max(newValue, 1)))
            openblas_set_num_threads(Int32(clamping: max(newValue, 1)))
            ctorch_set_threads(Int32(clamping: max(newValue, 1)))
        }
    }

    /// OpenBLAS starts with a thread per core; whoever calls it makes sure that it keeps to ours.
    static let isBLASLimited: Bool = {
        openblas_set_num_threads(Int32(clamping: cores))
        return true
    }()

    /// Pieces per core when there is enough to do: a core that is slow for a while, as neighbours make
    /// it, then takes fewer.
    private static let piecesPerCore = 8

    /// Splits `0 ..< total` into pieces of at least `grain` and runs them on the cores.
    ///
    /// The pieces must not touch each other's results. With one core, or little to do, `body` runs
    /// once in the calling thread.
    static func parallel(_ total: Int, grain: Int = 1, _ body: (Range<Int>) -> Void) {
        let workers = min(cores, total / max(grain, 1))
        guard workers > 1 else { return body(0..<total) }
        // A few pieces more than cores would leave one idle at the end.
        let most = total / max(grain, 1), many = workers * piecesPerCore
        let pieces = most < many / 2 ? workers : min(most, many)
        let next = Atomic<Int>(0)
        withoutActuallyEscaping(body) { body in
            // Crosses threads unsafely because pieces are disjoint, and all end before this returns.
            nonisolated(unsafe) let body = body
            DispatchQueue.concurrentPerform(iterations: workers) { _ in
                while true {
                    let piece = next.add(1, ordering: .relaxed).oldValue
                    guard piece < pieces else { return }
                    body(total * piece / pieces..<total * (piece + 1) / pieces)
                }
            }
        }
    }
}
