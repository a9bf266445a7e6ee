import Foundation
import Testing

/// Pages of a weights file are in memory once, however many processes of the machine read it.
@Suite struct MappedWeightsTests {
    private static let graph = """
        nodes:
          camera: { use: camera, with: { device: "lavfi:testsrc=size=64x64:rate=25" } }
          one:
            use: tiny-encoder
            in: { frame: { from: camera.frame, keep: newest } }
            with: { model: small, weights: FOLDER/both.safetensors }
          two:
            use: tiny-encoder
            in: { frame: { from: camera.frame, keep: newest } }
            with: { model: small, weights: FOLDER/both.safetensors }
          alone:
            use: tiny-encoder
            in: { frame: { from: camera.frame, keep: newest } }
            with: { model: small, weights: FOLDER/own.safetensors }
          first: { use: record, in: { latent: one.latent }, with: { path: FOLDER/first.rec } }
          second: { use: record, in: { latent: two.latent }, with: { path: FOLDER/second.rec } }
          third: { use: record, in: { latent: alone.latent }, with: { path: FOLDER/third.rec } }
        """

    /// Kilobytes of a process's pages of a file, by the kernel's names: `Rss`, `Shared_Clean`, ….
    private func pages(of file: String, in process: Int32?) throws -> [String: Int] {
        let pid = try #require(process)
        let handle = try #require(FileHandle(forReadingAtPath: "/proc/\(pid)/smaps"))
        let text = String(decoding: handle.readAll(), as: UTF8.self)
        var pages: [String: Int] = [:]
        var isOfFile = false
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            if words.count > 1, words[0].hasSuffix(":") {
                guard isOfFile, let size = Int(words[1]) else { continue }
                pages[String(words[0].dropLast()), default: 0] += size
            } else {
                isOfFile = line.hasSuffix(file)
            }
        }
        return pages
    }

    @Test func `two nodes of one file share its pages, and keep no copy of them`() throws {
        let tool = try Tool("run", graph: Self.graph, "-q")
        // F32, as networks compute: what a file keeps as halves is copied, and its pages are given up.
        let made = try tool.ask(
            "models", "synthesize", tool.folder, "--network", "taesd", "--model", "small", "--dtype", "f32")
        #expect(made.status == 0, "\(made.errors)")
        for name in ["both", "own"] {
            try FileManager.default.copyItem(
                atPath: "\(tool.folder)/taesd.safetensors", toPath: "\(tool.folder)/\(name).safetensors")
        }
        try tool.start()
        let havePassed = ["first", "second", "third"].allSatisfy {
            tool.waitForFile("\($0).rec", bytes: 1000)
        }

        let seen = Result {
            try ["one", "two", "alone"].map { node in
                try pages(
                    of: node == "alone" ? "/own.safetensors" : "/both.safetensors", in: tool.nodes[node])
            }
        }
        tool.process.interrupt()
        _ = tool.finish()

        #expect(havePassed)
        let found = try seen.get()
        for pages in found { #expect(pages["Rss"] ?? 0 > 100, "\(pages)") }
        // Dirty is what the disk does not have yet of the file that was just made.
        func sum(_ pages: [String: Int], _ kind: String) -> Int {
            (pages["\(kind)_Clean"] ?? 0) + (pages["\(kind)_Dirty"] ?? 0)
        }
        for shared in found[..<2] {
            // With each page that a process reads the kernel maps up to fifteen around it, as it has them at
            // hand: of these the other process may have less.
            #expect(2 * sum(shared, "Shared") > shared["Rss"]!, "\(shared)")
            #expect(shared["Anonymous"] == 0, "a copy: \(shared)")
        }
        // One process alone shares none: the measurement tells the difference.
        #expect(sum(found[2], "Private") == found[2]["Rss"], "\(found[2])")
    }
}
