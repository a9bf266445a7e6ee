import Foundation
import Glibc
import Launch
import Testing

/// The studio of another machine, through `ssh -L`.
@Suite(.serialized) struct StudioRemoteTests {
    private static let server: String? = ["/usr/sbin/sshd"].first(where: FileManager.default.isExecutableFile)

    @Test(.enabled(if: Python.hasBrowser && server != nil))
    func `through ssh -L the camera works, and ages name the other machine's clock`() throws {
        let studio = try StudioProcess(graph: StudioProcess.echo)
        defer { studio.stop() }
        let folder = studio.tool.folder, port = try FreePort.find()
        func run(_ command: String...) throws {
            let (status, output) = try StudioProcess.run(command, withErrors: true)
            try #require(status == 0, "\(output)")
        }
        for key in ["host", "user"] {
            try run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "\(folder)/\(key)")
        }
        try run("cp", "\(folder)/user.pub", "\(folder)/authorized")
        mkdir("/run/sshd", 0o755)
        let server = try Daemon([
            Self.server!, "-D", "-f", "/dev/null", "-h", "\(folder)/host", "-p", "\(port)", "-o",
            "ListenAddress=127.0.0.1", "-o", "AuthorizedKeysFile=\(folder)/authorized", "-o", "StrictModes=no", "-o",
            "PidFile=none",
        ])
        // On one machine the tunnel's end needs another address, since the port has to be the same.
        let tunnel = try Daemon([
            "ssh", "-N", "-F", "/dev/null", "-i", "\(folder)/user", "-p", "\(port)", "-o", "StrictHostKeyChecking=no",
            "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectionAttempts=20", "-o", "ExitOnForwardFailure=yes", "-L",
            "127.0.0.2:\(studio.port):localhost:\(studio.port)", "127.0.0.1",
        ])
        defer {
            tunnel.stop()
            server.stop()
        }
        let there = "http://127.0.0.2:\(studio.port)/"
        #expect(
            studio.tool.waitUntil {
                (try? StudioProcess.curl(["-H", "Host: localhost:\(studio.port)", there]).status) == 200
            })

        let seen = try studio.drive("drive_stream.py", "camera.frame", "5", "--at", "127.0.0.2")

        print("ssh -L:", seen)
        let alone = try #require(seen["alone"] as? [String: Any])
        #expect(seen["errors"] as? [String] == [])
        #expect((alone["shown"] as? Int ?? 0) > 75)
        #expect(alone["unread"] as? Int == 0)
        #expect((seen["ends"] as? String ?? "").contains("the clocks agree within"))
    }
}
