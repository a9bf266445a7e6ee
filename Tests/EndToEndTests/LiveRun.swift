import Foundation
import Glibc
import Testing

/// A live graph over real processes whose outputs are looked at while it runs.
final class LiveRun {
    let tool: Tool

    /// - Parameters:
    ///   - sinks: lines of `nodes:` beside a camera and an encoder of its pictures.
    ///   - environment: what its processes get besides the test's own.
    init(_ sinks: String, environment: [String: String] = [:]) throws {
        tool = try Tool(
            "run",
            graph: """
                mode: live
                nodes:
                  camera: { use: camera, with: { device: "lavfi:testsrc=size=256x256:rate=25,noise=alls=20:allf=t" } }
                  encoder: { use: live-encoder, in: { frame: { from: camera.frame, keep: all } }, with: { bitrate: 2000, preset: ultrafast } }
                \(sinks)
                """, "--json")
        tool.process.environment?.merge(environment) { $1 }
        try tool.start()
    }

    /// The sentence that a node says of itself, or nothing.
    func state(of node: String) -> String {
        let lines = ((try? tool.ask("status", "graph"))?.output ?? "").split(separator: "\n").map(
            String.init)
        guard let place = lines.firstIndex(where: { $0.contains("\(node) (") }) else { return "" }
        let next = lines[(place + 1)...].first ?? ""
        return next.hasPrefix("    ") ? next.trimmingCharacters(in: .whitespaces) : ""
    }

    /// Where a node serves: `http://127.0.0.1:40123`.
    func address(of node: String) throws -> String {
        #expect(tool.waitUntil { state(of: node).contains("http://") }, "\(tool.errorsSoFar)")
        let match = state(of: node).firstMatch(of: /http:\/\/127\.0\.0\.1:\d+/)
        return try String(#require(match).0)
    }

    /// What a viewer saw (Tests/watch_live.py).
    static func watch(_ arguments: String...) throws -> [String: Any] {
        let (status, output) = try StudioProcess.run(
            ["python3", "\(StudioProcess.repository)/Tests/watch_live.py"] + arguments)
        #expect(status == 0)
        let object = try JSONSerialization.jsonObject(with: Data(output.utf8))
        return object as? [String: Any] ?? [:]
    }

    /// Ends it as Ctrl-C does, and gives what it says of each sink.
    func stop() -> (outcome: Tool.Outcome, sinks: [String: [String: Any]]) {
        tool.process.interrupt()
        let outcome = tool.finish()
        let streams = outcome.object["streams"] as? [[String: Any]] ?? []
        return (
            outcome, Dictionary(uniqueKeysWithValues: streams.map { ($0["sink"] as! String, $0) })
        )
    }
}
