import Foundation
import Glibc
import Testing

/// Pictures from the browser's camera through a run to the page and to other viewers, in headless Chromium:
/// each carries the time of its making as a barcode, so that ages are measured from outside the page.
@Suite(.serialized, .enabled(if: Python.hasBrowser)) struct StudioStreamTests {
    @Test func `video comes down: a second viewer sees at once, a slow one nothing old, and harms none`()
        throws
    {
        let studio = try StudioProcess(graph: StudioProcess.echo)
        defer { studio.stop() }

        // With its noise the video needs 1.5 Mbit/s, and the slow viewer has 300 kbit/s.
        let seen = try studio.drive(
            "drive_stream.py", "camera.frame", "8", "--noise", "100", "--second-page", "--slow", "300")

        let alone = try #require(seen["alone"] as? [String: Any])
        func figure(_ part: String, _ name: String) throws -> Double {
            try #require((seen[part] as? [String: Any])?[name] as? Double, "\(part) \(name): \(seen)")
        }
        print("echo:", seen)
        #expect(seen["errors"] as? [String] == [])
        #expect(alone["pictures"] as? String == "h264")
        #expect(alone["unread"] as? Int == 0, "every barcode is whole")
        // 25 pictures a second, of which a loaded machine paints most.
        #expect(try figure("alone", "fps") > 18)
        // What the page says of ages is so.
        #expect(abs(try figure("alone", "page_p50") - figure("alone", "barcode_p50")) < 20)
        // 12 to 60 ms on a quiet machine.
        #expect(try figure("alone", "age_p50") < 150)
        #expect(try figure("second", "first_ms") < 200)
        let slow = try #require(seen["slow"] as? [String: Any])
        #expect(slow["kinds"] as? [Int] == [3], "it is sent video, too")
        #expect((slow["pictures"] as? Int ?? 0) > 50)
        #expect(try figure("slow", "age_p95") < 1000)
        // The other viewer does not notice: what the machine's other work does, it does after it as well.
        let age = try max(figure("alone", "age_p50"), figure("alone again", "age_p50"))
        #expect(try figure("beside", "age_p50") < 1.5 * age + 20)
        #expect(try figure("beside", "fps") > 0.8 * min(figure("alone", "fps"), figure("alone again", "fps")))
    }

    @Test func `on a slow uplink frames are dropped before they are encoded, and what comes is new`() throws {
        let studio = try StudioProcess(graph: StudioProcess.echo)
        defer { studio.stop() }

        let seen = try studio.drive("drive_stream.py", "camera.frame", "10", "--noise", "100", "--uplink", "500")

        print("uplink:", seen)
        let alone = try #require(seen["alone"] as? [String: Any])
        #expect((alone["up_kbit"] as? Double ?? .infinity) < 650)
        #expect((alone["up_dropped"] as? Int ?? 0) > 0)
        #expect(alone["unread"] as? Int == 0, "no picture lacks what it refers to")
        // 18 a second, 294 and 423 ms; 0.6 a second and 1.7 s when only the last second's trips counted.
        #expect((alone["fps"] as? Double ?? 0) > 8)
        #expect((alone["age_p95"] as? Double ?? .infinity) < 1000)
    }

    @Test(arguments: [2, 4])
    func `pictures that come a chunk at a time are seen one by one`(chunk: Int)
        throws
    {
        let text = try String(contentsOfFile: "\(StudioProcess.repository)/Graphs/studio.yaml", encoding: .utf8)
            .replacing("Models/", with: "\(StudioProcess.repository)/Models/")
        // The driver's frame, with its barcode, beside what was made of it.
        let end = try #require(text.range(of: "  shown:"))
        let graph = text[..<end.lowerBound] + """
              row:
                use: side-by-side
                in:
                  portrait: portrait-crop.frame
                  driver: { from: camera.frame, keep: all, window: \(8 * chunk) }
                  result: { from: decoder.frame, keep: all, window: 8 }

              shown:
                use: viewer
                in: { frame: row.frame }

            """
        let studio = try StudioProcess("--set", "crop=none", "--set", "chunk=\(chunk)", graph: String(graph))
        defer { studio.stop() }

        let seen = try studio.drive("drive_stream.py", "row.frame", "8", "--middle")

        let alone = try #require(seen["alone"] as? [String: Any])
        func figure(_ name: String) throws -> Double {
            try #require(alone[name] as? Double, "\(name): \(seen)")
        }
        print("chunk \(chunk):", seen)
        #expect(alone["unread"] as? Int == 0)
        #expect(abs(try figure("page_p50") - figure("barcode_p50")) < 30)
        // Unpaced, all gaps but one of a chunk are of no time: so is their median.
        let period = max(try figure("period"), 40)
        #expect(try figure("gap_p50") > 0.4 * period)
    }

    @Test func `each browser has its own run and sees its own camera; the fourth is told why it has none`()
        throws
    {
        let studio = try StudioProcess("--sessions", "3", graph: StudioProcess.echo)
        defer { studio.stop() }

        let seen = try studio.drive("drive_sessions.py", "3")

        print("sessions:", seen)
        let browsers = try #require(seen["browsers"] as? [[String: Any]])
        #expect(Set(browsers.compactMap { $0["run"] as? String }).count == 3)
        for browser in browsers {
            #expect((browser["own"] as? Int ?? 0) > 30, "\(browser)")
            #expect(browser["foreign"] as? Int == 0, "\(browser)")
            #expect(browser["second_tab"] as? String == browser["run"] as? String)
        }
        let reason = try #require(seen["refused"] as? String)
        #expect(reason.contains("3 sessions of this graph run, and 3 may"), "\(reason)")
        #expect(seen["admitted_later"] as? Bool == true, "once there is room")
    }

    @Test func `bad days are sentences, and the page comes back by itself`() throws {
        let studio = try StudioProcess(graph: StudioProcess.echo)
        defer { studio.stop() }
        let large = "\(studio.tool.folder)/large.png"
        try Data(count: 100 << 20).write(to: URL(fileURLWithPath: large))

        let seen = try studio.drive("drive_days.py", large, "\(studio.server())")

        print("days:", seen)
        func said(_ name: String, _ words: String) {
            #expect((seen[name] as? String ?? "").contains(words), "\(name): \(seen[name] ?? "nothing")")
        }
        said("refused", "Allow it beside the address, then try again")
        said("none", "finds no camera on this machine. Plug one in, or send the screen")
        said("busy", "Another program uses the camera")
        said("unplugged", "The camera was unplugged")
        said("asleep", "This tab is in the background")
        said("two_tabs", "Another page sends its camera now")
        said("large", "20 MB is the most that is taken")
        said("server_killed", "The run goes on without it")
        said("run_killed", "Waiting for a run")
        #expect(seen["after_server"] as? Int ?? 0 > 10, "pictures come again")
        #expect(seen["after_run"] as? Int ?? 0 > 10)
    }
}
