import Glibc
import Synchronization
import Tensors

/// What becomes of an operation that fails on a device: no memory, a lost GPU, a driver that was renewed.
///
/// Layers do not throw, since on the processor nothing can fail. While networks are loaded, the first
/// failure is noted, all later operations are left out, and loading throws. Later the process ends with
/// ``exitCode``, and the supervisor starts it again from its saved state.
package enum DeviceFailure {
    /// `EX_SOFTWARE` of sysexits.h.
    package static let exitCode: Int32 = 70

    private static let isLoading = Atomic<Bool>(false)
    private static let first = Mutex<String?>(nil)

    /// Runs what loads networks, and throws what failed on the device meanwhile; what `body` throws itself
    /// comes first.
    package static func catching<Result>(
        on device: Device, _ body: () throws -> Result
    ) throws -> Result {
        first.withLock { $0 = nil }
        isLoading.store(true, ordering: .sequentiallyConsistent)
        defer { isLoading.store(false, ordering: .sequentiallyConsistent) }
        let result = try body()
        if let reason = noted { throw DeviceError.failed(device, reason: reason) }
        return result
    }

    /// What failed first while networks were loaded the last time.
    static var noted: String? { first.withLock { $0 } }

    /// An operation failed, with libtorch's words.
    static func note(_ reason: String) {
        guard isLoading.load(ordering: .sequentiallyConsistent) else {
            let line = "the device failed: \(reason)\n"
            _ = line.withCString { write(STDERR_FILENO, $0, strlen($0)) }
            _exit(exitCode)
        }
        first.withLock { $0 = $0 ?? reason }
    }
}
