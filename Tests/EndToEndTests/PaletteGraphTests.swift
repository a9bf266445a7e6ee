import Foundation
import Media
import Networks
import NodeKit
import Tensors
import Testing

/// What a new user would want to do, each a graph of the folder, run from a folder that is not the project's.
@Suite(.serialized) struct PaletteGraphTests {
    /// `make test` fetches the networks.
    private static let hasNetworks =
        FaceModel.isThere(FaceModel.folder)
        || ProcessInfo.processInfo.environment["PERSONALIVE_FACE"] == "required"

    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    /// Runs a graph of the folder from elsewhere.
    private func run(
        _ name: String, _ settings: [String], in folder: Tool, during body: (Tool) throws -> Void = { _ in }
    ) throws -> Tool.Outcome {
        let tool = try Tool(
            arguments: ["run", "\(Self.root)/Graphs/\(name).yaml", "--json"]
                + settings.flatMap { ["--set", $0.replacing("FOLDER", with: folder.folder)] })
        tool.process.currentDirectoryURL = URL(fileURLWithPath: folder.folder)
        try tool.start()
        try body(tool)
        let outcome = tool.finish()
        #expect(outcome.status == 0, "\(name): \(outcome.errors)")
        #expect(outcome.number("frames_unaccounted") == 0, "\(name): \(outcome.output)")
        return outcome
    }

    private func place() throws -> Tool { try Tool("check", graph: "nodes: {}") }

    /// So many pictures of a film, and how large they are.
    private func frames(_ path: String) throws -> (count: Int, width: Int, height: Int) {
        let reader = try VideoReader(path: path)
        var count = 0
        while let item = try reader.next() { if case .frame = item { count += 1 } }
        return (count, reader.width, reader.height)
    }

    private static let demo = "\(root)/Models/demo/driving.mp4"

    @Test func `a graph runs from anywhere, and what it writes is where it was started`() throws {
        let place = try place()
        let outcome = try run("sound", [], in: place)

        #expect(outcome.errors.isEmpty || !outcome.errors.contains("error"), "\(outcome.errors)")
        let sound = try SoundReader(path: "\(place.folder)/sound.m4a")
        let own = try SoundReader(path: Self.demo)
        var (copied, first) = (0, 0)
        while sound.next() != nil { copied += 1 }
        while own.next() != nil { first += 1 }
        #expect(copied == first && copied > 10)
    }

    @Test func `a file of this folder goes before one beside the graph, as ever, and that is said`() throws {
        let place = try place()
        let graphs = "\(place.folder)/graphs"
        try FileManager.default.createDirectory(atPath: graphs, withIntermediateDirectories: false)
        try Pictures.write(1, to: "\(place.folder)/both.png")
        try Pictures.write(2, to: "\(graphs)/both.png")
        try Pictures.write(3, to: "\(graphs)/beside.png")
        func check(_ name: String, _ settings: String...) throws -> Tool.Outcome {
            try Data(
                """
                settings: { picture: \(name) }
                nodes:
                  in: { use: pictures, with: { path: "${picture}" } }
                  out: { use: save-pictures, in: { frame: in.frame }, with: { path: out/ } }

                """.utf8
            ).write(to: URL(fileURLWithPath: "\(graphs)/graph.yaml"))
            let tool = try Tool(arguments: ["check", "graphs/graph.yaml"] + settings)
            tool.process.currentDirectoryURL = URL(fileURLWithPath: place.folder)
            return try tool.run()
        }

        let both = try check("both.png"), beside = try check("beside.png")
        let given = try check("both.png", "--set", "picture=beside.png")
        let none = try check("nowhere.png")
        #expect(both.status == 0 && both.output.contains("two-files") == false)
        #expect(
            both.output.contains("there is 'both.png' in this folder, which is taken, and beside the graph"),
            "\(both.output)")
        #expect(beside.status == 0 && beside.output.contains("no faults"), "\(beside.output)")
        #expect(given.status == 1 && given.output.contains("there is no file 'beside.png'"), "\(given.output)")
        #expect(none.status == 1 && none.output.contains("and beside the graph"), "\(none.output)")
    }

    @Test func `what cannot be is told by check, each with its place and what would help`() throws {
        let place = try place()
        try Data("PLREC\u{9}of a later day".utf8).write(to: URL(fileURLWithPath: "\(place.folder)/new.rec"))
        try Data("a text".utf8).write(to: URL(fileURLWithPath: "\(place.folder)/text.rec"))
        let tool = try Tool(
            "check",
            graph: """
                nodes:
                  new: { use: replay, with: { path: \(place.folder)/new.rec } }
                  text: { use: replay, with: { path: \(place.folder)/text.rec } }
                  none: { use: pictures, with: { path: "\(place.folder)/*.png" } }
                  film: { use: video-file, with: { path: \(Self.demo) } }
                  window: { use: denoiser, replicas: 2, in: { keypoints: new.keypoints } }
                  size: { use: scale, in: { frame: { from: film.frame, when: film.audio } } }
                  both: { use: select, in: { a: size.frame, b: film.audio } }
                  sink: { use: frame-list, in: { frame: both.frame }, with: { path: FOLDER/list.txt } }
                """)
        let outcome = try tool.run()

        #expect(outcome.status == 1)
        for words in [
            "graph.yaml:2:37: error: \(place.folder)/new.rec is a recording of version 9",
            "graph.yaml:3:38: error: \(place.folder)/text.rec is no recording",
            "graph.yaml:4:40: error: setting 'path': no file's name fits the pattern",
            "graph.yaml:6:38: error: node 'window' (denoiser) cannot have replicas: it remembers what came before",
            "graph.yaml:7:62: error: 'film.audio' is u8 [bytes] audio-packet, and a condition is one number",
            "graph.yaml:8:48: error: 'film.audio' and 'both.b' cannot meet: 'audio-packet' is sent, 'rgb' is needed",
        ] { #expect(outcome.output.contains(words), "\(words)\n\(outcome.output)") }
        let alone = try Tool(
            "check",
            graph: """
                nodes:
                  film: { use: video-file, with: { path: \(Self.demo) } }
                  size: { use: scale, in: { frame: film.frame } }
                  sink: { use: frame-list, in: { frame: size.frame }, with: { path: FOLDER/list.txt } }
                """)
        let missing = try alone.run()
        #expect(missing.output.contains("scale: neither 'width' nor 'height' is given"), "\(missing.output)")
    }

    @Test func `parts are listed like kinds, and found by name from anywhere`() throws {
        let place = try place()
        try FileManager.default.createDirectory(
            atPath: "\(place.folder)/own", withIntermediateDirectories: false)
        try Data(
            """
            # Makes pictures small.
            settings: { width: 8 }
            inputs: { frame: size.frame }
            outputs: { frame: size.frame }
            nodes: { size: { use: scale, with: { width: "${width}" } } }

            """.utf8
        ).write(to: URL(fileURLWithPath: "\(place.folder)/own/tiny.yaml"))
        func ask(_ arguments: String...) throws -> Tool.Outcome {
            let tool = try Tool(arguments: arguments)
            tool.process.currentDirectoryURL = URL(fileURLWithPath: place.folder)
            tool.process.environment?["PERSONALIVE_PARTS"] = "\(place.folder)/own"
            return try tool.run()
        }
        try Pictures.write(7, to: "\(place.folder)/one.png", side: 64)
        try Data(
            """
            nodes:
              in: { use: pictures, with: { path: one.png } }
              small: { use: parts/tiny, in: { frame: in.frame } }
              out: { use: save-pictures, in: { frame: small.frame }, with: { path: out/ } }

            """.utf8
        ).write(to: URL(fileURLWithPath: "\(place.folder)/graph.yaml"))

        let all = try ask("nodes"), one = try ask("nodes", "parts/tiny")
        let wrong = try ask("nodes", "parts/tinny"), json = try ask("nodes", "parts/tiny", "--format", "json")
        let run = try ask("run", "graph.yaml", "--quiet")

        #expect(all.output.contains("parts/face-tracker") && all.output.contains("parts/photo-warp"), "\(all.output)")
        #expect(all.errors.isEmpty, "\(all.errors)")
        #expect(one.output.hasPrefix("parts/tiny: Makes pictures small.\n"), "\(one.output)")
        #expect(one.output.contains("default 8"), "\(one.output)")
        #expect(wrong.errors.contains("did you mean 'parts/tiny'?"), "\(wrong.errors)")
        #expect(json.object["kind"] as? String == "parts/tiny", "\(json.output)")
        #expect(run.status == 0, "\(run.errors)")
        #expect(try ImageReader.read("\(place.folder)/out/000000.png").shape == [1, 8, 8, 3])
    }

    @Test func `pictures go in and come out, each of one size`() throws {
        let place = try place()
        try FileManager.default.createDirectory(
            atPath: "\(place.folder)/in", withIntermediateDirectories: false)
        for index in 0..<3 {
            try Pictures.write(UInt8(50 * index), to: "\(place.folder)/in/\(index).png", side: 64)
        }
        _ = try run("pictures", ["photos=in", "output=out/", "width=32", "height=16"], in: place)

        let pictures = try (0..<3).map { try ImageReader.read("\(place.folder)/out/00000\($0).png") }
        #expect(pictures.map(\.shape) == Array(repeating: [1, 16, 32, 3], count: 3))
        #expect(pictures.map { $0.array[0] } == [0, 50, 100])
    }

    @Test func `a picture every two seconds`() throws {
        let place = try place()
        let film = try frames(Self.demo)
        _ = try run("snapshots", ["rate=2/s"], in: place)

        let names = try FileManager.default.contentsOfDirectory(atPath: "\(place.folder)/snapshots")
        #expect(names.count > 1 && names.count < film.count / 4, "\(names.count) of \(film.count)")
        let first = try ImageReader.read("\(place.folder)/snapshots/000000.png")
        #expect(first.shape[2] == 2 * film.width)
    }

    @Test func `a stage over several processes gives the film of one, frame for frame`() throws {
        let place = try place()
        _ = try run("replicas", ["output=one.mp4", "replicas=1"], in: place)
        _ = try run("replicas", ["output=three.mp4", "replicas=3"], in: place) { tool in
            #expect(tool.waitUntil { tool.nodes["caption_2"] != nil })
        }

        let compare = try place.ask(
            "compare", "\(place.folder)/one.mp4", "\(place.folder)/three.mp4")
        #expect(try frames("\(place.folder)/three.mp4").count == frames(Self.demo).count)
        #expect(compare.output.contains("identical"), "\(compare.output)")
    }

    @Test func `two films as cameras, and the one on air is said while they run`() throws {
        let place = try place()
        let outcome = try run("scenes", [], in: place) { tool in
            #expect(tool.waitForRun("scenes"))
            let set = try tool.ask("set", "scenes", "scene.source=b")
            #expect(set.status == 0, "\(set.errors)")
        }
        #expect(try frames("\(place.folder)/scenes.mp4").count > 20, "\(outcome.output)")
    }

    @Test func `a setting that names an output moves the edge while the graph runs`() throws {
        let place = try place()
        let outcome = try run("cut", [], in: place) { tool in
            #expect(tool.waitUntil { place.written("cut.mp4") > 0 })
            let set = try tool.ask("set", "cut", "source=lettered.frame")
            #expect(set.status == 0, "\(set.errors)")
            #expect(set.errors.contains("fed by lettered.frame instead of plain.frame"), "\(set.errors)")
        }
        #expect(try frames("\(place.folder)/cut.mp4").count > 20, "\(outcome.output)")
    }

    @Test(
        .enabled(if: hasNetworks, "the face networks are not here"),
        arguments: [
            ("webcam", "webcam.mp4", []), ("live", "live.mkv", ["url=rtmp://127.0.0.1:9/live"]),
        ] as [(String, String, [String])])
    func `a film stands in for the camera, until the run is ended`(
        name: String, film: String, settings: [String]
    ) throws {
        let place = try place()
        let device = "device=lavfi:movie=\(Self.demo):loop=0,setpts=N/25/TB"
        let tool = try Tool(
            arguments: ["run", "\(Self.root)/Graphs/\(name).yaml", "--json"]
                + ([device] + settings).flatMap { ["--set", $0] })
        tool.process.currentDirectoryURL = URL(fileURLWithPath: place.folder)
        try tool.start()
        #expect(tool.waitUntil { place.written(film) > 3_000 || !tool.process.isRunning })
        tool.process.interrupt()
        let outcome = tool.finish()

        #expect(outcome.status == 130, "\(outcome.errors)")
        #expect(outcome.number("frames_unaccounted") == 0, "\(outcome.output)")
        #expect(try frames("\(place.folder)/\(film)").count > 5)
    }

    @Test(.enabled(if: hasNetworks, "the face networks are not here"))
    func `the result with its driver in a corner and a line of text`() throws {
        let place = try place()
        _ = try run("picture-in-picture", ["size=128"], in: place)
        let film = try frames("\(place.folder)/picture-in-picture.mp4")
        #expect(film.count == (try frames(Self.demo)).count)
        #expect(film.width == 128 && film.height == 128)
    }

    @Test(.enabled(if: hasNetworks, "the face networks are not here"))
    func `frames without a face go another way, and come back in order`() throws {
        let place = try place()
        _ = try run("face-lost", [], in: place)
        #expect(try frames("\(place.folder)/face-lost.mp4").count == frames(Self.demo).count)
    }

    @Test(.enabled(if: hasNetworks, "the face networks are not here"))
    func `motion is recorded once and put onto five portraits, bit for bit as it was live`() throws {
        let place = try place()
        _ = try run("record-motion", [], in: place)
        // What the mesh was in the run, and what comes out of the recording: of each frame a hash.
        let live = """
            nodes:
              camera: { use: video-file, with: { path: \(Self.demo) } }
              crop: { use: face-crop, in: { frame: camera.frame }, with: { subject: driver, model: full, weights: synthetic } }
              again: { use: record, in: { mesh: crop.mesh, transform: crop.transform }, with: { path: FOLDER/live.rec } }
            """
        let second = try Tool("run", graph: live, "--quiet")
        #expect(try second.run().status == 0)
        #expect(try messages("\(place.folder)/motion.rec") == messages("\(second.folder)/live.rec"))

        let portrait = try ImageReader.read("\(Self.root)/Models/demo/portrait.png")
        for number in 0..<5 {
            // Five portraits: the same one in five lights.
            let dim = Tensor<UInt8>(uninitialized: portrait.shape)
            for index in 0..<dim.count {
                dim.pointer[index] = UInt8(Int(portrait.pointer[index]) * (20 - number) / 20)
            }
            try ImageWriter.write(dim, to: "\(place.folder)/\(number).png")
        }
        let films = try five(
            """
              camera: { use: video-file, with: { path: \(Self.demo) } }
              motion: { use: face-crop, in: { frame: camera.frame }, with: { subject: driver, model: full, weights: synthetic } }
            """, in: place)
        let replayed = try five(
            "  motion: { use: replay, with: { path: \(place.folder)/motion.rec, pace: flat-out } }", in: place)
        #expect(replayed == films && Set(films).count == 5)
        #expect(films[0].count == (try frames(Self.demo)).count)

        _ = try run(
            "five-portraits",
            ["motion=motion.rec", "size=64"]
                + zip(["first", "second", "third", "fourth", "fifth"], 0...).map { "\($0)=\($1).png" },
            in: place)
        let film = try frames("\(place.folder)/five-portraits.mp4")
        #expect(film.count == films[0].count && film.width == 5 * 64 && film.height == 64)
        _ = try run(
            "replay-motion",
            ["motion=motion.rec", "portrait=0.png", "size=128", "output=0.mp4"], in: place)
        #expect(try frames("\(place.folder)/0.mp4").count == films[0].count)
    }

    /// Number and hash of each frame of five portraits that one node 'motion' moves.
    private func five(_ source: String, in place: Tool) throws -> [[Substring]] {
        let portraits = (0..<5).map { number in
            """
              p\(number):
                use: parts/photo-warp
                in: { mesh: motion.mesh, transform: motion.transform }
                with: { portrait: \(place.folder)/\(number).png, size: 64 }
              list\(number): { use: frame-list, in: { frame: p\(number).frame }, with: { path: FOLDER/\(number).txt } }
            """
        }
        let tool = try Tool(
            "run", graph: (["nodes:", source] + portraits).joined(separator: "\n"), "--json")
        let outcome = try tool.run()
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.number("frames_unaccounted") == 0, "\(outcome.output)")
        return try (0..<5).map { number in
            try String(contentsOfFile: "\(tool.folder)/\(number).txt", encoding: .utf8)
                .split(separator: "\n").map { line in
                    let words = line.split(separator: " ")
                    return line[..<words[1].endIndex]
                }
        }
    }

    /// The numbers of all messages of a recording, without the times at which they were captured.
    private func messages(_ path: String) throws -> [String] {
        let reader = try Recording.Reader(path: path)
        var found: [String] = []
        while let (index, message) = try reader.nextOfAny() {
            let hash = message.tensor.withBytes { bytes in
                bytes.reduce(UInt64(14_695_981_039_346_656_037)) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }
            }
            found.append("\(index) \(message.stamp.frame) \(message.stamp.presentation) \(hash)")
        }
        return found
    }
}

extension Tool {
    /// Bytes of a file of the folder, finished or not.
    fileprivate func written(_ name: String) -> Int {
        (try? FileManager.default.attributesOfItem(atPath: path(of: name))[.size] as? Int) ?? 0
    }

    /// Waits until a run of that name answers.
    fileprivate func waitForRun(_ name: String) -> Bool {
        waitUntil { (try? ask("status", name).status) == 0 }
    }
}
