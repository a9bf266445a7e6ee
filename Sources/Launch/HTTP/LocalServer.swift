import FlyingFox
import FlyingSocks
import Foundation

/// An HTTP server of a few routes, for clients on this machine only: who wants them from elsewhere
/// puts a proxy in front, or uses `ssh -L`.
///
/// Each connection is a task of its own, so a client that sends a byte a second holds no other. It
/// is meant for a process of its own: the library bounds neither connections nor the length of a
/// header.
package struct LocalServer: Sendable {
    /// What a route answers.
    package struct Response: Sendable {
        package var status: Int
        package var type: String
        package var body: String

        package init(status: Int = 200, type: String = "text/plain; charset=utf-8", body: String) {
            (self.status, self.type, self.body) = (status, type, body)
        }
    }

    private let server: HTTPServer

    /// Seconds in which a route has to answer.
    private static let patience = 10.0

    /// - Parameters:
    ///   - port: of 127.0.0.1; 0 for any.
    ///   - routes: what `GET` of each path answers.
    package init(port: UInt16, routes: [String: @Sendable () async -> Response]) async throws {
        server = HTTPServer(
            address: try .inet(ip4: "127.0.0.1", port: port), timeout: Self.patience,
            logger: .disabled)
        for (path, answer) in routes {
            await server.appendRoute(HTTPRoute(method: .GET, path: path)) { _ in
                Self.http(await answer())
            }
        }
        let known = routes.keys.sorted().joined(separator: ", ")
        await server.appendRoute(HTTPRoute("*")) { _ in
            Self.http(Response(status: 404, body: "there is GET of: \(known)\n"))
        }
    }

    /// Serves until its task is cancelled.
    ///
    /// - Parameter listening: is told the port once clients can connect.
    package func run(listening: @escaping @Sendable (UInt16) -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            group.addTask {
                try await server.waitUntilListening()
                if case .ip4(_, let port) = await server.listeningAddress { listening(port) }
            }
            do {
                for try await _ in group {}
            } catch SocketError.failed(let call, _, let reason) {
                throw LaunchError.system(call: call, reason: reason)
            }
        }
    }

    private static func http(_ response: Response) -> HTTPResponse {
        let phrases = [200: "OK", 404: "Not Found", 503: "Service Unavailable"]
        return HTTPResponse(
            statusCode: HTTPStatusCode(response.status, phrase: phrases[response.status] ?? ""),
            headers: [.contentType: response.type], body: Data(response.body.utf8))
    }
}
