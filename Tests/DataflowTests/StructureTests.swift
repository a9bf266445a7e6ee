import Dataflow
import NodeKit
import Testing

/// Axes, cycles, windows: what only the whole graph shows.
@Suite struct StructureTests {
    private let cameras = """
        nodes:
          a: { use: video-file, with: { path: /dev/null } }

        """

    @Test func `axes of different multiples cannot meet`() throws {
        let text = TestKinds.demo
            .replacing("use: denoiser", with: "use: denoiser\n    with: { h: 60 }")
            .replacing("/tmp/portrait.mp4", with: "/tmp/portrait.mp4, h: 500")

        let check = TestKinds.check(text)
        let fault = try #require(check.diagnostics.first)
        #expect(check.diagnostics.map(\.code) == ["axes-differ"])
        #expect(
            fault.message == "'decoder.frame' and 'encoder.frame' cannot meet: on axis 2, "
                + "8h = 480 is sent, h = 500 is needed")
        #expect(fault.notes.map(\.place.line) == [21, 24, 18, 26])
    }

    @Test func `an extent that a factor does not divide is refused`() throws {
        let text = TestKinds.demo.replacing("/tmp/portrait.mp4", with: "/tmp/portrait.mp4, h: 500")

        let fault = try #require(TestKinds.check(text).diagnostics.first)
        #expect(fault.code == "axes-differ")
        #expect(fault.message.hasSuffix("500 meets '8h' and 'h', but 500 is not a multiple of 8"))
    }

    @Test func `multiples of one axis must be the same multiple`() {
        let text =
            cameras + """
                  twice: { use: side-by-side, in: { left: a.frame, right: a.frame } }
                  both: { use: side-by-side, in: { left: a.frame, right: twice.frame } }
                  end: { use: video-encoder, in: { frame: both.frame }, with: { path: /tmp/a.mp4 } }
                """

        #expect(TestKinds.codes(text) == ["axes-differ"])
        #expect(TestKinds.check(text).text.contains("'2w' meets 'w'"))
    }

    @Test func `a port with other axes is refused`() {
        let text =
            cameras + """
                  depth: { use: depth, in: { frame: a.frame } }
                  grey: { use: grey, in: { depth: depth.depth } }
                """

        #expect(TestKinds.codes(text) == ["axis-counts-differ"])
        #expect(TestKinds.check(text).text.contains("3 axes are sent, 4 are needed"))
    }

    @Test func `a chain of factors ends where numbers do`() {
        var text = cameras
        var last = "a"
        for index in 0..<70 {
            text += "  s\(index): { use: side-by-side, in: { left: \(last).frame, "
            text += "right: \(last).frame } }\n"
            last = "s\(index)"
        }

        #expect(TestKinds.codes(text).contains("axes-differ"))
    }

    @Test func `each cycle is named once, with its path`() throws {
        let text = """
            nodes:
              a: { use: blur, in: { frame: c.frame } }
              b: { use: blur, in: { frame: a.frame } }
              c: { use: blur, in: { frame: b.frame } }
              d: { use: blur, in: { frame: e.frame } }
              e: { use: blur, in: { frame: d.frame } }
              f: { use: blur, in: { frame: e.frame } }
            """

        let check = TestKinds.check(text)
        #expect(check.diagnostics.map(\.code) == ["cycle", "cycle", "dead-end"])
        let messages = check.diagnostics.map(\.message)
        #expect(messages[0].hasSuffix("a → b → c → a"))
        #expect(messages[1].hasSuffix("d → e → d"))
    }

    @Test func `nodes are sorted whatever the order of the file`() throws {
        let text = """
            nodes:
              end: { use: video-encoder, in: { frame: blur.frame }, with: { path: /tmp/a.mp4 } }
              blur: { use: blur, in: { frame: a.frame } }
              a: { use: video-file, with: { path: /dev/null } }
            """

        #expect(TestKinds.check(text).graph?.nodes.map(\.name) == ["a", "blur", "end"])
    }

    private func comparison(_ left: String) -> String {
        TestKinds.demo.replacing(
            "  encoder:",
            with: """
                  both:
                    use: side-by-side
                    in: { left: \(left), right: decoder.frame }
                  encoder:
                """.replacing("                  ", with: "  ")
        ).replacing("frame: decoder.frame, audio", with: "frame: both.frame, audio")
    }

    @Test func `an edge around a node that holds frames is wide enough for them`() throws {
        let graph = try #require(TestKinds.check(comparison("camera.frame")).graph)

        let edges = graph.edges(into: "both")
        #expect(edges.map(\.window) == [17, 2])
        #expect(graph.edges(into: "denoiser").map(\.window) == [2, 2, 2])
    }

    @Test func `a window that would stop the graph is refused, and says why`() throws {
        let check = TestKinds.check(comparison("{ from: camera.frame, window: 16 }"))

        let fault = try #require(check.diagnostics.first)
        #expect(fault.code == "window-too-small")
        #expect(fault.message.contains("'denoiser' holds 15 frames on the other way to 'both'"))
        #expect(fault.hint == "write 'window: 17', or leave it out")
    }
}
