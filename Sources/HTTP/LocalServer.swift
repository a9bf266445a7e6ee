import Dispatch
import FlyingFox
import FlyingSocks
import Foundation
import Glibc

/// An HTTP server of a few routes, for clients on this machine only: who wants them from elsewhere
/// puts a proxy in front, or uses `ssh -L`.
///
/// Each connection is a task of its own, so a client that sends a byte a second holds no other. It
/// is meant for a process of its own: the library bounds neither connections nor the length of a
/// header.
package struct LocalServer: Sendable {
    /// What a client asks for with `GET`.
    package struct Request: Sendable {
        /// Without what stands behind `?`.
        package var path: String
        /// What stands behind `?`, by name.
        package var query: [String: String]
    }

    /// What a route answers.
    package struct Response: Sendable {
        package enum Body: Sendable {
            case bytes([UInt8])
            /// Parts without end, until nil: each is asked for when the client has taken the one before.
            case stream(@Sendable () async -> [UInt8]?)
        }

        package var status: Int
        package var type: String
        package var headers: [String: String] = [:]
        package var body: Body

        /// The whole body; empty for one without end.
        package var bytes: [UInt8] {
            if case .bytes(let bytes) = body { bytes } else { [] }
        }

        package init(status: Int = 200, type: String = "text/plain; charset=utf-8", body: String) {
            self.init(status: status, type: type, body: .bytes(Array(body.utf8)))
        }

        package init(status: Int = 200, type: String, body: Body) {
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
        try self.init(port: port, pool: HTTPServer.defaultPool())
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

    /// For browsers and players of this machine: a request that names another host is refused, since a web
    /// page of another site could have its own name point here.
    ///
    /// - Parameters:
    ///   - port: of 127.0.0.1; 0 for any.
    ///   - sendBuffer: bytes that the system holds for a client that reads slowly.
    ///   - respond: what `GET` of anything answers.
    package init(
        port: UInt16, sendBuffer: Int32, respond: @escaping @Sendable (Request) async -> Response
    ) async throws {
        try self.init(
            port: port, pool: PromptPool(HTTPServer.defaultPool(), sendBuffer: sendBuffer))
        await server.appendRoute(HTTPRoute("*")) { request in
            guard Self.isOfThisMachine(request.headers[.host] ?? "") else {
                return Self.http(
                    Response(status: 421, body: "this server is for 127.0.0.1 and localhost\n"))
            }
            guard request.method == .GET else {
                return Self.http(Response(status: 405, body: "there is GET only\n"))
            }
            let query = Dictionary(
                request.query.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
            return Self.http(await respond(Request(path: request.path, query: query)))
        }
    }

    private init(port: UInt16, pool: any AsyncSocketPool) throws {
        server = HTTPServer(
            config: HTTPServer.Configuration(
                address: try .inet(ip4: "127.0.0.1", port: port), timeout: Self.patience,
                pool: pool,
                logger: .disabled))
    }

    /// Whether the `Host` of a request is this machine's loopback, with whatever port.
    package static func isOfThisMachine(_ host: String) -> Bool {
        let name =
            host.hasPrefix("[")
            ? String(host.prefix { $0 != "]" }) + "]"
            : String(host.prefix { $0 != ":" })
        return ["127.0.0.1", "localhost", "[::1]"].contains(name.lowercased())
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
                throw ServerError(call: call, reason: reason)
            }
        }
    }

    private static func http(_ response: Response) -> HTTPResponse {
        let phrases = [
            200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed",
            421: "Misdirected Request", 503: "Service Unavailable",
        ]
        let body =
            switch response.body {
            case .bytes(let bytes):
                HTTPBodySequence(data: Data(bytes), suggestedBufferSize: 1 << 20)
            case .stream(let next): HTTPBodySequence(from: Parts(next: next))
            }
        var headers: HTTPHeaders = [.contentType: response.type]
        for (name, value) in response.headers { headers[HTTPHeader(name)] = value }
        return HTTPResponse(
            statusCode: HTTPStatusCode(response.status, phrase: phrases[response.status] ?? ""),
            headers: headers, body: body)
    }
}

/// Why a server does not serve.
package struct ServerError: Error, CustomStringConvertible {
    package var call: String
    package var reason: String
    package var description: String { "\(call): \(reason)" }
}

/// A body whose parts come one by one.
private struct Parts: AsyncBufferedSequence {
    typealias Element = UInt8

    let next: @Sendable () async -> [UInt8]?

    func makeAsyncIterator() -> Iterator { Iterator(take: next) }

    struct Iterator: AsyncBufferedIteratorProtocol {
        let take: @Sendable () async -> [UInt8]?

        mutating func next() async throws -> UInt8? {
            preconditionFailure("a body is read in parts")
        }

        mutating func nextBuffer(suggested _: Int) async throws -> [UInt8]? { await take() }
    }
}

/// The library's sockets, which send at once what they are given, and hold little of it.
///
/// On Linux a connection has the options that the listening socket had: those that came before it first waited
/// get them when they wait themselves.
private final class PromptPool: AsyncSocketPool {
    private let pool: any AsyncSocketPool
    private let sendBuffer: Int32

    init(_ pool: any AsyncSocketPool, sendBuffer: Int32) {
        (self.pool, self.sendBuffer) = (pool, sendBuffer)
    }

    func prepare() async throws { try await pool.prepare() }
    func run() async throws { try await pool.run() }

    func suspendSocket(_ socket: Socket, untilReadyFor events: Socket.Events) async throws {
        let size = socklen_t(MemoryLayout<Int32>.size)
        for (level, option, number) in [
            (Int32(IPPROTO_TCP), TCP_NODELAY, Int32(1)), (SOL_SOCKET, SO_SNDBUF, sendBuffer),
        ] {
            var number = number
            setsockopt(socket.file.rawValue, level, option, &number, size)
        }
        try await pool.suspendSocket(socket, untilReadyFor: events)
    }
}
