import Foundation
import Testing

/// Who is let in to the studio, and what nobody gets to see.
@Suite(.serialized) struct StudioAccessTests {
    @Test func `foreign hosts, origins, tokens and paths are refused`() throws {
        let studio = try StudioProcess()
        defer { studio.stop() }
        let base = "http://127.0.0.1:\(studio.port)"
        let bearer = ["-H", "Authorization: Bearer \(studio.control)"]
        func status(_ arguments: String...) throws -> Int { try StudioProcess.curl(arguments).status }

        #expect(try status("-H", "Host: evil.example", "\(base)/") == 421)
        #expect(
            try StudioProcess.curl(
                bearer + ["-H", "Origin: http://evil.example", "-d", "{}", "\(base)/api/v1/runs/-/stop"]
            ).status == 403)
        #expect(
            try StudioProcess.curl(
                bearer + [
                    "-H", "Origin: http://evil.example", "-H", "Upgrade: websocket", "-H",
                    "Connection: Upgrade", "-H", "Sec-WebSocket-Version: 13", "-H",
                    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "\(base)/api/v1/runs/-/live",
                ]
            ).status == 403)
        #expect(try status("\(base)/api/v1/runs") == 401)
        #expect(try studio.ask("/runs/-/stop", "-d", "{}", token: studio.view).status == 403)
        #expect(try studio.ask("/runs", token: studio.view).status == 200)
        for path in ["camera/x", "camer%61", "camer%2561", "graph"] {
            #expect(try studio.ask("/runs/-/\(path)", token: studio.view).status == 403, "\(path)")
        }
        for path in ["stop/check", "stop/x", "flush/x"] {
            let (seen, done) = (
                try studio.ask("/runs/-/\(path)", "-d", "{}", token: studio.view),
                try studio.ask("/runs/-/\(path)", "-d", "{}")
            )
            #expect(seen.status == 403 && done.status == 404, "\(path): \(seen), \(done)")
        }
        #expect(try studio.ask("/runs/-").status == 200, "the run goes on")
        for path in ["/../../etc/passwd", "/runs/-/portraits/..%2f..%2fname", "/runs/..%2f..%2fx"] {
            let answer = try studio.ask(path, "--path-as-is")
            #expect(answer.status == 404, "\(path): \(answer)")
        }
        let page = try StudioProcess.curl(["-D", "-", "-o", "/dev/null", "\(base)/"]).body
        #expect(page.contains("default-src 'self'") && page.contains("frame-ancestors 'none'"))
        for _ in 0..<5 { _ = try studio.ask("/runs", token: "wrong") }
        #expect(try studio.ask("/runs", token: "wrong").status == 429)
        #expect(try studio.ask("/runs").status == 200, "the right one is let in all the same")
    }

    @Test func `the token is in no process's arguments, and the audit log holds no values`() throws {
        let studio = try StudioProcess()
        studio.waitForPictures()
        _ = try studio.ask(
            "/runs/-/set", "-H", "X-Forwarded-For: 192.0.2.7", "-d",
            #"{"values": {"rate": "20.125"}, "dry": true}"#)

        let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        let arguments = processes.compactMap { entry -> String? in
            guard Int(entry) != nil, let data = FileManager.default.contents(atPath: "/proc/\(entry)/cmdline")
            else { return nil }
            return String(decoding: data, as: UTF8.self)
        }
        // curl's own, which the test starts, has ended.
        #expect(!arguments.contains { $0.contains(studio.control) })
        let file = "\(studio.tool.folder)/personalive/studio-\(studio.port).audit.jsonl"
        let audit = try String(contentsOfFile: file, encoding: .utf8)
        studio.stop()
        #expect(audit.contains(#""action":"set""#) && audit.contains(#""detail":"rate""#))
        #expect(audit.contains(#""result":"dry, done""#), "\(audit)")
        #expect(audit.contains(#""address":"127.0.0.1""#), "no proxy was named, so none is believed")
        #expect(!audit.contains("20.125"))
        #expect(!audit.contains(studio.control))
    }

    @Test(arguments: ["0.0.0.0", "::", "192.0.2.1"])
    func `it does not listen for other machines, and says what to do`(address: String) throws {
        let outcome = try Tool(arguments: ["studio", "--listen", address]).run()

        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("listens on 127.0.0.1 only, and not on \(address)"))
        #expect(outcome.errors.contains("ssh -L 7447:localhost:7447"))
        #expect(outcome.errors.contains("--nginx"))
    }
}
