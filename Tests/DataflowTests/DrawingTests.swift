import Dataflow
import NodeKit
import Testing

@Suite struct DrawingTests {
    private func drawing(_ text: String = TestKinds.demo) throws -> GraphDrawing {
        GraphDrawing(try #require(TestKinds.check(text).graph))
    }

    @Test func `the list shows what flows into each node`() throws {
        let text = try drawing().text

        #expect(
            text.hasSuffix(
                """
                decoder (vae-decoder)
                  latent ← denoiser.latent  f32 [1 4 h w] latent/sd1, keep all, window 2
                encoder (video-encoder)
                  frame ← decoder.frame  u8 [1 8h 8w 3] rgb, keep all, window 2
                  audio ← camera.audio   u8 [bytes] audio-packet, keep all, window 2

                """))
    }

    @Test func `Mermaid gets one box a node and one arrow an edge`() throws {
        let lines = try drawing().mermaid.split(separator: "\n")

        #expect(lines[0] == "flowchart LR")
        #expect(lines.count { $0.contains("[\"<b>") } == 7)
        #expect(lines.count { $0.contains("-->") } == 10)
        #expect(
            lines.contains(
                "  n4 -->|\"latent<br/>f32 [1 4 h w] latent/sd1<br/>keep all\"| n5"))
    }

    @Test func `machines are frames around their nodes`() throws {
        let text = TestKinds.demo
            .replacing("nodes:", with: "machines: { gpu: { ssh: 'a\"b' } }\nnodes:")
            .replacing("use: vae-decoder", with: "use: vae-decoder\n    machine: gpu")

        #expect(try drawing(text).mermaid.contains("subgraph m1[\"gpu: ssh a#quot;b\"]"))
        #expect(try drawing(text).dot.contains("subgraph cluster_1 { label=\"gpu: ssh a\\\"b\";"))
        #expect(try drawing(text).text.contains("decoder (vae-decoder) on gpu\n"))
    }

    @Test func `a kind is told with types, ranges, units and defaults`() throws {
        let spec = try #require(TestKinds.registry["video-file"])

        #expect(
            NodeListing([spec]).details == """
                video-file: Reads a video.

                outputs
                  frame  u8 [1 h w 3] rgb
                  audio  u8 [bytes] audio-packet

                settings
                  path   a file that exists; required
                         the video
                  count  a whole number from 1 to 100000; optional
                  speed  a number from 0.1 to 10 (fps); default 1
                         how fast
                  loop   true or false; default false

                """)
    }

    @Test func `kinds are listed by their summaries`() {
        #expect(
            NodeListing(TestKinds.registry.specs).summary.contains("blur                Blurs.\n"))
        #expect(TestKinds.registry.nearest(to: "vae-decodr") == "vae-decoder")
    }
}
