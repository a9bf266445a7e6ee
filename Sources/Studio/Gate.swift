import Foundation

/// Decides who may do what, from a request's head alone. Pure: the server carries the verdict out.
///
/// In this order: the name the client calls the server by (a foreign one is DNS rebinding), the page
/// that the request comes from, the token, and what its role may do.
struct Gate: Sendable {
    /// What a token allows.
    enum Role: String, Sendable, Codable, Comparable {
        /// Looks on.
        case view
        /// Changes the graph, too, and stops it.
        case control

        static func < (a: Role, b: Role) -> Bool { a == .view && b == .control }
    }

    /// A request as far as it matters here.
    struct Request: Sendable {
        var method = "GET"
        /// As it was sent, percent signs and all, without the query.
        var path = "/"
        var host: String?
        var origin: String?
        var cookie: String?
        var authorization: String?
        var isUpgrade = false

        /// What stands between the path's slashes, decoded once. The gate judges these words, and the
        /// API goes by the same ones.
        var words: [String] {
            path.split(separator: "/").map { $0.removingPercentEncoding ?? String($0) }
        }
    }

    enum Verdict: Equatable, Sendable {
        /// Nobody's secrets: the page itself, and where a token is handed in.
        case open
        case admitted(Role)
        /// An HTTP status, and a sentence that says what to do.
        case refused(Int, String)
    }

    let keys: StudioKeys
    /// Names that `Host` may have, with their port: `127.0.0.1:7447`.
    let hosts: Set<String>
    /// The cookie's name: cookies know no ports, so two studios need two names.
    let cookieName: String

    /// - Parameters:
    ///   - port: where the server listens.
    ///   - names: hosts under which a proxy serves it, such as `studio.example.org`.
    init(keys: StudioKeys, port: UInt16, names: [String]) {
        self.keys = keys
        hosts = Set(
            ["127.0.0.1", "localhost", "[::1]"].map { "\($0):\(port)" } + names.map { $0.lowercased() })
        cookieName = "personalive-\(port)"
    }

    func judge(_ request: Request) -> Verdict {
        guard let host = request.host?.lowercased(), hosts.contains(host) else {
            return .refused(
                421, "this studio is not called '\(request.host ?? "")'; it is \(hosts.sorted()[0])")
        }
        let changes = !["GET", "HEAD"].contains(request.method)
        if changes || request.isUpgrade, let origin = request.origin,
            origin.lowercased() != "http://\(host)", origin.lowercased() != "https://\(host)"
        {
            return .refused(403, "a page of '\(origin)' may not use this studio")
        }
        let words = request.words
        if words.first != "api" && words != Self.figures { return .open }
        if words == Self.session, request.method == "POST" { return .open }
        guard let role = role(of: request) else {
            return .refused(401, "a token is needed: open the address that 'personalive studio' printed")
        }
        guard role == .control || Route.find(request.method, words)?.route.isForView == true else {
            return .refused(403, "this address may only look on: use the one for control")
        }
        return .admitted(role)
    }

    /// The role of the token that a request carries: in the cookie, or as `Authorization: Bearer`.
    private func role(of request: Request) -> Role? {
        if let words = request.authorization, words.hasPrefix("Bearer ") {
            return keys.role(of: String(words.dropFirst(7)))
        }
        let cookies = (request.cookie ?? "").split(separator: ";").map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        let own = cookies.first { $0.hasPrefix(cookieName + "=") }
        return own.flatMap { keys.role(of: String($0.dropFirst(cookieName.count + 1))) }
    }

    /// Where a token is handed in, and where Prometheus reads.
    static let (session, figures) = (["api", "v1", "session"], ["metrics"])
}
