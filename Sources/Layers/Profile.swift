import Dispatch
import Glibc
import Synchronization
import Tensors

/// Where the time of a network goes, operation by operation.
///
/// Off unless someone records; then every operation notes when it began and how long it took.
package enum Profile {
    /// One operation of a layer.
    package struct Event: Sendable {
        /// What was computed and of which shape.
        package let name: String
        /// Nanoseconds of the monotonic clock.
        package let start, duration: UInt64
        /// Nanoseconds of processor time of the whole process, all threads together: on a busy machine
        /// the number to compare.
        package let processorTime: UInt64
        /// What the operation takes when computed plainly, in FLOP; 0 when it is not arithmetic that
        /// counts.
        package let work: Int

        /// The kind of layer: its name up to the shape, such as `convolution 3x3 winograd`.
        package var kind: String {
            name.split(separator: " ")
                .prefix { !$0.hasPrefix("[") && !$0.allSatisfy(\.isNumber) }.joined(separator: " ")
        }
    }

    /// What all operations of one kind took together.
    package struct Share: Sendable {
        package let kind: String
        package fileprivate(set) var count = 0
        package fileprivate(set) var seconds = 0.0, processorSeconds = 0.0, gflop = 0.0
    }

    /// Operations by their kind, the longest first.
    package static func shares(of events: [Event]) -> [Share] {
        var shares: [String: Share] = [:]
        for event in events {
            var share = shares[event.kind] ?? Share(kind: event.kind)
            share.count += 1
            share.seconds += Double(event.duration) / 1e9
            share.processorSeconds += Double(event.processorTime) / 1e9
            share.gflop += Double(event.work) / 1e9
            shares[event.kind] = share
        }
        return shares.values.sorted { $0.seconds > $1.seconds }
    }

    private static let isOn = Atomic<Bool>(false)
    private static let events = Mutex<[Event]>([])

    /// Records everything that `body` runs.
    package static func record(_ body: () throws -> Void) rethrows -> [Event] {
        events.withLock { $0 = [] }
        isOn.store(true, ordering: .relaxed)
        defer { isOn.store(false, ordering: .relaxed) }
        try body()
        return events.withLock { $0 }
    }

    /// Runs an operation, and notes it while somebody records.
    static func measure<Result>(
        _ name: @autoclosure () -> String, work: @autoclosure () -> Int = 0, _ body: () -> Result
    ) -> Result {
        guard isOn.load(ordering: .relaxed) else { return body() }
        let (start, used) = (DispatchTime.now().uptimeNanoseconds, processorTime())
        let result = body()
        let event = Event(
            name: name(), start: start, duration: DispatchTime.now().uptimeNanoseconds - start,
            processorTime: processorTime() - used, work: work())
        events.withLock { $0.append(event) }
        return result
    }

    /// The same of an operation whose result is on a device, which is waited for: what a device was asked
    /// for before has ended by then.
    static func measureOnDevice(
        _ name: @autoclosure () -> String, work: @autoclosure () -> Int = 0,
        _ body: () -> Tensor<Float>
    ) -> Tensor<Float> {
        measure(name(), work: work()) {
            let result = body()
            if isOn.load(ordering: .relaxed) { result.waitForDevice() }
            return result
        }
    }

    /// Nanoseconds of processor time that this process has used.
    package static func processorTime() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
