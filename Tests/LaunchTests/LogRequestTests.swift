import Testing

@testable import Launch

@Suite struct LogRequestTests {
    private static func log(_ folder: String, _ name: String, alive: Bool = false)
        -> LogRequest.Known
    {
        LogRequest.Known(
            folder: "/s/\(folder)", name: name, isAlive: alive, nodes: ["camera", "encoder"])
    }

    private func answer(_ words: [String], _ logs: [LogRequest.Known]) -> String {
        do {
            let request = try LogRequest(words, of: logs)
            return request.folder.dropFirst(3) + (request.node.map { " \($0)" } ?? "")
        } catch { return "\(error)" }
    }

    /// The newest first; nothing lives.
    private static let over = [log("3", "demo"), log("2", "live"), log("1", "demo")]
    private static let one = [log("4", "late"), log("3", "demo", alive: true), log("2", "live")]
    private static let two = [
        log("3", "demo", alive: true), log("2", "live", alive: true), log("1", "camera"),
    ]

    @Test(arguments: [
        ([], over, "3"), (["live"], over, "2"), (["demo"], over, "3"), (["1"], over, "1"),
        (["/s/1"], over, "1"), (["live", "encoder"], over, "2 encoder"),
        (["encoder"], over, "3 encoder"),
        (["-"], over, "3"), (["-", "camera"], over, "3 camera"),
        ([], one, "3"), (["camera"], one, "3 camera"), (["late"], one, "4"),
        (["demo", "camera"], two, "3 camera"),
        // A run's name goes before a node's.
        (["camera"], two, "1"),
    ])
    func `a run and a node are understood`(words: [String], logs: [LogRequest.Known], found: String)
    {
        #expect(answer(words, logs) == found)
    }

    @Test(arguments: [
        ([], [], "there is no log: no graph has run ('personalive run FILE' starts one)"),
        ([], two, "2 graphs run: demo, live; say which one is meant by its name"),
        (["encoder"], two, "2 graphs run: demo, live; say which one is meant by its name"),
        (["-", "camera"], two, "2 graphs run: demo, live; say which one is meant by its name"),
        (
            ["x"], over,
            "'x' is neither a run that has a log (demo, live) nor a node of 'demo' (camera, encoder)"
        ),
        (["x", "camera"], over, "there is no log of a run 'x'; there are those of: demo, live"),
        (
            ["live", "x"], over,
            "run 'live' has no lines of a node 'x'; there are those of: camera, encoder"
        ),
    ])
    func `what could mean several logs, or none, is refused`(
        words: [String], logs: [LogRequest.Known], reason: String
    ) {
        #expect(answer(words, logs) == reason)
    }
}
