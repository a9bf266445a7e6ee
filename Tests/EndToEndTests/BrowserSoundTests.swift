import Foundation
import Glibc
import Testing

@testable import personalive_bench

/// The page's camera and microphone in headless Chromium, into a film.
@Suite(.serialized, .enabled(if: Python.hasBrowser && StreamServer.isAvailable)) struct BrowserSoundTests {
    private static let graph = """
        mode: live
        nodes:
          camera: { use: browser-camera }
          encoder: { use: live-encoder, in: { frame: camera.frame, audio: camera.audio }, with: { preset: ultrafast } }
          file: { use: stream-out, in: { packet: encoder.packet }, with: { url: FOLDER/browser.mkv } }
        """

    // Acceptance 15.
    @Test func `what the browser's camera sees and what its microphone hears stay together`() throws {
        let tool = try Tool("studio", graph: Self.graph, "--port", "0")
        try tool.start()
        #expect(tool.waitUntil { tool.printed.contains("look on:") })
        let address = tool.printed.split(separator: "\n").compactMap { line in
            line.hasPrefix("studio:") ? line.split(separator: " ").last.map(String.init) : nil
        }

        let (status, printed) = try StudioProcess.run([
            "python3", "\(StudioProcess.repository)/Tests/drive_sound.py", try #require(address.first), "12",
        ])
        kill(tool.process.processIdentifier, SIGINT)
        let outcome = tool.finish()

        #expect(status == 0, "\(printed)")
        let seen = try JSONSerialization.jsonObject(with: Data(printed.utf8)) as? [String: Any] ?? [:]
        #expect(seen["failed"] == nil && seen["errors"] as? [String] == [] && seen["note"] as? String == "", "\(printed)")
        #expect((seen["offset"] as? String ?? "").hasSuffix(" ms"), "\(printed)")
        let offsets = try FlashFilm.read("\(tool.folder)/browser.mkv").offsets
        #expect(offsets.count >= 6, "\(offsets) \(outcome.errors)")
        #expect(offsets.allSatisfy { abs($0) < 40 }, "\(offsets)")
        print("acceptance 15: \(offsets)")
    }
}
