import Foundation
import Glibc
import Testing

/// The studio over real processes: its API, who is let in, and what survives its end.
@Suite(.serialized) struct StudioTests {
    /// Pictures without a model: a test source that a viewer ends.
    static let graph = """
        # A test picture.
        settings:
          rate: 25
          portrait: FOLDER/me.png

        mode: live

        nodes:
          portrait: { use: image-file, with: { path: "${portrait}" } }
          source:
            use: camera
            with: { device: "lavfi:testsrc=size=320x240:rate=${rate}" }
          row: { use: side-by-side, in: { portrait: portrait.image, driver: source.frame, result: source.frame } }
          shown: { use: viewer, in: { frame: row.frame } }

        """

    static let demo = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    /// A studio with a run of the graph, ready to be asked.
    final class Studio {
        let tool: Tool
        let port: Int
        let control, view: String

        init(_ arguments: String...) throws {
            tool = try Tool("studio", graph: StudioTests.graph, "--port", "0")
            tool.process.arguments! += arguments
            try FileManager.default.copyItem(
                atPath: "\(StudioTests.demo)/Models/demo/portrait.png", toPath: "\(tool.folder)/me.png")
            tool.process.currentDirectoryURL = URL(fileURLWithPath: tool.folder)
            try tool.start()
            let tool = tool
            #expect(tool.waitUntil { tool.printed.contains("look on:") || !tool.process.isRunning })
            let lines = tool.printed.split(separator: "\n").map(String.init)
            let addresses = lines.compactMap { $0.split(separator: " ").last.map(String.init) }
            try #require(addresses.count == 2, "\(tool.errorsSoFar)")
            port = try #require(URL(string: addresses[0])?.port)
            let tokens = addresses.map {
                ($0.components(separatedBy: "#t=").last ?? "").components(separatedBy: "&")[0]
            }
            (control, view) = (tokens[0], tokens[1])
            let own = port
            #expect(tool.waitUntil { (try? Self.curl(["http://127.0.0.1:\(own)/"]).status) == 200 })
        }

        /// What curl gets: the status and the body.
        static func curl(_ arguments: [String]) throws -> (status: Int, body: String) {
            let process = Process(), output = Pipe()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = ["curl", "-s", "-m", "60", "-w", "\n%{http_code}"] + arguments
            process.standardOutput = output
            process.standardError = FileHandle.nullDevice
            try process.run()
            let text = String(
                decoding: output.fileHandleForReading.readAll(), as: UTF8.self)
            process.waitUntilExit()
            var lines = text.components(separatedBy: "\n")
            let status = Int(lines.removeLast()) ?? 0
            return (status, lines.joined(separator: "\n"))
        }

        func ask(_ path: String, _ arguments: String..., token: String? = nil) throws -> (
            status: Int, body: String
        ) {
            try Self.curl(
                ["-H", "Authorization: Bearer \(token ?? control)"] + arguments
                    + ["http://127.0.0.1:\(port)/api/v1\(path)"])
        }

        func status() throws -> [String: Any] {
            let body = try ask("/runs/-").body
            let object = try JSONSerialization.jsonObject(with: Data(body.utf8))
            return object as? [String: Any] ?? [:]
        }

        /// Waits until pictures reach the sink.
        func waitForPictures() {
            #expect(tool.waitUntil { ((try? status()["frames_out"] as? Int) ?? 0) > 10 })
        }

        @discardableResult
        func stop() -> Tool.Outcome {
            kill(tool.process.processIdentifier, SIGINT)
            return tool.finish()
        }
    }

    // MARK: The API

    @Test func `every line of the document is answered`() throws {
        let studio = try Studio()
        studio.waitForPictures()
        let document = try String(contentsOfFile: "\(Self.demo)/docs/studio.md", encoding: .utf8)
        let block = try #require(
            document.components(separatedBy: "```sh\n").dropFirst().first { $0.hasPrefix("A=") })
            .components(separatedBy: "```")[0]
        #expect(block.split(separator: "\n").count > 20)

        let process = Process(), output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-exo", "pipefail", "-c", block]
        process.currentDirectoryURL = URL(fileURLWithPath: studio.tool.folder)
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["TOKEN": studio.control, "PORT": "\(studio.port)"]) { $1 }
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readAll(), as: UTF8.self)
        process.waitUntilExit()
        let outcome = studio.stop()

        #expect(process.terminationStatus == 0, "\(text.suffix(1500))")
        #expect(outcome.status == 0, "\(outcome.errors)")
        let files = FileManager.default
        let preview = files.contents(atPath: "\(studio.tool.folder)/preview.jpg") ?? Data()
        #expect(preview.starts(with: [0xFF, 0xD8, 0xFF]))
        let film = files.contents(atPath: "\(studio.tool.folder)/recorded.mp4") ?? Data()
        #expect(film.count > 1000, "the recording was finished when its output was removed")
    }

    @Test func `a text is checked where it is edited, and applied without a restart`() throws {
        let studio = try Studio()
        defer { studio.stop() }
        studio.waitForPictures()
        let graph = Self.graph.replacing("FOLDER", with: studio.tool.folder)
        let faulty = "\(studio.tool.folder)/faulty.yaml", edited = "\(studio.tool.folder)/edited.json"
        try Data(graph.replacing("row.frame", with: "row.frames").utf8)
            .write(to: URL(fileURLWithPath: faulty))
        let change = try JSONSerialization.data(withJSONObject: [
            "text": graph + "  second: { use: viewer, in: { frame: source.frame } }\n"
        ])
        try change.write(to: URL(fileURLWithPath: edited))
        let before = try #require(try studio.status()["nodes"] as? [[String: Any]])

        let faults = try studio.ask("/runs/-/check", "--data-binary", "@\(faulty)")
        let applied = try studio.ask("/runs/-/apply", "--data-binary", "@\(edited)")
        let after = try #require(try studio.status()["nodes"] as? [[String: Any]])

        #expect(faults.status == 200)
        #expect(faults.body.contains("\"line\": 14") && faults.body.contains("has no output 'frames'"))
        #expect(applied.status == 200, "\(applied.body)")
        #expect(after.map { $0["name"] as? String }.contains("second"))
        for node in before {
            let same = after.first { $0["name"] as? String == node["name"] as? String }
            #expect(same?["pid"] as? Int == node["pid"] as? Int)
        }
    }

    // MARK: Portraits

    @Test func `a portrait is sent, used and taken back; what is none, or too large, is refused`() throws
    {
        let studio = try Studio()
        defer { studio.stop() }
        studio.waitForPictures()
        let folder = studio.tool.folder
        let large = "\(folder)/large.png", broken = "\(folder)/broken.png", text = "\(folder)/text.png"
        let png = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/me.png"))
        try (png + Data(count: 100 << 20)).write(to: URL(fileURLWithPath: large))
        try (png.prefix(40) + Data(repeating: 7, count: 5000)).write(to: URL(fileURLWithPath: broken))
        try Data("no picture at all".utf8).write(to: URL(fileURLWithPath: text))
        func send(_ file: String) throws -> (status: Int, body: String) {
            try studio.ask("/runs/-/portraits", "--data-binary", "@\(file)")
        }
        func current() throws -> String { try studio.ask("/runs/-/portraits").body }

        let taken = try send("\(folder)/me.png")
        let after = try current()
        let refusals = try [large, broken, text].map(send)

        #expect(taken.status == 200, "\(taken.body)")
        #expect(after.contains("\"current\":\"portrait-"))
        #expect(refusals.map(\.status) == [413, 409, 400], "\(refusals)")
        #expect(refusals[1].body.contains("portrait"), "the node's own reason: \(refusals[1].body)")
        #expect(try current() == after, "the one before stays, and what was refused is not kept")
        let back = try studio.ask("/runs/-/portraits/original", "-d", "{}")
        #expect(back.status == 200, "\(back.body)")
        #expect(try current().contains("\"current\":\"original\""))
    }

    // MARK: Who is let in

    @Test func `foreign hosts, origins, tokens and paths are refused`() throws {
        let studio = try Studio()
        defer { studio.stop() }
        let base = "http://127.0.0.1:\(studio.port)"
        let bearer = ["-H", "Authorization: Bearer \(studio.control)"]
        func status(_ arguments: String...) throws -> Int { try Studio.curl(arguments).status }

        #expect(try status("-H", "Host: evil.example", "\(base)/") == 421)
        #expect(
            try Studio.curl(
                bearer + ["-H", "Origin: http://evil.example", "-d", "{}", "\(base)/api/v1/runs/-/stop"]
            ).status == 403)
        #expect(
            try Studio.curl(
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
        let page = try Studio.curl(["-D", "-", "-o", "/dev/null", "\(base)/"]).body
        #expect(page.contains("default-src 'self'") && page.contains("frame-ancestors 'none'"))
        for _ in 0..<5 { _ = try studio.ask("/runs", token: "wrong") }
        #expect(try studio.ask("/runs", token: "wrong").status == 429)
        #expect(try studio.ask("/runs").status == 200, "the right one is let in all the same")
    }

    @Test func `the token is in no process's arguments, and the audit log holds no values`() throws {
        let studio = try Studio()
        studio.waitForPictures()
        _ = try studio.ask(
            "/runs/-/set", "-H", "X-Forwarded-For: 192.0.2.7", "-d",
            #"{"values": {"rate": "21"}, "dry": true}"#)

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
        #expect(!audit.contains("21") || !audit.contains(#"rate=21"#))
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

    // MARK: Bad days

    @Test func `a second studio at a taken port is refused before it prints anything, and harms none`()
        throws
    {
        let studio = try Studio()
        defer { studio.stop() }
        let keys = "\(studio.tool.folder)/personalive/studio-\(studio.port).keys"
        let second = try Tool(
            arguments: ["studio", "\(studio.tool.folder)/graph.yaml", "--port", "\(studio.port)"])
        second.process.environment = studio.tool.process.environment

        let outcome = try second.run()

        #expect(outcome.status == 1)
        #expect(outcome.output == "")
        #expect(outcome.errors.contains("port \(studio.port) of this machine cannot be had"))
        #expect(FileManager.default.fileExists(atPath: keys))
        #expect(try studio.ask("/runs").status == 200)
    }

    @Test func `the process that serves is killed: it comes back, with the same tokens and the same run`()
        throws
    {
        let studio = try Studio()
        defer { studio.stop() }
        studio.waitForPictures()
        let run = try studio.status()["pid"] as? Int
        let server = try #require(
            Tool.children(of: studio.tool.process.processIdentifier)["studio"])

        kill(server, SIGKILL)

        #expect(studio.tool.waitUntil { (try? studio.ask("/runs/-").status) == 200 })
        #expect(try studio.status()["pid"] as? Int == run)
        #expect(studio.tool.errorsSoFar.contains("it is started again"))
    }

    @Test func `a frame of 2^40 bytes ends no run, and no studio for long`() throws {
        let studio = try Studio()
        defer { studio.stop() }
        studio.waitForPictures()
        let run = try studio.status()["pid"] as? Int
        let program = """
            import socket, sys, struct, os
            s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
            s.sendall(f"GET /api/v1/runs/-/live?output=source.frame HTTP/1.1\\r\\nHost: 127.0.0.1:{sys.argv[1]}\\r\\nAuthorization: Bearer {sys.argv[2]}\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\\r\\n\\r\\n".encode())
            assert b"101" in s.recv(300)
            s.sendall(struct.pack(">BBQ", 0x82, 0xff, 1 << 40) + b"mask" + bytes(100000))
            s.settimeout(10)
            try:
                while s.recv(1 << 16): pass
            except OSError: pass
            """
        let client = Process()
        client.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        client.arguments = ["python3", "-c", program, "\(studio.port)", studio.control]
        try client.run()
        client.waitUntilExit()

        #expect(client.terminationStatus == 0)
        #expect(studio.tool.waitUntil { (try? studio.ask("/runs/-").status) == 200 })
        #expect(try studio.status()["pid"] as? Int == run)
    }

    @Test func `a studio that is killed leaves the run, and the next one finds it`() throws {
        let studio = try Studio()
        studio.waitForPictures()
        let run = try #require(try studio.status()["pid"] as? Int)

        kill(studio.tool.process.processIdentifier, SIGKILL)
        _ = studio.tool.finish()
        #expect(kill(pid_t(run), 0) == 0, "the run goes on")
        let next = try Tool(arguments: ["studio", "\(studio.tool.folder)/graph.yaml", "--port", "\(studio.port)"])
        next.process.environment = studio.tool.process.environment
        try next.start()
        #expect(next.waitUntil { (try? studio.ask("/runs/-").status) == 200 })

        #expect(try studio.status()["pid"] as? Int == run)
        _ = try studio.ask("/runs/-/stop", "-d", "{}")
        #expect(next.waitUntil { kill(pid_t(run), 0) != 0 })
        #expect(try studio.ask("/runs/-").status == 404)
        kill(next.process.processIdentifier, SIGINT)
        #expect(next.finish().status == 0)
    }

    // MARK: Sessions

    @Test func `more runs are started up to the number that was said, and the next is refused`() throws {
        let studio = try Studio("--sessions", "2")
        defer { studio.stop() }
        studio.waitForPictures()

        let second = try studio.ask("/runs", "-d", "{}")
        let list = try JSONSerialization.jsonObject(with: Data(try studio.ask("/runs").body.utf8))
        let run = (list as? [[String: Any]])?.first { $0["name"] as? String == "graph-2" }?["pid"] as? Int
        func limits(_ process: Int) throws -> [String] {
            try String(contentsOfFile: "/proc/\(process)/limits", encoding: .utf8)
                .split(separator: "\n").map(String.init)
                .filter { $0.hasPrefix("Max data size") || $0.hasPrefix("Max open files") }
        }
        let third = try studio.ask("/runs", "-d", "{}")

        #expect(second.status == 201 && second.body.contains("graph-2"), "\(second)")
        let (own, outer) = (
            try limits(run ?? -1), try limits(Int(studio.tool.process.processIdentifier))
        )
        #expect(
            own == outer && own.count == 2,
            "a run has not the bounds of the process that serves")
        #expect(third.status == 409)
        #expect(third.body.contains("2 sessions of this graph run, and 2 may"), "\(third)")
        _ = try studio.ask("/runs/graph-2/stop", "-d", "{}")
        #expect(studio.tool.waitUntil { (try? studio.ask("/runs").body.contains("graph-2")) == false })
    }
}

/// The studio behind the nginx that it writes the configuration for.
@Suite struct StudioProxyTests {
    /// The program, which may be in a folder for administrators.
    private static let nginx: String? = ["/usr/sbin/nginx", "/usr/bin/nginx"].first { path in
        FileManager.default.isExecutableFile(atPath: path)
    }

    private func run(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process(), output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readAll(), as: UTF8.self)
        process.waitUntilExit()
        return text
    }

    @Test(.enabled(if: nginx != nil || Python.isComplete))
    func `behind nginx it speaks TLS, and headers, uploads and slow clients have bounds`() throws {
        let nginx = try #require(Self.nginx, "nginx is not installed")
        let free = Int.random(in: 20_000..<30_000)
        let studio = try StudioTests.Studio("--host", "localhost:\(free)")
        defer { studio.stop() }
        let folder = studio.tool.folder
        _ = try run(
            "openssl",
            [
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj",
                "/CN=localhost", "-keyout", "\(folder)/key.pem", "-out", "\(folder)/cert.pem",
            ])
        let written = try studio.tool.ask(
            "studio", "--nginx", "--host", "localhost:\(free)", "--port", "\(studio.port)",
            "--certificate", "\(folder)/cert.pem", "--certificate-key", "\(folder)/key.pem")
        let whole = """
            daemon off; error_log \(folder)/nginx.log; pid \(folder)/nginx.pid;
            events { worker_connections 256; }
            http {
                access_log off;
                client_body_temp_path \(folder)/body; proxy_temp_path \(folder)/proxy;
                fastcgi_temp_path \(folder)/f; uwsgi_temp_path \(folder)/u; scgi_temp_path \(folder)/s;
                \(written.output)
            }
            """
        let file = "\(folder)/nginx.conf"
        try Data(whole.utf8).write(to: URL(fileURLWithPath: file))
        let proxy = Process()
        proxy.executableURL = URL(fileURLWithPath: nginx)
        proxy.arguments = ["-c", file, "-p", folder]
        try proxy.run()
        defer {
            proxy.terminate()
            proxy.waitUntilExit()
        }
        let base = "https://localhost:\(free)"
        func ask(_ arguments: String...) throws -> (status: Int, body: String) {
            try StudioTests.Studio.curl(["-k"] + arguments)
        }
        #expect(studio.tool.waitUntil { (try? ask("\(base)/").status) == 200 })
        let bearer = "Authorization: Bearer \(studio.control)"

        #expect(try ask("-H", bearer, "\(base)/api/v1/runs").status == 200)
        #expect(try ask("\(base)/api/v1/runs").status == 401)
        let events = try ask("-N", "-m", "3", "-H", bearer, "\(base)/api/v1/runs/-/events")
        #expect(events.body.contains("event: status"), "events are not held back")
        let upgrade = try ask(
            "-m", "2", "--http1.1", "-H", bearer, "-H", "Origin: \(base)", "-H", "Connection: Upgrade", "-H",
            "Upgrade: websocket", "-H", "Sec-WebSocket-Version: 13", "-H",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "-o", "/dev/null",
            "\(base)/api/v1/runs/-/live?output=source.frame")
        #expect(upgrade.status == 101)
        let long = String(repeating: "a", count: 17_000)
        #expect(try ask("-H", bearer, "-H", "X-Long: \(long)", "\(base)/api/v1/runs").status == 400)
        let large = "\(folder)/large.png"
        try Data(count: 21 << 20).write(to: URL(fileURLWithPath: large))
        #expect(
            try ask("-H", bearer, "--data-binary", "@\(large)", "\(base)/api/v1/runs/-/portraits").status
                == 413)
        let began = ContinuousClock.now
        let slow = try run(
            "python3",
            [
                "-c",
                """
                import socket, ssl
                context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
                s = context.wrap_socket(socket.create_connection(("localhost", \(free))), server_hostname="localhost")
                s.sendall(b"GET / HTTP/1.1\\r\\nHost: localhost"); s.settimeout(20)
                print("closed", s.recv(100)[:12])
                """,
            ])
        #expect(slow.contains("closed"))
        #expect(ContinuousClock.now - began < .seconds(15))
    }
}
