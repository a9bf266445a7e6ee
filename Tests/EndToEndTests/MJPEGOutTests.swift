import Foundation
import Testing

/// Frames as JPEG pictures without end, to quick and to slow viewers.
@Suite(.serialized, .enabled(if: Python.isComplete)) struct MJPEGOutTests {
    @Test func `a slow viewer gets fewer pictures, and the others do not notice`() throws {
        let run = try LiveRun(
            "  web: { use: mjpeg-out, in: { frame: { from: camera.frame, keep: all } }, with: { port: 0 } }"
        )
        let address = try "\(run.address(of: "web"))/live.mjpg"

        let slow = Process()
        slow.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let (script, output) = ("\(StudioProcess.repository)/Tests/watch_live.py", Pipe())
        slow.arguments = ["python3", script, "mjpeg", address, "8", "--slow"]
        slow.standardOutput = output
        try slow.run()
        #expect(run.tool.waitUntil { run.state(of: "web").contains("to 1 viewer") })
        let quick = try LiveRun.watch("mjpeg", address, "6")
        let text = output.fileHandleForReading.readAll()
        slow.waitUntilExit()
        let late = try #require(JSONSerialization.jsonObject(with: text) as? [String: Any])

        #expect((quick["p95"] as? Double ?? .infinity) < 150, "\(quick)")
        #expect((quick["rate"] as? Double ?? 0) > 20, "\(quick)")
        #expect(quick["whole"] as? Bool == true)
        #expect((late["rate"] as? Double ?? 99) < 10, "\(late)")
        #expect(late["whole"] as? Bool == true)
        // They have left, which shows with the next picture.
        #expect(run.tool.waitUntil { run.state(of: "web").contains("to 0 viewers") })
        let (outcome, sinks) = run.stop()
        #expect(outcome.status == 130, "\(outcome.errors)")
        #expect(sinks["web"]?["frames_unaccounted"] as? Int == 0)
        #expect(sinks["web"]?.lostBehindEncoder == 0)
    }
}
