import Dispatch
import Foundation
import HTTP

/// The route `/metrics` of a run: asks it how it stands, as any client does.
///
/// Asking waits for an answer, so it has a thread of its own. An answer serves all who ask within a
/// tenth of a second, and so does none: many clients do not make a run that is stopped slower.
package final class RunFigures: Sendable {
    private final class Answer: @unchecked Sendable {
        // Unchecked because only the queue uses it.
        var response = LocalServer.Response(body: "")
        var at = Date.distantPast
    }

    private let folder: String
    private let queue = DispatchQueue(label: "personalive.figures")
    private let answer = Answer()

    /// - Parameter folder: the run's.
    package init(folder: String) { self.folder = folder }

    /// The run's figures, or that it does not answer.
    package func response() async -> LocalServer.Response {
        await withCheckedContinuation { continuation in
            queue.async { [self] in
                if answer.at.timeIntervalSinceNow < -0.1 {
                    answer.response = Self.ask(folder)
                    answer.at = Date()
                }
                continuation.resume(returning: answer.response)
            }
        }
    }

    private static func ask(_ folder: String) -> LocalServer.Response {
        do {
            let status = try RunClient(folder: folder).status(seconds: 2)
            return .init(type: PrometheusText.type, body: PrometheusText(status).text)
        } catch { return .init(status: 503, body: "\(error)\n") }
    }
}
