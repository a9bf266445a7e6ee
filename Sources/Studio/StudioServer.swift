import Dataflow
import FlyingFox
import FlyingSocks
import Foundation
import Launch

/// The studio's HTTP server: the page, and the API that the page and scripts use.
///
/// It listens on 127.0.0.1 only. The library bounds neither the length of a header nor connections, so
/// it runs in a process of its own with little memory, and what other machines are to reach stands
/// behind nginx (``NginxConfiguration``) or comes through `ssh -L`.
package struct StudioServer: Sendable {
    package struct Options: Sendable {
        /// Of 127.0.0.1.
        package var port: UInt16
        package var keys: StudioKeys
        /// Hosts under which a proxy serves it.
        package var names: [String] = []
        /// This program, to start runs with.
        package var executable: String
        /// Runs that it starts at most.
        package var sessions = 1
        /// A program and its first arguments, which starts a run with what follows; empty for none.
        package var launcher: [String] = []
        /// The graph that a session is of; nil where no session may be started.
        package var graph: String?
        /// Why there is no room for another run of a graph with some settings, beside so many; nil where
        /// there is.
        package var refusal: Runs.Refusal = { _, _, _ in nil }
        /// Where changes are noted.
        package var audit: String
        /// The kinds of node for a graph in a file.
        package var plugins: @Sendable (_ graph: String?) -> PluginFolders

        package init(
            port: UInt16, keys: StudioKeys, executable: String, audit: String,
            plugins: @escaping @Sendable (String?) -> PluginFolders
        ) {
            (self.port, self.keys, self.executable) = (port, keys, executable)
            (self.audit, self.plugins) = (audit, plugins)
        }
    }

    private let gate: Gate
    private let api: StudioAPI
    private let wrong = WrongTokens()
    private let server: HTTPServer
    private let port: UInt16
    private let sessions: Int
    /// Whether a proxy stands before it, which says whom it asks for.
    private let isProxied: Bool

    /// Seconds in which a route has to answer: a swap waits until a large model is loaded.
    private static let patience = 900.0

    package init(_ options: Options) throws {
        (port, sessions) = (options.port, options.sessions)
        isProxied = !options.names.isEmpty
        gate = Gate(keys: options.keys, port: options.port, names: options.names)
        api = StudioAPI(options, audit: try AuditLog(options.audit))
        server = HTTPServer(
            address: try .inet(ip4: "127.0.0.1", port: options.port), timeout: Self.patience,
            logger: .disabled)
    }

    /// Ends the runs that pages started, as Ctrl-C does.
    package func stopSessions() { api.runs.stopOwn() }

    /// Serves until its task is cancelled.
    ///
    /// - Parameter listening: is called once clients can connect.
    package func run(listening: @escaping @Sendable () -> Void) async throws {
        await server.appendRoute(HTTPRoute("*")) { await respond($0) }
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await server.run() }
                group.addTask {
                    try await server.waitUntilListening()
                    listening()
                }
                for try await _ in group {}
            }
        } catch SocketError.failed(_, _, let reason) {
            throw StudioError.port(port, reason: reason)
        }
    }

    // MARK: One request

    private func respond(_ request: HTTPRequest) async -> HTTPResponse {
        let address = address(of: request)
        let head = Gate.Request(
            method: request.method.rawValue, path: request.target.path(), host: request.headers[.host],
            origin: request.headers[HTTPHeader("Origin")], cookie: request.headers[.cookie],
            authorization: request.headers[.authorization],
            isUpgrade: request.headers[.upgrade] != nil)
        var response: HTTPResponse
        switch gate.judge(head) {
        case .refused(let status, let reason):
            if status == 401, head.authorization != nil { wrong.note(address) }
            response = wrong.isPaused(address) ? Self.tooManyTokens : .fault(status, reason)
        case .open:
            response = head.words == Gate.session
                ? await session(request, address) : PageFiles.response(request)
        case .admitted(let role):
            response = await api.respond(request, words: head.words, role: role, address: address)
        }
        for (name, value) in Self.headers where response.headers[HTTPHeader(name)] == nil {
            response.headers[HTTPHeader(name)] = value
        }
        return response
    }

    /// Who asks. X-Forwarded-For, which anybody can write, counts only where a proxy writes it.
    private func address(of request: HTTPRequest) -> String {
        if isProxied, let client = request.remoteIPAddress { return client }
        switch request.remoteAddress {
        case .ip4(let address, port: _), .ip6(let address, port: _): return address
        case .unix, .none: return "?"
        }
    }

    /// What browsers are told with every answer.
    private static let headers = [
        "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
            + "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
            + "frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self)",
        "Cache-Control": "no-store",
    ]

    private static let tooManyTokens = HTTPResponse.fault(
        429, "five wrong tokens came from this address: wait 30 s")

    private struct Token: Decodable { var token: String }
    struct Session: Encodable {
        var role: Gate.Role
        /// Runs of the graph that there may be: with more than one each browser gets its own.
        var sessions: Int
    }

    /// A page hands its token in once, and gets a cookie that no script can read.
    private func session(_ request: HTTPRequest, _ address: String) async -> HTTPResponse {
        guard !wrong.isPaused(address) else { return Self.tooManyTokens }
        guard let data = try? await request.body(atMost: 1024),
            let token = try? JSONDecoder().decode(Token.self, from: data).token,
            let role = gate.keys.role(of: token)
        else {
            wrong.note(address)
            return .fault(401, "this token is not the studio's: open the address that it printed last")
        }
        var response = HTTPResponse.json(Session(role: role, sessions: sessions))
        let isSecure = request.headers[HTTPHeader("Origin")]?.hasPrefix("https://") == true
        response.headers[.setCookie] =
            "\(gate.cookieName)=\(token); Path=/; HttpOnly; SameSite=Strict" + (isSecure ? "; Secure" : "")
        return response
    }
}

extension HTTPRequest {
    /// Bytes of a graph file or of a JSON body.
    static let largestText = 1_000_000

    /// The body as JSON.
    func json<Value: Decodable>(_: Value.Type) async throws -> Value {
        let data = try await body(atMost: Self.largestText)
        do {
            return try JSONDecoder().decode(Value.self, from: data)
        } catch {
            throw StudioError.malformed(
                "the body is not the JSON that is needed; /openapi.json says what is")
        }
    }

    /// The whole body.
    ///
    /// - Throws: ``StudioError/tooLarge(limit:)`` before more than that is read.
    func body(atMost limit: Int) async throws -> Data {
        if let count = bodySequence.count, count > limit { throw StudioError.tooLarge(limit: limit) }
        var data = Data()
        for try await part in bodySequence {
            data.append(part)
            if data.count > limit { throw StudioError.tooLarge(limit: limit) }
        }
        return data
    }
}

extension HTTPResponse {
    private static let phrases = [
        200: "OK", 201: "Created", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
        404: "Not Found", 405: "Method Not Allowed", 409: "Conflict", 413: "Content Too Large",
        415: "Unsupported Media Type", 421: "Misdirected Request", 429: "Too Many Requests",
        500: "Internal Server Error", 503: "Service Unavailable",
    ]

    static func bytes(_ data: Data, type: String, status: Int = 200) -> HTTPResponse {
        HTTPResponse(
            statusCode: HTTPStatusCode(status, phrase: phrases[status] ?? ""),
            headers: [.contentType: type], body: data)
    }

    static func json(_ value: some Encodable, status: Int = 200) -> HTTPResponse {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return .bytes(
            (try? encoder.encode(value)) ?? Data("{}".utf8), type: "application/json", status: status)
    }

    private struct Fault: Encodable {
        var error: String
        var notes: [String]?
    }

    /// A sentence that says what is wrong.
    static func fault(_ status: Int, _ text: String, notes: [String] = []) -> HTTPResponse {
        .json(Fault(error: text, notes: notes.isEmpty ? nil : notes), status: status)
    }
}
