import BuiltinNodes
import Dataflow
import NodeKit
import Testing

/// Ages of a live graph are counted to its very ends, through packets as through frames.
@Suite struct OutputAgeTests {
    private func graph(_ sink: String) throws -> CheckedGraph {
        let check = GraphFile.check(
            text: """
                mode: live
                nodes:
                  camera: { use: camera, with: { device: "lavfi:testsrc", rate: 25 } }
                  encoder: { use: live-encoder, takes: 5ms, in: { frame: camera.frame } }
                  sink: { \(sink), takes: 3ms }
                """,
            registry: NodeRegistry(BuiltinKinds.specs))
        return try #require(check.graph, "\(check.text)")
    }

    @Test(arguments: ["stream-out, with: { url: film.ts }", "hls-out"])
    func `a consumer of packets is an end whose age is known`(kind: String) throws {
        let plan = AgePlan(try graph("use: \(kind), in: { packet: encoder.packet }"))

        #expect(plan.path.map(\.node) == ["camera", "encoder", "sink"])
        #expect(plan.unknown.isEmpty)
        // 40 ms of the camera, 5 and 3 of the nodes, 1 for each way.
        #expect(plan.idleAge == .milliseconds(50), "\(plan.text)")
    }

    @Test(arguments: ["mjpeg-out", "virtual-camera", "preview"])
    func `a consumer of frames is one, too`(kind: String) throws {
        let plan = AgePlan(try graph("use: \(kind), in: { frame: camera.frame }"))

        #expect(plan.paths.map { $0.map(\.node) }.contains(["camera", "sink"]))
        #expect(plan.unknown.isEmpty)
    }

    @Test func `a packet's consumer in another process may not hold the graph up`() throws {
        for kind in ["stream-out, with: { url: film.ts }", "hls-out"] {
            let edges = try graph("use: \(kind), in: { packet: encoder.packet }").edges
            let last = try #require(edges.last)
            #expect(last.keep == .newest)
            #expect(last.window == 50)
        }
    }
}
