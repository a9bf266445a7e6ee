import Synchronization

/// A value that one thread changes, and for whose changes any number of tasks wait.
final class Newest<Value: Sendable>: Sendable {
    private struct Contents {
        var value: Value
        var version: UInt64 = 0
        var waiting: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var nextWaiter: UInt64 = 0
    }

    private let contents: Mutex<Contents>

    init(_ value: Value) { contents = Mutex(Contents(value: value)) }

    /// The value now, and the number of its change.
    var current: (value: Value, version: UInt64) { contents.withLock { ($0.value, $0.version) } }

    /// Changes the value and wakes those who wait.
    func update(_ change: (inout Value) -> Void) {
        let waiting = contents.withLock { contents in
            change(&contents.value)
            contents.version += 1
            defer { contents.waiting = [:] }
            return Array(contents.waiting.values)
        }
        for waiter in waiting { waiter.resume() }
    }

    /// Waits until the value is another than that of a version, or for some time.
    func change(since version: UInt64, atMost limit: Duration) async {
        var clock: Task<Void, Never>?
        await withCheckedContinuation { continuation in
            let id = contents.withLock { contents -> UInt64? in
                guard contents.version == version else { return nil }
                contents.nextWaiter += 1
                contents.waiting[contents.nextWaiter] = continuation
                return contents.nextWaiter
            }
            guard let id else { return continuation.resume() }
            clock = Task { [weak self] in
                try? await Task.sleep(for: limit)
                self?.contents.withLock { $0.waiting.removeValue(forKey: id) }?.resume()
            }
        }
        clock?.cancel()
    }
}
