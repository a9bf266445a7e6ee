import Synchronization

/// Counts wrong tokens by address: after five of them an address has to wait.
final class WrongTokens: Sendable {
    private struct Entry {
        var count = 0
        var until: ContinuousClock.Instant?
    }

    private let entries = Mutex<[String: Entry]>([:])
    private static let most = 5
    private static let pause = Duration.seconds(30)
    /// So many addresses are remembered.
    private static let mostAddresses = 1000

    /// Whether an address has to wait.
    func isPaused(_ address: String, at now: ContinuousClock.Instant = .now) -> Bool {
        entries.withLock { entries in
            guard let until = entries[address]?.until else { return false }
            if until > now { return true }
            entries[address] = nil
            return false
        }
    }

    func note(_ address: String, at now: ContinuousClock.Instant = .now) {
        entries.withLock { entries in
            if entries.count >= Self.mostAddresses { entries.removeAll() }
            entries[address, default: Entry()].count += 1
            if entries[address]!.count >= Self.most { entries[address]!.until = now + Self.pause }
        }
    }
}
