import Glibc
import Testing

@testable import Studio

/// Who may do what, from a request's head.
@Suite struct GateTests {
    private let keys = StudioKeys()
    private var gate: Gate { Gate(keys: keys, port: 7447, names: ["studio.example.org"]) }

    private func request(
        _ method: String = "GET", _ path: String = "/api/v1/runs", host: String? = "127.0.0.1:7447",
        origin: String? = nil, token: String? = nil, upgrade: Bool = false
    ) -> Gate.Request {
        Gate.Request(
            method: method, path: path, host: host, origin: origin,
            cookie: token.map { "other=1; personalive-7447=\($0)" }, authorization: nil,
            isUpgrade: upgrade)
    }

    private func status(_ verdict: Gate.Verdict) -> Int? {
        if case .refused(let status, _) = verdict { status } else { nil }
    }

    @Test(arguments: [
        nil, "", "127.0.0.1", "127.0.0.1:80", "evil.example:7447", "localhost.evil.example:7447",
        "127.0.0.1:7447.evil.example",
    ])
    func `a foreign host is misdirected, whatever token it brings`(host: String?) {
        #expect(status(gate.judge(request(host: host, token: keys.control))) == 421)
        #expect(status(gate.judge(request("GET", "/", host: host))) == 421)
    }

    @Test(arguments: ["127.0.0.1:7447", "localhost:7447", "LOCALHOST:7447", "studio.example.org"])
    func `its own names are let in`(host: String) {
        #expect(gate.judge(request(host: host, token: keys.control)) == .admitted(.control))
    }

    @Test func `a page of another origin may neither change anything nor open a socket`() {
        let foreign = "http://evil.example"
        let change = request("POST", "/api/v1/runs/-/stop", origin: foreign, token: keys.control)
        let socket = request(
            "GET", "/api/v1/runs/-/live", origin: foreign, token: keys.control, upgrade: true)
        let session = request("POST", "/api/v1/session", origin: "null")

        #expect(status(gate.judge(change)) == 403)
        #expect(status(gate.judge(socket)) == 403)
        #expect(status(gate.judge(session)) == 403)
    }

    @Test func `its own page may, over http and, behind a proxy, over https`() {
        let own = request(
            "POST", "/api/v1/runs/-/stop", origin: "http://127.0.0.1:7447", token: keys.control)
        let proxied = request(
            "POST", "/api/v1/runs/-/stop", host: "studio.example.org",
            origin: "https://studio.example.org", token: keys.control)

        #expect(gate.judge(own) == .admitted(.control))
        #expect(gate.judge(proxied) == .admitted(.control))
    }

    @Test func `without a token there is the page, and no more`() {
        #expect(gate.judge(request("GET", "/")) == .open)
        #expect(gate.judge(request("GET", "/app.js")) == .open)
        #expect(gate.judge(request("POST", "/api/v1/session")) == .open)
        #expect(status(gate.judge(request())) == 401)
        #expect(status(gate.judge(request("GET", "/metrics"))) == 401)
        #expect(status(gate.judge(request(token: "0123"))) == 401)
        #expect(status(gate.judge(request(token: keys.control + "0"))) == 401)
    }

    @Test func `a token comes in a cookie or as a bearer`() {
        var bearer = request()
        bearer.authorization = "Bearer \(keys.view)"

        #expect(gate.judge(bearer) == .admitted(.view))
        #expect(gate.judge(request(token: keys.view)) == .admitted(.view))
    }

    @Test(arguments: [
        ("POST", "/api/v1/runs/a/swap", 403), ("DELETE", "/api/v1/runs/a/outputs/b", 403),
        ("POST", "/api/v1/runs", 403), ("GET", "/api/v1/runs/a/camera", 403),
        ("GET", "/api/v1/runs/a/graph", 403), ("POST", "/api/v1/runs/a/check", 403),
        // Words that look harmless behind those that are not, and words in disguise.
        ("POST", "/api/v1/runs/-/stop/check", 403), ("POST", "/api/v1/runs/-/swap/x/check", 403),
        ("GET", "/api/v1/runs/-/camera/x", 403), ("GET", "/api/v1/runs/-/camera/", 403),
        ("GET", "/api/v1/runs/-/camer%61", 403), ("GET", "/api/v1/runs/-/camer%2561", 403),
        ("GET", "//api/v1/runs/-/camera", 403), ("GET", "/%61pi/v1/runs/-/camera", 403),
        ("GET", "/api/v1/runs/-/live/../camera", 403), ("GET", "/api/v1/runs/-/live/x", 403),
        ("GET", "/api/v1/runs/a/outputs/b", 403), ("HEAD", "/api/v1/runs", 403),
        ("GET", "/api/v2/runs", 403), ("GET", "/api", 403), ("POST", "/metrics", 403),
        ("GET", "/metrics", nil), ("GET", "/api/v1/session", nil), ("GET", "/api/v1/kinds", nil),
        ("GET", "/api/v1/runs", nil), ("GET", "/api/v1/runs/a", nil),
        ("GET", "/api/v1/runs/a/live", nil), ("GET", "/api/v1/runs/a/events", nil),
        ("GET", "/api/v1/runs/a/portraits/b", nil), ("GET", "/api/v1/runs/a/outputs", nil),
    ] as [(String, String, Int?)])
    func `who looks on changes nothing`(method: String, path: String, expected: Int?) {
        #expect(status(gate.judge(request(method, path, token: keys.view))) == expected)
        #expect(gate.judge(request(method, path, token: keys.control)) == .admitted(.control))
    }

    @Test(arguments: [
        ("/api/v1/runs/-/camera", ["api", "v1", "runs", "-", "camera"]),
        ("/api/v1/runs/a%2Fb/%63amera", ["api", "v1", "runs", "a/b", "camera"]),
        ("/api/v1/runs/-/camer%2561", ["api", "v1", "runs", "-", "camer%61"]),
        ("//api/v1/", ["api", "v1"]), ("/", []), ("/50%", ["50%"]),
    ] as [(String, [String])])
    func `a path's words are decoded once`(path: String, words: [String]) {
        #expect(request("GET", path).words == words)
    }

    @Test func `a port has one studio at a time`() throws {
        let file = "/tmp/personalive-claim-\(UInt32.random(in: 0 ... .max))"
        defer { unlink(file) }
        do {
            let first = try PortClaim(file, port: 7447)
            #expect(throws: StudioError.port(7447, reason: "another studio of yours has it")) {
                try PortClaim(file, port: 7447)
            }
            withExtendedLifetime(first) {}
        }
        #expect(throws: Never.self) { try PortClaim(file, port: 7447) }
    }

    @Test func `tokens are 128 bits each, and no two are alike`() {
        let all = (0..<50).flatMap { _ in [StudioKeys()] }.flatMap { [$0.control, $0.view] }

        #expect(Set(all).count == 100)
        #expect(all.allSatisfy { $0.count == 32 && $0.allSatisfy(\.isHexDigit) })
    }

    @Test func `after five wrong tokens an address waits half a minute, and no other does`() {
        let wrong = WrongTokens(), now = ContinuousClock.now
        for _ in 0..<4 { wrong.note("10.0.0.1", at: now) }
        #expect(!wrong.isPaused("10.0.0.1", at: now))

        wrong.note("10.0.0.1", at: now)

        #expect(wrong.isPaused("10.0.0.1", at: now + .seconds(29)))
        #expect(!wrong.isPaused("10.0.0.2", at: now))
        #expect(!wrong.isPaused("10.0.0.1", at: now + .seconds(31)))
    }
}
