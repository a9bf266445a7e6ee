import Dataflow
import NodeKit
import Testing

/// What YAML itself allows and forbids.
@Suite struct YAMLTests {
    @Test func `a syntax error has the parser's reason and its place`() throws {
        let check = TestKinds.check("nodes:\n  a: { use: blur\n  b: 3\n")

        let fault = try #require(check.diagnostics.first)
        #expect(fault.code == "yaml-syntax")
        #expect(fault.place.line == 3)
        #expect(check.text.contains("this is not YAML"))
        #expect(fault.notes.first?.place.line == 2)
    }

    @Test func `a tab in the indentation is named as such`() {
        let check = TestKinds.check("nodes:\n\ta:\n\t\tuse: blur\n")

        #expect(check.diagnostics.map(\.code) == ["yaml-syntax"])
        #expect(check.diagnostics.first?.place.line == 2)
        #expect(check.diagnostics.first?.hint == "indent with spaces, not with a tab")
    }

    @Test(arguments: ["", "\n\n", "# only a comment\n", "---\n"])
    func `a file that says nothing has no nodes`(text: String) {
        #expect(["empty-document", "no-nodes"].contains(TestKinds.codes(text).first))
    }

    @Test(arguments: ["- a\n- b\n", "just text", "42"])
    func `a document that is not a mapping is refused`(text: String) {
        #expect(TestKinds.codes(text) == ["wrong-shape"])
    }

    @Test func `a second document is refused where it starts`() {
        let check = TestKinds.check(TestKinds.demo + "\n---\nnodes: {}\n")

        #expect(check.diagnostics.map(\.code) == ["several-documents"])
        #expect(check.diagnostics.first?.place.line == 26)
    }

    @Test func `a key that is given twice shows both places`() throws {
        let text = TestKinds.demo.replacing(
            "latent: denoiser.latent", with: "latent: denoiser.latent, latent: denoiser.latent")

        let fault = try #require(TestKinds.check(text).diagnostics.first)
        #expect(fault.code == "duplicate-key")
        #expect(fault.place.column == 36)
        #expect(fault.notes.first?.place.column == 11)
    }

    @Test(arguments: ["!!str /dev/null", "!mine /dev/null", "! /dev/null"])
    func `tags are refused`(value: String) {
        let text = TestKinds.demo.replacing("path: /dev/null", with: "path: \(value)")

        #expect(TestKinds.codes(text) == ["yaml-tag"])
    }

    @Test func `anchors and aliases stand for the same value`() throws {
        let text = TestKinds.demo
            .replacing("with: { path: /dev/null }", with: "with: &files { path: /dev/null }")
            .replacing("with: { path: ${driving} }", with: "with: *files")
            .replacing("  driving: /dev/null", with: "  driving: /dev/null # unused now")

        let check = TestKinds.check(text)
        #expect(check.diagnostics.map(\.code) == ["unused-setting"])
        #expect(check.graph?.node("camera")?.values["path"] == .text("/dev/null"))
    }

    @Test func `merge keys add what a mapping does not say itself`() throws {
        let text = """
            x-video: &video { path: /dev/null, speed: 2, loop: true }
            nodes:
              camera:
                use: video-file
                with: { <<: *video, speed: 3 }
              blur: { use: blur, in: { frame: camera.frame } }
              grey: { use: depth, in: { frame: blur.frame } }
            """

        let check = TestKinds.check(text)
        #expect(check.diagnostics.map(\.code) == ["dead-end"])
        let values = try #require(check.graph?.node("camera")?.values)
        #expect(values["speed"] == .number(3))
        #expect(values["loop"] == .flag(true))
    }

    @Test func `what is wrong under an anchor is reported once`() {
        let text = """
            x-video: &video { path: /dev/null, speed: 99 }
            nodes:
              a: { use: video-file, with: { <<: *video } }
              b: { use: video-file, with: { <<: *video } }
            """

        #expect(TestKinds.codes(text) == ["out-of-range", "dead-end", "dead-end"])
    }

    @Test(arguments: [
        ("a: *nowhere", "unknown-alias"), ("a: &a { use: *a }", "recursive-alias"),
        ("a: { <<: 3, use: blur }", "cannot-merge"), ("? [x]\n  : 3", "key-is-not-text"),
    ])
    func `aliases and keys that mean nothing are refused`(text: String, code: String) {
        #expect(TestKinds.codes("nodes:\n  " + text).contains(code))
    }

    @Test func `a billion laughs end at the first line that is too long`() {
        var text = "x-a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
        for level in 1...20 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            text += "x-a\(level): &a\(level) [\(aliases)]\n"
        }

        let check = TestKinds.check(text)
        #expect(check.diagnostics.map(\.code) == ["too-many-values"])
        #expect(check.diagnostics.first?.place.line == 5)
    }

    @Test(arguments: ["[", "{ a: ", "- "])
    func `nesting has an end`(opening: String) {
        let text = "nodes:\n  " + String(repeating: opening, count: 5000)

        #expect(TestKinds.codes(text) == ["nested-too-deep"])
    }

    @Test func `aliases that nest count as deep as they are written out`() {
        var text = "x-a0: &a0 [1]\n"
        for level in 1...40 { text += "x-a\(level): &a\(level) [*a\(level - 1)]\n" }

        #expect(TestKinds.codes(text) == ["nested-too-deep"])
    }

    @Test func `bytes that are no UTF-8 are shown at their place`() {
        var bytes = Array("nodes:\n  caf".utf8)
        bytes += [0xE9, 0x3A, 0x0A]

        let check = GraphFile.check(bytes: bytes, name: "a.yaml", registry: TestKinds.registry)
        #expect(check.diagnostics.map(\.code) == ["not-utf8"])
        #expect(check.diagnostics.first?.place == SourceRange(line: 2, column: 6, length: 1))
    }

    @Test func `a byte order mark is ignored and UTF-16 refused`() {
        let marked = [0xEF, 0xBB, 0xBF] + Array(TestKinds.demo.utf8)
        let wide: [UInt8] = [0xFF, 0xFE, 0x6E, 0x00]

        let registry = TestKinds.registry
        #expect(
            GraphFile.check(bytes: marked, name: "a", registry: registry).diagnostics.isEmpty)
        #expect(
            GraphFile.check(bytes: wide, name: "a", registry: registry).diagnostics.map(\.code)
                == ["not-utf8"])
    }

    @Test func `places are right with windows line ends, wide letters and tabs`() {
        let text = "# 絵\r\nnodes:\r\n  é絵:\t{ uze: blur }\r\n"

        #expect(
            TestKinds.check(text).text.contains(
                """
                live.yaml:3:9: error: a node has no key 'uze'
                 3 |   é絵:\t{ uze: blur }
                   |       \t  ^~~ did you mean 'use'?
                """))
    }

    @Test func `control characters reach no terminal`() {
        let text = "nodes:\n  \"a\\e[31m\\n\": { use: \"\\x07\" }\n"

        let shown = TestKinds.check(text).text
        #expect(shown.unicodeScalars.allSatisfy { $0.value >= 0x20 || $0 == "\n" })
        #expect(shown.contains("a\\u{1b}[31m\\n"))
        #expect(TestKinds.codes("nodes: \u{7}") == ["yaml-syntax"])
    }

    @Test func `a long line is cut around its fault`() {
        let text =
            "nodes: { a: { use: blur, in: { frame: \(String(repeating: "x", count: 9000)).y } } }"

        let lines = TestKinds.check(text).text.split(separator: "\n")
        #expect(lines.allSatisfy { $0.count < 260 })
    }
}
