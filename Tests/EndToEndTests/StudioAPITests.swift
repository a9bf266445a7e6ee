import Foundation
import Testing

/// The studio's API over real processes: what scripts and the page ask of a run.
@Suite(.serialized) struct StudioAPITests {
    @Test func `every line of the document is answered`() throws {
        let studio = try StudioProcess()
        studio.waitForPictures()
        let document = try String(contentsOfFile: "\(StudioProcess.repository)/docs/studio.md", encoding: .utf8)
        let block = try #require(
            document.components(separatedBy: "```sh\n").dropFirst().first { $0.hasPrefix("A=") })
            .components(separatedBy: "```")[0]
        #expect(block.split(separator: "\n").count > 20)

        let script = try StudioProcess.run(
            ["bash", "-exo", "pipefail", "-c", block], in: studio.tool.folder,
            environment: ["TOKEN": studio.control, "PORT": "\(studio.port)"], withErrors: true)
        let outcome = studio.stop()

        #expect(script.status == 0, "\(script.output.suffix(1500))")
        #expect(outcome.status == 0, "\(outcome.errors)")
        let files = FileManager.default
        let preview = files.contents(atPath: "\(studio.tool.folder)/preview.jpg") ?? Data()
        #expect(preview.starts(with: [0xFF, 0xD8, 0xFF]))
        let film = files.contents(atPath: "\(studio.tool.folder)/recorded.mp4") ?? Data()
        #expect(film.count > 1000, "the recording was finished when its output was removed")
    }

    @Test func `a text is checked where it is edited, and applied without a restart`() throws {
        let studio = try StudioProcess()
        defer { studio.stop() }
        studio.waitForPictures()
        let graph = StudioProcess.graph.replacing("FOLDER", with: studio.tool.folder)
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

    @Test func `a portrait is sent, used and taken back; what is none, or too large, is refused`() throws
    {
        let studio = try StudioProcess()
        defer { studio.stop() }
        studio.waitForPictures()
        let folder = studio.tool.folder
        let large = "\(folder)/large.png", broken = "\(folder)/broken.png", text = "\(folder)/text.png"
        let png = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/me.png"))
        try (png + Data(count: 100 << 20)).write(to: URL(fileURLWithPath: large))
        try (png.prefix(40) + Data(repeating: 7, count: 5000)).write(to: URL(fileURLWithPath: broken))
        try Data("no picture at all".utf8).write(to: URL(fileURLWithPath: text))
        func send(_ file: String) throws -> (status: Int, body: String) {
            try studio.ask("/runs/-/portraits?consent=Ada%20Example", "--data-binary", "@\(file)")
        }
        func current() throws -> String { try studio.ask("/runs/-/portraits").body }

        let taken = try send("\(folder)/me.png")
        let after = try current()
        let refusals = try [large, broken, text].map(send)
        let unnamed = try studio.ask("/runs/-/portraits", "--data-binary", "@\(folder)/me.png")

        #expect(taken.status == 200, "\(taken.body)")
        #expect(after.contains("\"current\":\"portrait-"))
        #expect(refusals.map(\.status) == [413, 409, 400], "\(refusals)")
        #expect(refusals[1].body.contains("portrait"), "the node's own reason: \(refusals[1].body)")
        #expect(unnamed.status == 400 && unnamed.body.contains("say who is in the picture"))
        let log = "\(folder)/personalive/studio-\(studio.port).audit.jsonl"
        let audit = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
        let consents = audit.filter { $0.contains("with the consent of Ada Example") }
        #expect(consents.count == 2, "of the one that was taken, and of the one that was refused: \(audit)")
        #expect(try current() == after, "the one before stays, and what was refused is not kept")
        let back = try studio.ask("/runs/-/portraits/original", "-d", "{}")
        #expect(back.status == 200, "\(back.body)")
        #expect(try current().contains("\"current\":\"original\""))
    }

    @Test func `a portrait that is sent has its signed consent beside it, as a graph may require`() throws {
        let graph = StudioProcess.graph.replacing(
            "path: \"${portrait}\"", with: "path: \"${portrait}\", require-consent: true")
        let studio = try StudioProcess(graph: graph) { tool in
            let made = try tool.ask(
                "consent", "new", "\(tool.folder)/me.png", "--person", "Ada", "--purpose", "a test")
            #expect(made.status == 0, "\(made.errors)")
        }
        defer { studio.stop() }
        studio.waitForPictures()
        let folder = studio.tool.folder
        let other = URL(fileURLWithPath: "\(folder)/other.png")
        try (Data(contentsOf: URL(fileURLWithPath: "\(folder)/me.png")) + [0]).write(to: other)

        let taken = try studio.ask("/runs/-/portraits?consent=Eve%20Example", "--data-binary", "@\(other.path)")

        #expect(taken.status == 200, "\(taken.body)")
        let files = try FileManager.default.subpathsOfDirectory(atPath: "\(folder)/personalive")
        let consent = try #require(files.first { $0.hasSuffix(".png.consent") })
        let text = try String(contentsOfFile: "\(folder)/personalive/\(consent)", encoding: .utf8)
        #expect(text.contains("person: Eve Example") && text.contains("signature: "))
    }

    @Test func `more runs are started up to the number that was said, and the next is refused`() throws {
        let studio = try StudioProcess("--sessions", "2")
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

    @Test func `a run that does not fit in a machine's memory beside the others is not started`() throws {
        // The plan reckons with 67 MB for the viewer.
        let graph = "machines:\n  small: { local: {}, memory: 100MB }\n\n"
            + StudioProcess.graph.replacing("use: viewer,", with: "use: viewer, machine: small,")
        let studio = try StudioProcess("--sessions", "2", graph: graph)
        defer { studio.stop() }
        studio.waitForPictures()

        let second = try studio.ask("/runs", "-d", "{}")

        #expect(second.status == 409, "\(second)")
        #expect(
            second.body.contains(
                "machine 'small' has 100 MB, and 2 runs of this graph need 134 MB: stop one of them"),
            "\(second)")
        #expect(try studio.ask("/runs").body.contains("graph-2") == false)
    }
}
