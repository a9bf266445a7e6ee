import Foundation
import Launch
import Testing

/// The studio behind the nginx that it writes the configuration for.
@Suite struct StudioProxyTests {
    /// The program, which may be in a folder for administrators.
    private static let nginx: String? = ["/usr/sbin/nginx", "/usr/bin/nginx"].first { path in
        FileManager.default.isExecutableFile(atPath: path)
    }

    @Test(.enabled(if: nginx != nil || Python.isComplete))
    func `behind nginx it speaks TLS, and headers, uploads and slow clients have bounds`() throws {
        let nginx = try #require(Self.nginx, "nginx is not installed")
        let free = try FreePort.find()
        let studio = try StudioProcess("--host", "localhost:\(free)")
        defer { studio.stop() }
        let folder = studio.tool.folder
        _ = try StudioProcess.run(
            [
                "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj",
                "/CN=localhost", "-keyout", "\(folder)/key.pem", "-out", "\(folder)/cert.pem",
            ], withErrors: true)
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
            try StudioProcess.curl(["-k"] + arguments)
        }
        #expect(studio.tool.waitUntil { (try? ask("\(base)/").status) == 200 })
        let bearer = "Authorization: Bearer \(studio.control)"

        #expect(try ask("-H", bearer, "\(base)/api/v1/runs").status == 200)
        #expect(try ask("\(base)/api/v1/runs").status == 401)
        // Whom the proxy asks for is in the audit log, and not whom a client says it is.
        #expect(
            try ask(
                "-H", bearer, "-H", "X-Forwarded-For: 192.0.2.7", "-d", #"{"values": {"rate": "21"}, "dry": true}"#,
                "\(base)/api/v1/runs/-/set"
            ).status == 200)
        let audit = try String(
            contentsOfFile: "\(folder)/personalive/studio-\(studio.port).audit.jsonl", encoding: .utf8)
        #expect(audit.contains(#""action":"set""#) && !audit.contains("192.0.2.7"), "\(audit)")
        #expect(audit.contains(#""address":"127.0.0.1""#) || audit.contains(#""address":"::1""#), "\(audit)")
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
        let slow = try StudioProcess.run(
            [
                "python3", "-c",
                """
                import socket, ssl
                context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
                s = context.wrap_socket(socket.create_connection(("localhost", \(free))), server_hostname="localhost")
                s.sendall(b"GET / HTTP/1.1\\r\\nHost: localhost"); s.settimeout(20)
                print("closed", s.recv(100)[:12])
                """,
            ])
        #expect(slow.output.contains("closed"))
        #expect(ContinuousClock.now - began < .seconds(15))
    }
}
