import Foundation
import Glibc
import Testing

/// What survives the end of a studio, or of the process that serves it.
@Suite(.serialized) struct StudioLifeTests {
    @Test func `a second studio at a taken port is refused before it prints anything, and harms none`()
        throws
    {
        let studio = try StudioProcess()
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

    @Test func `a port that another program has is refused before a run is started`() throws {
        let foreign = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(foreign) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(foreign, $0, size) == 0 && listen(foreign, 1) == 0
                    && getsockname(foreign, $0, &size) == 0
            }
        }
        try #require(isBound)
        let port = UInt16(bigEndian: address.sin_port)
        let studio = try Tool("studio", graph: StudioProcess.echo, "--port", "\(port)")

        let outcome = try studio.run()

        #expect(outcome.status == 1 && outcome.output == "")
        #expect(
            outcome.errors.contains(
                "port \(port) of this machine cannot be had: Address already in use; take another with --port"))
        let folders = try FileManager.default.contentsOfDirectory(atPath: studio.folder)
        #expect(!folders.contains { $0.hasPrefix("run-") })
    }

    @Test func `the process that serves is killed: it comes back, with the same tokens and the same run`()
        throws
    {
        let studio = try StudioProcess()
        defer { studio.stop() }
        studio.waitForPictures()
        let run = try studio.status()["pid"] as? Int
        let server = try #require(
            Tool.children(of: studio.tool.process.processIdentifier)["studio"])

        kill(server, SIGKILL)

        #expect(studio.tool.waitUntil { (try? studio.ask("/runs/-").status) == 200 })
        #expect(try studio.status()["pid"] as? Int == run)
        #expect(studio.tool.waitUntil { studio.tool.errorsSoFar.contains("it is started again") })
    }

    @Test func `a frame of 2^40 bytes ends no run, and no studio for long`() throws {
        let studio = try StudioProcess()
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

        let client = try StudioProcess.run(
            ["python3", "-c", program, "\(studio.port)", studio.control])

        #expect(client.status == 0)
        #expect(studio.tool.waitUntil { (try? studio.ask("/runs/-").status) == 200 })
        #expect(try studio.status()["pid"] as? Int == run)
    }

    @Test func `a studio that is killed leaves the run, and the next one finds it`() throws {
        let studio = try StudioProcess()
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
}
