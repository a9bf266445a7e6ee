import Dataflow
import Testing

@testable import Launch

/// What follows when a process ends by accident.
@Suite struct RestartHistoryTests {
    private typealias Crash = RestartHistory.Crash
    private static let second: Int64 = 1_000_000_000
    private static let policy = RestartPolicy(
        limit: 3, within: .seconds(60), backoff: .milliseconds(50))

    private func decide(_ crash: Crash, _ policy: RestartPolicy = policy) -> RestartHistory.Decision
    {
        var history = RestartHistory()
        return history.decide(crash, policy, at: 0)
    }

    /// What is wrong, and whether another process is started: offline, live, and for a live sink.
    @Test func `another process is started where that helps`() {
        let rows: [(ProcessLife.Fault?, offline: Bool, live: Bool, liveSink: Bool)] = [
            (nil, true, true, true),
            (.gaveUp("no disk"), false, true, false),
            (.violated("noise"), false, true, true),
            (.unresponsive("silent"), true, true, true),
            (.machine("lost"), false, true, true),
        ]
        for (fault, offline, live, liveSink) in rows {
            let cases = [
                (Crash(fault: fault), offline), (Crash(fault: fault, isLive: true), live),
                (Crash(fault: fault, isSink: true, isLive: true), liveSink),
            ]
            for (crash, restarts) in cases {
                let wanted =
                    restarts
                    ? RestartHistory.Decision.restart(at: 50_000_000, number: 1)
                    : .fail(obstacle: "")
                #expect(decide(crash) == wanted, "\(crash)")
            }
        }
    }

    @Test func `nothing is started under a policy of no restarts`() {
        #expect(decide(Crash(isLive: true), .never) == .fail(obstacle: ""))
    }

    @Test func `what an offline run would lose ends it, and is said`() {
        #expect(
            decide(Crash(lack: "frames would be lost")) == .fail(obstacle: "frames would be lost"))
        #expect(decide(Crash(isLive: true, lack: "…")) == .restart(at: 50_000_000, number: 1))
    }

    @Test func `one that was done and broke the protocol is not started again`() {
        let fault = ProcessLife.Fault.violated("no end")
        #expect(decide(Crash(fault: fault, wasDone: true, isLive: true)) == .fail(obstacle: ""))
        #expect(decide(Crash(wasDone: true)) == .restart(at: 50_000_000, number: 1))
    }

    @Test func `a machine is looked for again once it was there, unless the run is stopped`() {
        var lost = Crash(fault: .machine("lost"), isMachineLost: true, isLive: true)
        #expect(decide(lost) == .search(at: 50_000_000, isNew: true))
        lost.saidHello = false
        #expect(decide(lost) == .search(at: 3 * Self.second, isNew: false))
        lost.isInterrupted = true
        #expect(decide(lost) == .fail(obstacle: ""))
        lost = Crash(fault: .machine("refused"), isLive: true, hasStarted: false)
        #expect(decide(lost) == .fail(obstacle: ""))
    }

    @Test
    func `each new process waits twice as long, and one too many within the time is the last`() {
        var history = RestartHistory()
        let pauses: [Int64] = [50, 100, 200]
        for (index, pause) in pauses.enumerated() {
            let now = Int64(index) * Self.second
            #expect(
                history.decide(Crash(), Self.policy, at: now)
                    == .restart(at: now + pause * 1_000_000, number: index + 1))
        }
        #expect(history.decide(Crash(), Self.policy, at: 3 * Self.second) == .fail(obstacle: ""))
        // The first two are a minute ago.
        let later = 61 * Self.second
        #expect(
            history.decide(Crash(), Self.policy, at: later)
                == .restart(at: later + 100_000_000, number: 2))
        #expect(history.restarts == 4)
    }

    private static let ignored = RestartPolicy(
        limit: 2, within: .seconds(60), backoff: .milliseconds(50), then: .ignore)

    @Test func `a node that is ignored is tried again for ever, half a minute apart at last`() {
        var history = RestartHistory()
        var (now, pauses): (Int64, [Int64]) = (0, [])
        for number in 1...2 {
            let decision = history.decide(Crash(isSink: true, isLive: true), Self.ignored, at: now)
            guard case .restart(let at, number) = decision else { return #expect(Bool(false)) }
            now = at
        }
        for _ in 0..<13 {
            let decision = history.decide(Crash(isSink: true, isLive: true), Self.ignored, at: now)
            guard case .ignore(let retry?, "") = decision else { return #expect(Bool(false)) }
            pauses.append((retry - now) / 1_000_000)
            now = retry
        }

        #expect(pauses.prefix(4) == [200, 400, 800, 1600])
        #expect(pauses.suffix(3) == [30_000, 30_000, 30_000])
        #expect(history.restarts == 15)
        // It held for a minute: its next crash is the first again.
        let later = history.decide(
            Crash(isSink: true, isLive: true), Self.ignored, at: now + 61 * Self.second)
        #expect(later == .restart(at: now + 61 * Self.second + 50_000_000, number: 1))
    }

    /// What a sink that is ignored ended with, whether it writes a file, and whether it is tried again.
    @Test func `an ignored sink that gave up keeps the file that it has`() {
        let rows: [(ProcessLife.Fault?, writesFile: Bool, isTried: Bool)] = [
            (.gaveUp("no disk"), true, false), (.gaveUp("no device"), false, true),
            (nil, true, true),
        ]
        for (fault, writesFile, isTried) in rows {
            let crash = Crash(fault: fault, isSink: true, writesFile: writesFile, isLive: true)
            let wanted: RestartHistory.Decision =
                isTried
                ? .restart(at: 50_000_000, number: 1) : .ignore(retry: nil, obstacle: "")
            #expect(decide(crash, Self.ignored) == wanted, "\(crash)")
        }
    }

    @Test func `before the first frame a node that is ignored fails as any other`() {
        let crash = Crash(
            fault: .gaveUp("no such setting"), isSink: true, writesFile: true, isLive: true,
            hasStarted: false)
        #expect(decide(crash, Self.ignored) == .fail(obstacle: ""))
    }
}
