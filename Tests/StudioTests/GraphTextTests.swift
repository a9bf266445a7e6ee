import Testing

@testable import Studio

/// A node added to a graph's text, and taken out again.
@Suite struct GraphTextTests {
    private static let plain = """
        # A comment.
        settings: { a: 1 }
        mode: live

        nodes:
          source: { use: test-source }
          sink:
            use: test-sink
            in: { data: source.data }

        """

    @Test func `a node that is added and removed leaves the text as it was`() throws {
        var text = GraphText(Self.plain)

        try text.add(
            "recording", kind: "video-encoder", inputs: ["frame": "decoder.frame"],
            settings: ["path": "a \"b\".mp4"])
        let added = text.text
        try text.remove("recording")

        #expect(
            added == Self.plain + """

                  recording:
                    use: video-encoder
                    in: { frame: "decoder.frame" }
                    with: { path: "a \\"b\\".mp4" }

                """)
        #expect(text.text == Self.plain)
    }

    @Test func `what follows the nodes stays behind them, and their indentation is kept`() throws {
        var text = GraphText("nodes:\n    a:\n        use: b\n\noutputs:\n    x: a.y\n")

        try text.add("c", kind: "d", inputs: [:], settings: [:])

        #expect(
            text.text
                == "nodes:\n    a:\n        use: b\n\n    c:\n      use: d\n\noutputs:\n    x: a.y\n")
    }

    @Test func `a node that is there already, or is not there, is an error`() {
        var text = GraphText(Self.plain)

        #expect(throws: StudioError.refused("there is a node 'sink' already")) {
            try text.add("sink", kind: "a", inputs: [:], settings: [:])
        }
        #expect(throws: StudioError.self) { try text.remove("other") }
        #expect(throws: StudioError.self) {
            var none = GraphText("a: 1\n")
            try none.add("b", kind: "c", inputs: [:], settings: [:])
        }
    }
}
