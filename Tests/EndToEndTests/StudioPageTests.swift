import Foundation
import Glibc
import Testing

/// The page in headless Chromium, with a film for a camera and the real graph: what a person does, and
/// sees. Tests/drive_page.py does it and prints what it saw.
@Suite(.serialized, .enabled(if: Python.hasBrowser)) struct StudioPageTests {
    private static let root = StudioProcess.repository

    private func run(_ arguments: [String]) throws -> String {
        let (status, output) = try StudioProcess.run(arguments)
        #expect(status == 0)
        return output
    }

    /// The shipped graph with the studio, what the page showed of it, and how the run ended.
    private func drive(_ arguments: [String], killing node: String? = nil) throws -> [String: Any] {
        let tool = try Tool(arguments: ["studio", "\(Self.root)/Graphs/studio.yaml", "--port", "0"])
        tool.process.currentDirectoryURL = URL(fileURLWithPath: Self.root)
        try tool.start()
        defer {
            kill(tool.process.processIdentifier, SIGINT)
            _ = tool.finish()
        }
        #expect(tool.waitUntil { tool.printed.contains("look on:") })
        let address = tool.printed.split(separator: "\n").compactMap { line in
            line.hasPrefix("studio:") ? line.split(separator: " ").last.map(String.init) : nil
        }
        let film = "\(tool.folder)/camera.y4m"
        _ = try run([
            "ffmpeg", "-y", "-loglevel", "error", "-t", "4", "-i", "\(Self.root)/Models/demo/driving.mp4",
            "-vf", "scale=512:512,fps=25,format=yuv420p", "-f", "yuv4mpegpipe", film,
        ])
        let portrait = "\(tool.folder)/other.png", broken = "\(tool.folder)/broken.png"
        _ = try run([
            "ffmpeg", "-y", "-loglevel", "error", "-i", "\(Self.root)/Models/demo/portrait.png", "-vf",
            "hflip,hue=h=90", portrait,
        ])
        let png = try Data(contentsOf: URL(fileURLWithPath: portrait))
        try (png.prefix(60) + Data(repeating: 7, count: 5000))
            .write(to: URL(fileURLWithPath: broken))
        let page = try #require(address.first)
        let victim = node.map { ["--kill", $0] } ?? []
        let printed = try run(
            StudioProcess.bounded + [
                "\(Self.root)/Tests/drive_page.py", page, "5",
                "--camera", film, "--portrait", portrait, "--broken", broken,
            ] + arguments + victim)
        let seen = try JSONSerialization.jsonObject(with: Data(printed.utf8)) as? [String: Any] ?? [:]
        #expect(seen["failed"] == nil, "\(seen["failed"] ?? "") \(seen["banner"] ?? "")")
        return seen
    }

    @Test func `a newcomer sees himself animate the portrait, changes it, and the decoder, and looks into the graph`()
        throws
    {
        let seen = try drive(["--swaps", "2", "--compare"], killing: "decoder")

        for name in ["portrait", "swaps", "red_ms", "green_ms", "reload_ms"] {
            print("acceptance 8-10, \(name):", seen[name] ?? "")
        }
        let stage = try #require(seen["stage"] as? [String: Any])
        #expect((stage["fresh"] as? Int ?? 0) > 50)
        #expect((stage["clock_ms"] as? Double ?? 99) < 20, "both ends' clocks are known")
        #expect((stage["ends"] as? String ?? "").contains("from its capture at 'camera' until it is painted here"))
        #expect(stage["up_codec"] as? String == "vp8")
        // The address bar and scripts hold no token.
        #expect((seen["address"] as? String ?? "#").contains("#") == false)
        #expect(seen["cookie"] as? String == "")
        // A name for every control, contrast of 4.5 to 1, dark, light and on a phone.
        #expect(seen["access"] as? [String] == [])
        #expect(seen["phone_overflow"] as? Int == 0)
        let portrait = try #require(seen["portrait"] as? [String: Any])
        #expect(portrait["changed"] as? Bool == true)
        let broken = try #require(seen["broken"] as? String)
        #expect(broken.contains("broken.png was not taken") && broken.contains("is damaged"))
        let swaps = try #require((seen["swaps"] as? [String: Any])?["toasts"] as? String)
        #expect(swaps.contains("'decoder' is 'vae-decoder' now") && swaps.contains("'decoder' is 'tiny-decoder' now"))
        // Beside the decoder that runs another one, on the same frames.
        let compared = try #require(seen["compared"] as? String)
        #expect(compared.contains("frames of 'vae-decoder' and 'tiny-decoder': PSNR"), "\(compared)")
        // A slider, by keyboard: to its left end.
        #expect((seen["sliders"] as? [String] ?? []).contains { $0.contains("mixer: mouth") })
        #expect((seen["slid"] as? String ?? "").contains("mixer"), "\(seen["slid"] ?? "")")
        #expect((seen["slid_to"] as? [String: Any])?["pose"] as? Double == 0)
        // Every node and edge of the run is drawn, and says how it stands.
        let graph = try #require(seen["graph"] as? [String: Any])
        let view = try #require(graph["view"] as? [String: Int])
        #expect((graph["nodes"] as? [String])?.count == view["nodes"])
        #expect((graph["edges"] as? [String])?.count == view["edges"])
        #expect((graph["edges"] as? [String] ?? []).allSatisfy { $0.contains("a second, age") })
        #expect(seen["preview"] as? Int == 128)
        // A fault is at its line, and cannot be applied.
        #expect((seen["fault"] as? String ?? "").contains("node 'decoder' has no output 'frames'"))
        #expect(seen["apply_disabled"] as? Bool == true)
        #expect(seen["green_ms"] != nil, "a killed node is seen, and seen to be back")
        #expect(seen["reload_ms"] != nil)
        // Of what the page refused it says so; nothing else is an error.
        let errors = (seen["errors"] as? [String] ?? []).filter { !$0.contains("409") }
        #expect(errors == [])
    }
}
