import Dataflow
import NodeKit
import Testing

/// Ports that a setting makes another: the checker judges them as the settings have them.
@Suite struct PortCaseTests {
    private static let variant = Setting(
        "variant", String.self, type: .choice(["sd", "flux2"]), default: "sd")
    private static let latent = Port("latent", Float.self, "n 4 h w", meaning: "latent/sd1")
        .when(variant, is: "flux2", "n 32 h w", meaning: "latent/flux2")
    private static let registry = NodeRegistry([
        NodeSpec("encoder", "Makes latents.", outputs: [latent], settings: [variant]),
        NodeSpec("decoder", "Takes latents.", inputs: [latent], settings: [variant]),
    ])

    private static func check(_ from: String, _ to: String) -> GraphFile.Check {
        GraphFile.check(
            text: """
                nodes:
                  a:
                    use: encoder\(from.isEmpty ? "" : "\n    with: { variant: \(from) }")
                  b:
                    use: decoder
                    in: { latent: a.latent }\(to.isEmpty ? "" : "\n    with: { variant: \(to) }")
                """, name: "live.yaml", overrides: [], registry: registry)
    }

    @Test(arguments: [("", ""), ("sd", ""), ("", "sd"), ("flux2", "flux2")])
    func `nodes of one variant meet`(from: String, to: String) {
        #expect(Self.check(from, to).text.isEmpty)
    }

    @Test func `the edge of a graph has the axes of its variant`() throws {
        let graph = try #require(Self.check("flux2", "flux2").graph)

        #expect(graph.edges[0].extents == [nil, 32, nil, nil])
        #expect(graph.edges[0].typeText.hasSuffix("latent/flux2"))
        #expect(graph.node("a")?.spec.outputs[0].meaning == "latent/flux2")
    }

    @Test func `nodes of two variants do not meet, and both ends and settings are shown`() {
        let found = Self.check("flux2", "").diagnostics

        #expect(found.map(\.code) == ["meanings-differ"])
        #expect(found.first?.hint == "'variant: flux2' under 'with:' of 'b' would let them meet")
        #expect(
            found.first?.notes.map(\.text) == [
                "output 'a.latent' is f32 [n 32 h w] latent/flux2",
                "'variant' of node 'a' is 'flux2' here",
                "input 'b.latent' is f32 [n 4 h w] latent/sd1",
                "'variant' of node 'b' is 'sd' unless 'with:' says otherwise",
            ])
    }

    @Test func `a variant that does not exist is one fault, not two`() {
        #expect(Self.check("flux3", "flux2").diagnostics.map(\.code) == ["not-a-choice"])
    }

    @Test func `all cases of a port are listed`() {
        let text = NodeListing([Self.registry["decoder"]!]).details

        #expect(text.contains("f32 [n 4 h w] latent/sd1"))
        #expect(text.contains("with variant: flux2, f32 [n 32 h w] latent/flux2"))
    }
}
