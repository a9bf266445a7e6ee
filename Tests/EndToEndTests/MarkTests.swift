import Foundation
import Marks
import Media
import Tensors
import Testing

/// Films of runs have their marks, and `verify` finds them.
@Suite struct MarkTests {
    /// Thirty frames of the demo's driving film, with settings of the encoder's.
    private static func graph(_ settings: String = "", name: String = "film.mp4") -> String {
        """
        nodes:
          camera: { use: video-file, with: { path: Models/demo/driving.mp4, frames: 30 } }
          encoder:
            use: video-encoder
            in: { frame: camera.frame }
            with: { path: FOLDER/\(name), preset: ultrafast\(settings) }
        """
    }

    /// Where the tests' Python has libc2pa_c; nil when it is not installed.
    static let library: String? = {
        let folder = FileManager.default.currentDirectoryPath + "/.build/python/lib"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return versions.map { "\(folder)/\($0)/site-packages/c2pa/libs/libc2pa_c.so" }
            .first { FileManager.default.fileExists(atPath: $0) }
    }()

    private func tool(_ graph: String, library: String? = library) throws -> Tool {
        let tool = try Tool("run", graph: graph, "--json")
        tool.process.environment?["PERSONALIVE_C2PA"] = library ?? "/nothing/libc2pa_c.so"
        return tool
    }

    private func part(_ outcome: Tool.Outcome, _ key: String) -> [String: Any] {
        outcome.object[key] as? [String: Any] ?? [:]
    }

    @Test func `a film has all its marks, and without the library all but the signature`() throws {
        for library in [Self.library, nil] {
            let tool = try tool(Self.graph(), library: library)

            let run = try tool.run()
            let verified = try tool.ask("verify", "\(tool.folder)/film.mp4", "--json")

            #expect(run.status == 0, "\(run.errors)")
            #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
            #expect(part(verified, "watermark")["found"] as? Bool == true)
            #expect(part(verified, "watermark")["kind"] as? String == "synthetic")
            #expect((part(verified, "watermark")["run"] as? String)?.count == 7)
            #expect(part(verified, "sign")["corner"] as? String == "top-right")
            #expect(verified.object["label"] as? String == "trainedAlgorithmicMedia")
            if library != nil {
                #expect(part(verified, "signature")["state"] as? String == "holds")
                #expect(part(verified, "signature")["own"] as? Bool == true)
            } else {
                #expect(part(verified, "signature")["state"] as? String == "none")
                #expect(run.errors.contains("the film is not signed: "), "\(run.errors)")
            }
        }
    }

    @Test func `a film that was changed is found out, and one whose marks are off has none`() throws
    {
        let tool = try tool(Self.graph())
        #expect(try tool.run().status == 0)
        let file = URL(fileURLWithPath: "\(tool.folder)/film.mp4")
        var bytes = try Data(contentsOf: file)
        let pictures = try #require(bytes.range(of: Data("mdat".utf8)))
        bytes[pictures.upperBound + 5000] ^= 1
        try bytes.write(to: file)
        let plain = try self.tool(Self.graph(", label-ai-generated: false"))
        let run = try plain.run()

        let changed = try tool.ask("verify", file.path)
        let unmarked = try plain.ask("verify", "\(plain.folder)/film.mp4")

        if Self.library != nil {
            #expect(changed.status == 3, "\(changed.output)")
            #expect(changed.output.contains("BROKEN: the file was changed since"))
        }
        #expect(unmarked.status == 1, "\(unmarked.output)")
        #expect(run.errors.contains("label-ai-generated: false"), "\(run.errors)")
    }

    @Test
    func
        `the sign can be off and has a line in the log, and a text that cannot be shown is an error`()
        throws
    {
        let tool = try tool(Self.graph(", visible-mark: off"))
        let bad = try self.tool(Self.graph(", visible-mark-text: 画"))

        let run = try tool.run()
        let verified = try tool.ask("verify", "\(tool.folder)/film.mp4", "--json")
        let refused = try bad.run()

        #expect(run.status == 0 && run.errors.contains("visible-mark: off"), "\(run.errors)")
        #expect(part(verified, "sign")["found"] as? Bool == false)
        #expect(part(verified, "watermark")["found"] as? Bool == true)
        #expect(
            refused.status != 0 && refused.errors.contains("the sign has no '画'"),
            "\(refused.errors)")
    }

    @Test(.enabled(if: library != nil))
    func `a film of a live stream is signed fragment by fragment`() throws {
        let tool = try tool(
            """
            mode: live
            nodes:
              camera: { use: camera, with: { device: "lavfi:testsrc=size=256x256:rate=25,noise=alls=60:allf=t" } }
              encoder: { use: live-encoder, in: { frame: camera.frame }, with: { preset: ultrafast } }
              copy: { use: stream-out, in: { packet: encoder.packet }, with: { url: FOLDER/film.mp4 } }
            """)
        try tool.start()
        #expect(tool.waitForFile("film.mp4", bytes: 400_000), "\(tool.errorsSoFar)")
        tool.process.interrupt()
        let run = tool.finish()
        let file = URL(fileURLWithPath: "\(tool.folder)/film.mp4")

        let verified = try tool.ask("verify", file.path, "--json")
        let film = try VideoReader(path: file.path)
        var frames = 0
        while let item = try film.next() { if case .frame = item { frames += 1 } }
        var bytes = try Data(contentsOf: file)
        bytes[bytes.count - 100] ^= 1
        try bytes.write(to: file)
        let changed = try tool.ask("verify", file.path)

        #expect(run.status == 130, "\(run.errors)")
        #expect(part(verified, "signature")["state"] as? String == "holds", "\(verified.output)")
        #expect(part(verified, "signature")["own"] as? Bool == true)
        let streams = run.object["streams"] as? [[String: Any]] ?? []
        #expect(frames > 10 && frames == streams.first?["frames_out"] as? Int)
        #expect(changed.status == 3, "\(changed.output)")
    }

    @Test func `a killed encoder's successor makes a film with the same mark`() throws {
        let tool = try tool(Self.graph().replacing("frames: 30", with: "frames: 250"))
        try tool.start()
        #expect(tool.waitForFile("film.mp4", bytes: 60_000))
        kill(try #require(tool.nodes["encoder"]), SIGKILL)

        let run = tool.finish()

        #expect(run.status == 0, "\(run.errors)")
        let pictures = try self.pictures("\(tool.folder)/film.mp4")
        #expect(pictures.count == 250)
        let (first, last) = (Self.run(of: pictures[..<50]), Self.run(of: pictures[200...]))
        #expect(first != nil && first == last)
    }

    private func pictures(_ path: String) throws -> [Tensor<UInt8>] {
        let reader = try VideoReader(path: path)
        var pictures: [Tensor<UInt8>] = []
        while let item = try reader.next() {
            guard case .frame = item else { continue }
            let picture = Tensor<UInt8>(uninitialized: reader.shape)
            try reader.copyFrame(into: picture)
            pictures.append(picture)
        }
        return pictures
    }

    private static func run(of pictures: ArraySlice<Tensor<UInt8>>) -> UInt32? {
        var detector = WatermarkDetector()
        pictures.forEach { detector.add($0) }
        return detector.finish().payload?.run
    }

    @Test func `keys are made once, and what is wrong is said`() throws {
        let tool = try Tool(arguments: ["keys"])
        tool.process.environment?["PERSONALIVE_C2PA"] = Self.library ?? "/nothing"

        let made = try tool.run()
        let again = try tool.ask("keys")

        #expect(made.output.contains("folder       \(tool.folder)/keys"))
        #expect(made.output == again.output)
        #expect(made.status == (Self.library == nil ? 1 : 0), "\(made.errors)")
    }

    @Test func `what is no film is said, with its own exit code`() throws {
        let missing = try Tool(arguments: ["verify", "/nothing/here.mp4"]).run()

        #expect(missing.status == 2 && missing.errors.contains("/nothing/here.mp4"))
    }
}
