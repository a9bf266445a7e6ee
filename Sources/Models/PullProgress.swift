import CPosix
import Foundation

/// How far a fetch of several files is; told by all connections, shown by one function.
package final class PullProgress: @unchecked Sendable {
    // Unchecked because every member is used under the lock.

    /// What there is to say at a moment.
    package struct State: Sendable {
        package var files = 0, filesDone = 0
        /// Bytes that are there, of all that are wanted; the latter grows with what is found out.
        package var bytes = 0, total = 0
        /// Bytes per second over the last seconds, or nil while nobody knows.
        package var rate: Double?

        /// Seconds to go.
        package var secondsLeft: Double? {
            guard let rate, rate > 0, total > bytes else { return nil }
            return Double(total - bytes) / rate
        }
    }

    private let lock = NSLock()
    private let show: @Sendable (State) -> Void
    private var state = State()
    private var present: [PublishedModel.File: Int] = [:]
    private var lastShown: Int64 = 0
    /// Times and bytes that arrived until then, for the rate.
    private var marks: [(time: Int64, bytes: Int)] = []
    private var arrived = 0

    /// - Parameter show: called from any thread, one call at a time, a few times a second.
    package init(_ show: @escaping @Sendable (State) -> Void) { self.show = show }

    func begin(_ files: [HubFile]) {
        update(always: true) {
            state.files += files.count
            state.total += files.reduce(0) { $0 + ($1.size ?? 0) }
        }
    }

    /// A file was in the cache already.
    func found(_ file: HubFile) { resumed(file, at: file.size ?? 0) }

    /// So much of a file is there before a transfer.
    func resumed(_ file: HubFile, at bytes: Int) {
        update {
            state.bytes += bytes - (present[file.file] ?? 0)
            present[file.file] = bytes
        }
    }

    func received(_ bytes: Int) {
        update {
            state.bytes += bytes
            arrived += bytes
        }
    }

    func finished() { update(always: true) { state.filesDone += 1 } }

    private func update(always: Bool = false, _ change: () -> Void) {
        lock.withLock {
            change()
            let now = posix_monotonic_ns()
            guard always || now - lastShown > 100_000_000 else { return }
            lastShown = now
            marks.append((now, arrived))
            let window: Int64 = 10_000_000_000
            while marks.count > 2, now - marks[0].time > window { marks.removeFirst() }
            let seconds = Double(now - marks[0].time) / 1e9
            state.rate = seconds > 0.5 ? Double(arrived - marks[0].bytes) / seconds : nil
            show(state)
        }
    }
}
