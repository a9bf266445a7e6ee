import Glibc
import Wire

extension Supervisor {
    /// What the supervisor knows of one node.
    final class Member {
        let planned: RunPlan.PlannedNode
        let process: ChildProcess
        var saidHello = false
        var isReady = false
        var isDone = false
        var reason: String?
        var report = NodeReport()
        var log: [String] = []
        /// When its end was noticed.
        var endedAt: Int64?
        var isJudged = false

        init(_ planned: RunPlan.PlannedNode, _ process: ChildProcess) {
            self.planned = planned
            self.process = process
        }

        /// How long a node's last words may take after its end.
        private static let lastWords: Int64 = 1_000_000_000

        /// Whether nothing more is to be expected: last words may arrive after the end itself, and
        /// a program that the node started may hold its output open for ever.
        func isSettled(at now: Int64) -> Bool {
            guard let endedAt else { return false }
            let saidAll = process.outputHasEnded && (isDone || process.status != 0)
            return saidAll || now - endedAt > Self.lastWords
        }

        /// Keeps the last lines for the case that the node fails.
        func keep(_ line: String) {
            log.append(line)
            if log.count > 20 { log.removeFirst() }
        }

        /// In a word, for whoever asks.
        func state(isRunning: Bool) -> String {
            if process.status != nil { return "ended" }
            if !saidHello { return "starting" }
            if !isReady { return "loading" }
            return isRunning ? "running" : "ready"
        }
    }
}
