import Dataflow

/// How often processes of a node ended by accident, and what follows when one does. Pure.
struct RestartHistory: Equatable {
    /// A process that ended by accident, and the run that it was part of.
    struct Crash: Equatable {
        var fault: ProcessLife.Fault?
        /// Whether its machine is not there, and may be again.
        var isMachineLost = false
        var saidHello = true
        /// Whether it had sent its final message.
        var wasDone = false
        var isSink = false
        /// Whether it was writing a file: another process would begin it anew.
        var writesFile = false
        /// Whether the run is live, its sources were told to begin, and a person asked for its end.
        var isLive = false, hasStarted = true, isInterrupted = false
        /// What is lacking to go on without loss.
        var lack: String?
    }

    enum Decision: Equatable {
        /// Another process is started then; it is the crash of that number within the policy's time.
        case restart(at: Int64, number: Int)
        /// The node's machine is looked for again then; `isNew` says whether it was there before.
        case search(at: Int64, isNew: Bool)
        /// The node is down, and the graph goes on without it: it is tried again then, or never, for
        /// that obstacle.
        case ignore(retry: Int64?, obstacle: String)
        /// The node has failed; `obstacle` is why it is not started again, where that needs saying.
        case fail(obstacle: String)
    }

    private(set) var restarts = 0
    /// When processes of it ended by accident, lately.
    private var crashes: [Int64] = []
    /// How often it was tried again since its policy was used up.
    private var retries = 0

    /// A machine that was lost is looked for so often.
    private static let search: Int64 = 3_000_000_000

    mutating func decide(_ crash: Crash, _ policy: RestartPolicy, at now: Int64) -> Decision {
        // What fails before the first frame is a fault of the graph or of this machine.
        let isIgnored = policy.then == .ignore && crash.hasStarted
        if let obstacle = obstacle(crash, policy) {
            return isIgnored ? .ignore(retry: nil, obstacle: obstacle) : .fail(obstacle: obstacle)
        }
        // That a machine is switched off says nothing of its nodes: it may take long to come back.
        if crash.isMachineLost {
            if crash.saidHello { restarts += 1 }
            return .search(
                at: now + (crash.saidHello ? policy.backoff.nanoseconds : Self.search),
                isNew: crash.saidHello)
        }
        crashes.removeAll { now - $0 >= policy.within.nanoseconds }
        if crashes.isEmpty { retries = 0 }
        guard crashes.count < policy.limit, retries == 0 else {
            guard isIgnored else { return .fail(obstacle: "") }
            crashes.append(now)
            restarts += 1
            retries += 1
            let longest = RestartPolicy.longestPause.nanoseconds
            let first = min(policy.backoff.nanoseconds, longest)
            let pause = min(first << min(policy.limit + retries - 1, 16), longest)
            return .ignore(retry: now + pause, obstacle: "")
        }
        let pause = policy.backoff.nanoseconds << min(crashes.count, 6)
        crashes.append(now)
        restarts += 1
        return .restart(at: now + pause, number: crashes.count)
    }

    /// Why a process is not replaced by another one; nil when it is.
    private func obstacle(_ crash: Crash, _ policy: RestartPolicy) -> String? {
        if policy.limit == 0 { return "" }
        switch crash.fault {
        // A machine that was never there is not waited for.
        case .machine where !crash.hasStarted: return ""
        // A sink on a full disk would also lose what it has written.
        case .gaveUp where !crash.isLive || crash.isSink && (crash.writesFile || policy.then == .fail):
            return ""
        // It would say the same again; of one that is done its neighbours expect nothing more.
        case .violated where !crash.isLive || crash.wasDone, .machine where !crash.isLive: return ""
        default: break
        }
        if !crash.isLive, let lack = crash.lack { return lack }
        return crash.isMachineLost && crash.isInterrupted ? "" : nil
    }
}

extension Duration {
    var nanoseconds: Int64 { Int64(self / .nanoseconds(1)) }
}
