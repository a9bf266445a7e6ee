import Foundation
import Testing

/// The page in headless Firefox, which has another WebCodecs than Chromium.
@Suite(.serialized) struct StudioFirefoxTests {
    private static let isThere = FileManager.default.isExecutableFile(atPath: "/usr/bin/firefox-esr")

    @Test(.enabled(if: isThere)) func `Firefox sends its camera as VP8 and shows H.264`() throws {
        let studio = try StudioProcess(graph: StudioProcess.echo)
        defer { studio.stop() }

        let seen = try studio.drive("drive_firefox.py", "6")

        print("Firefox:", seen)
        let stats = try #require(seen["stats"] as? [String: Any])
        #expect(stats["up_codec"] as? String == "vp8")
        #expect(stats["pictures"] as? String == "h264")
        #expect((stats["fresh"] as? Int ?? 0) > 100)
        // 100 ms with a load of 12 on two cores; its H.264 encoder would hold frames for 1.7 s.
        #expect((stats["age_p50"] as? Double ?? .infinity) < 300)
    }
}
