import Foundation
import Glibc
import Testing

/// A window on a screen of its own (Xvfb, from apt), which is taken away.
@Suite struct PreviewTests {
    private static let hasScreen =
        FileManager.default.isExecutableFile(atPath: "/usr/bin/Xvfb")
        || ProcessInfo.processInfo.environment["PERSONALIVE_SERVERS"] == "required"

    @Test(.enabled(if: hasScreen, "Xvfb is not here"))
    func `frames are shown in a window, and the graph goes on without the screen`() throws {
        let pipe = Pipe()
        // It chooses a number that is free, and writes it when clients can connect.
        let screen = try Daemon(
            ["/usr/bin/Xvfb", "-displayfd", "1", "-screen", "0", "640x480x24", "-nolisten", "tcp"],
            output: pipe)
        try pipe.fileHandleForWriting.close()
        var answer = pollfd(
            fd: pipe.fileHandleForReading.fileDescriptor, events: Int16(POLLIN), revents: 0)
        let isThere = poll(&answer, 1, 60_000) == 1
        try #require(isThere, "Xvfb names no screen")
        let number = String(decoding: pipe.fileHandleForReading.availableData, as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        defer {
            screen.stop()
            for left in ["/tmp/.X\(number)-lock", "/tmp/.X11-unix/X\(number)"] { unlink(left) }
        }
        let run = try LiveRun(
            """
              look: { use: preview, in: { frame: { from: camera.frame, keep: all } }, with: { terminal: /nowhere/tty } }
              copy: { use: stream-out, in: { packet: encoder.packet }, with: { url: FOLDER/copy.mkv } }
            """, environment: ["DISPLAY": ":\(number)"])

        #expect(
            run.tool.waitUntil { run.state(of: "look") == "showing 256 × 256 pixels in a window" },
            "\(run.state(of: "look"))")
        screen.stop()
        #expect(
            run.tool.waitUntil {
                run.state(of: "look").contains("neither a screen nor a terminal")
            },
            "\(run.state(of: "look"))")
        let (outcome, sinks) = run.stop()

        #expect(outcome.status == 130, "\(outcome.errors)")
        #expect(sinks["copy"]?.lostBehindEncoder == 0)
        #expect(sinks["look"]?["frames_unaccounted"] as? Int == 0)
    }
}
