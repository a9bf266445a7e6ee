import Foundation
import Launch
import Synchronization

/// Looks at running graphs for all pages together: many of them ask a run no more often than one does.
///
/// Asking waits for an answer, so it is done on queues of Dispatch and never on the async pool, which
/// is as wide as the machine has cores.
final class RunLooks: Sendable {
    private struct Look {
        var at: ContinuousClock.Instant
        var status: RunStatus
    }

    /// The last looks at each run by its folder, the oldest first.
    private let looks = Mutex<[String: [Look]]>([:])

    /// One look serves all who ask within this time.
    private static let freshness = Duration.milliseconds(300)
    /// Rates and ages are those of about so long.
    private static let span = Duration.seconds(2)

    /// How a run stands.
    ///
    /// - Throws: ``RunClientError`` when it does not answer.
    func view(of folder: String) throws -> RunView {
        let now = ContinuousClock.now
        let known = looks.withLock { $0[folder] ?? [] }
        if let last = known.last, now - last.at < Self.freshness {
            return RunView(last.status, since: known[0].status)
        }
        let status: RunStatus
        do {
            status = try RunClient(folder: folder).status(seconds: 3)
        } catch {
            looks.withLock { $0[folder] = nil }
            throw error
        }
        let recent = looks.withLock { all in
            var own = all[folder] ?? []
            own.append(Look(at: now, status: status))
            while own.count > 2, now - own[1].at >= Self.span { own.removeFirst() }
            // After a pause the first look back would be old.
            if own.count == 2, now - own[0].at > Self.span * 5 { own.removeFirst() }
            all[folder] = own
            return own
        }
        return RunView(status, since: recent[0].status)
    }
}

/// Does something that waits on a thread of Dispatch.
func waiting<Result: Sendable>(
    for body: @escaping @Sendable () throws -> Result
) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(with: .init(catching: body)) }
    }
}
