import Foundation
import Models
import Testing

/// What is found of a repository's licence, and when it counts as accepted.
@Suite(.timeLimit(.minutes(2))) struct LicenceTests {
    private let folder = TemporaryFolder()

    private func licence(
        _ texts: [String: String], lists: Bool = false,
        _ revisions: PullRevisions = PullRevisions(),
        pulls: Bool = false
    ) throws -> Licence {
        var hub = HostedRepositories(texts)
        hub.lists = lists
        let hosted = hub
        let server = HubServer { hosted.answer($0) }
        defer { server.stop() }
        let weights = folder.path + "/weights"
        let there = Hub(endpoint: server.endpoint, token: nil),
            cache = HubCache(folder.path + "/hub")
        let (licences, faults) = try LicenceSearch(
            hub: there, cache: cache, folder: weights, revisions: revisions)(["a/b"])
        #expect(faults == [])
        let licence = try #require(licences.first)
        if pulls {
            let pull = Pull(hub: there, cache: cache, folder: weights, revisions: revisions)
            let files = [PublishedModel.File(repository: "a/b", path: "w.bin", target: "b/w.bin")]
            #expect(pull(files + licence.files, progress: PullProgress { _ in }) == [])
        }
        return licence
    }

    @Test func `card and text are shown with where they are`() throws {
        let licence = try licence([
            "a/b/README.md":
                "---\ntags: [x]\nlicense: mit\n---\nFor academic research only.\nElse.\n",
            "a/b/LICENSE": "\n  Apache License\n\nVersion 2.0\nTerms\nMore\n",
        ])

        #expect(licence.names == ["mit"])
        #expect(licence.texts.map(\.path) == ["LICENSE"])
        #expect(licence.texts[0].firstLines == ["Apache License", "Version 2.0", "Terms"])
        #expect(licence.texts[0].page.hasSuffix("/a/b/blob/c0ffee/LICENSE"))
        #expect(licence.remarks == ["For academic research only."])
        let lines = licence.description.split(separator: "\n")
        #expect(lines[0] == "a/b: mit by its model card, text in LICENSE")
        #expect(lines.contains("  | Apache License"))
        #expect(lines.last == "  | For academic research only.")
        #expect(!licence.isAccepted)
    }

    @Test(arguments: [
        ("license: mit", ["mit"]), ("license: 'mit'\r", ["mit"]),
        ("license: [mit, \"bsd\"]", ["mit", "bsd"]),
        ("license:\n- mit\n- other\nx: y", ["mit", "other"]),
        ("license: other\nlicense_name: my-own", ["other", "my-own"]), ("x: y", []),
        ("x:\n  license: mit", []),
    ])
    func `a model card's front matter is read in all its forms`(front: String, names: [String])
        throws
    {
        #expect(try licence(["a/b/README.md": "---\n\(front)\n---\ntext"]).names == names)
    }

    @Test(arguments: [[:], ["a/b/README.md": "no front matter"]])
    func `where there is none, that is said`(texts: [String: String]) throws {
        let licence = try licence(texts)

        #expect(licence.names == [])
        #expect(licence.description.hasPrefix("a/b: no licence found"))
    }

    @Test func `a text of any name is found where the hub lists its files`() throws {
        let licence = try licence(
            [
                "a/b/LICENSE-MODEL.txt": "terms", "a/b/sub/license": "more",
                "a/b/license_plates.onnx": "0",
                "a/b/weights.bin": "0",
            ], lists: true)

        #expect(licence.texts.map(\.path) == ["LICENSE-MODEL.txt", "sub/license"])
    }

    @Test func `a text that the card links to is found under its own name`() throws {
        let licence = try licence([
            "a/b/README.md": "---\nlicense: other\nlicense_link: terms.md\n---\n",
            "a/b/terms.md": "Terms",
        ])

        #expect(licence.texts.map(\.path) == ["terms.md"])
    }

    @Test func `a text does not speak to the terminal`() throws {
        let licence = try licence(["a/b/LICENSE": "\u{1B}[2Jfree\u{9B}31m\n"])

        #expect(
            licence.description.unicodeScalars.allSatisfy {
                $0 == "\n" || $0.value >= 32 && $0.value != 0x9B
            })
    }

    private let texts = ["a/b/LICENSE": "terms", "a/b/w.bin": "weights"]

    @Test func `texts are kept beside the weights, and asked about once`() throws {
        #expect(try !licence(texts, pulls: true).isAccepted)

        let again = try licence(texts)

        #expect(again.isAccepted)
        #expect(again.files.map(\.target) == ["licences/a--b/LICENSE"])
        #expect(folder.content("weights/licences/a--b/LICENSE") == Array("terms".utf8))
    }

    @Test func `other terms are asked about again, the same ones of another commit are not`() throws
    {
        _ = try licence(texts, pulls: true)
        var changed = texts
        changed["a/b/LICENSE"] = "other terms"

        #expect(try licence(texts, PullRevisions(isUpdate: true)).isAccepted)
        #expect(try !licence(changed, PullRevisions(isUpdate: true)).isAccepted)
    }

    @Test func `a lock without its files was accepted by somebody else`() throws {
        _ = try licence(texts, pulls: true)
        for name in ["b", "licences"] {
            try FileManager.default.removeItem(atPath: "\(folder.path)/weights/\(name)")
        }

        let licence = try licence(texts)

        #expect(!licence.isAccepted)
        #expect(licence.texts.map(\.firstLines) == [["terms"]])
    }
}
