import Dispatch
import Foundation
import Glibc
import Synchronization

/// `personalive metrics` beside a run: a process of its own, so that no HTTP client can take memory,
/// descriptors or time from the supervisor. When it ends before the run does, it is started again.
package final class MetricsProcess {
    /// Where the figures are.
    package let address: String
    private let keeper: Keeper

    /// Starts it, and waits until it serves.
    ///
    /// - Parameters:
    ///   - port: of this machine; 0 for any.
    ///   - folder: the run's.
    ///   - executable: the program whose `metrics` subcommand it is.
    package init(port: UInt16, folder: String, executable: String) throws {
        keeper = Keeper()
        address = try keeper.start([executable, "metrics", folder, "--port", "\(port)"])
    }

    deinit { keeper.close() }

    /// The thread that the process belongs to: the kernel ends the one when the other ends.
    private final class Keeper: Sendable {
        private struct State {
            var pid: pid_t = 0
            var isClosed = false
            var address: Result<String, LaunchError>?
        }

        private let state = Mutex(State())
        private let served = DispatchSemaphore(value: 0)
        private let ended = DispatchSemaphore(value: 0)
        private let closing = DispatchSemaphore(value: 0)

        func start(_ command: [String]) throws(LaunchError) -> String {
            Thread { [self] in
                keep(command)
                ended.signal()
            }.start()
            served.wait()
            return try state.withLock { $0.address! }.get()
        }

        func close() {
            state.withLock {
                $0.isClosed = true
                if $0.pid > 0 { kill($0.pid, SIGKILL) }
            }
            closing.signal()
            ended.wait()
        }

        /// Seconds until the next try after a process that served for less than `steady`; the longest.
        private static let (firstPause, longestPause, steady) = (1.0, 60.0, Duration.seconds(60))

        private func keep(_ command: [String]) {
            var command = command
            var pause = Self.firstPause
            while true {
                let began = ContinuousClock.now
                let complaint = once(&command)
                if ContinuousClock.now - began > Self.steady { pause = Self.firstPause }
                let (isServed, isClosed) = state.withLock { ($0.address != nil, $0.isClosed) }
                guard isServed else { return answer(.failure(complaint)) }
                guard !isClosed else { return }
                let text =
                    "warning: the process that serves /metrics ended: \(complaint); it is started "
                    + "again in \(Int(pause)) s\n"
                try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
                guard !isOver(within: pause) else { return }
                pause = min(2 * pause, Self.longestPause)
            }
        }

        /// Whether the run ended in the next `seconds`.
        private func isOver(within seconds: Double) -> Bool {
            closing.wait(timeout: .now() + seconds) == .success
        }

        private func answer(_ address: Result<String, LaunchError>) {
            state.withLock { $0.address = address }
            served.signal()
        }

        /// One process from its start to its end, with the port that the first one got.
        private func once(_ command: inout [String]) -> LaunchError {
            let child: ChildProcess
            do {
                child = try ChildProcess(command)
            } catch { return .cannotStart(program: command[0], reason: "\(error)") }
            state.withLock {
                $0.pid = child.pid
                if $0.isClosed { child.killGroup() }
            }
            var errors: [String] = []
            while !child.outputHasEnded {
                var items = child.outputs.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
                _ = poll(&items, nfds_t(items.count), -1)
                for line in child.readLines() {
                    if line.stream == .stdout, let port = URL(string: line.text)?.port {
                        command[command.count - 1] = "\(port)"
                        if state.withLock({ $0.address == nil }) { answer(.success(line.text)) }
                    } else {
                        errors = (errors + [line.text]).suffix(3)
                    }
                }
            }
            while !state.withLock({
                if child.reap() { $0.pid = 0 }; return $0.pid == 0
            }) {
                usleep(1000)
            }
            let status = child.status.map(NodeFailure.words) ?? "no exit status"
            let reason = errors.joined(separator: " / ").replacing("error: ", with: "")
            return .system(call: "personalive metrics", reason: reason.isEmpty ? status : reason)
        }
    }
}
