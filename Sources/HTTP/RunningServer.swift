import Dispatch
import Synchronization

/// A ``LocalServer`` that serves beside the thread that made it, until it is released.
package final class RunningServer: Sendable {
    /// Of 127.0.0.1.
    package let port: UInt16
    private let task: Task<Void, Never>

    /// Waits until clients can connect.
    ///
    /// - Parameters:
    ///   - port: of 127.0.0.1; 0 for any.
    ///   - sendBuffer: bytes that the system holds for a client that reads slowly.
    ///   - respond: what `GET` of anything answers.
    /// - Throws: ``ServerError``, for a port that another program has.
    package init(
        port: UInt16, sendBuffer: Int32,
        respond: @escaping @Sendable (LocalServer.Request) async -> LocalServer.Response
    ) throws {
        let began = DispatchSemaphore(value: 0)
        let outcome = Outcome()
        task = Task.detached {
            do {
                let server = try await LocalServer(
                    port: port, sendBuffer: sendBuffer, respond: respond)
                try await server.run { port in
                    outcome.set(.success(port))
                    began.signal()
                }
            } catch {
                outcome.set(.failure(error))
                began.signal()
            }
        }
        began.wait()
        self.port = try outcome.value!.get()
    }

    deinit { task.cancel() }

    private final class Outcome: Sendable {
        private let contents = Mutex<Result<UInt16, any Error>?>(nil)

        func set(_ outcome: Result<UInt16, any Error>) {
            contents.withLock { $0 = $0 ?? outcome }
        }

        var value: Result<UInt16, any Error>? { contents.withLock { $0 } }
    }
}
