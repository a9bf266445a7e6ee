import CPosix
import Glibc

/// The clock that ages are measured with: never set back, the same for all processes of a machine.
package enum MonotonicClock {
    /// Nanoseconds since some moment before now.
    package static var now: Int64 { posix_monotonic_ns() }

    /// Waits until the clock shows `time`; returns at once when it is past.
    package static func sleep(until time: Int64) {
        while true {
            let rest = time - now
            guard rest > 0 else { return }
            var pause = timespec(
                tv_sec: Int(rest / 1_000_000_000), tv_nsec: Int(rest % 1_000_000_000))
            nanosleep(&pause, nil)
        }
    }
}
