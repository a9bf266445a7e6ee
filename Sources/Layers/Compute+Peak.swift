import Dispatch
import Kernels
import Synchronization

extension Compute {
    /// What the cores that may be used reach with nothing but fused multiply-adds of binary32 numbers
    /// in registers, FLOP per second: the best of several runs of some hundredths of a second.
    package static func measuredPeak() -> Double {
        let rounds = 4_000_000
        let flop = Double(512 * rounds * cores)
        let unused = Mutex<Float>(0)  // keeps the compiler from leaving the work out
        let times = (0..<5).map { _ in
            let start = DispatchTime.now().uptimeNanoseconds
            parallel(cores) { pieces in
                for _ in pieces {
                    let sum = kernel_multiply_adds(Int64(rounds))
                    unused.withLock { $0 += sum }
                }
            }
            return Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
        }
        return flop / (times.min() ?? .infinity)
    }
}
