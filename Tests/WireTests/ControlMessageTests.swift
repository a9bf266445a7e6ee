import Foundation
import NodeKit
import Testing
import Wire

/// The JSON of the control socket, which plugins in other languages rely on.
@Suite struct ControlMessageTests {
    private func json(_ message: ControlMessage) -> String {
        String(decoding: message.encoded(), as: UTF8.self)
    }

    private func read(_ text: String) -> ControlMessage? {
        Array(text.utf8).withUnsafeBytes(ControlMessage.init(decoding:))
    }

    private static let configuration = """
        {"cores":2,"inputs":[{"endpoint":"ipc:///run/camera.sock","from":"camera.frame",\
        "keep":"newest","port":"frame","window":1}],"node":"grey","outputs":[{"keep":"all",\
        "port":"grey","to":"film.frame","window":2}],"settings":{"label":"a","on":true,\
        "strength":0.5,"taps":3},"type":"configure"}
        """

    @Test(arguments: [
        "hello", "ready", "connect", "start", "drain", "finish", "hold", "go", "rewired",
    ])
    func `a message without contents is its type alone`(type: String) throws {
        let message = try #require(read("{\"type\": \"\(type)\"}"))

        #expect(json(message) == "{\"type\":\"\(type)\"}")
    }

    @Test func `a configuration is what is written down for plugins`() throws {
        let message = ControlMessage.configure(
            NodeConfiguration(
                name: "grey",
                settings: Settings(
                    [
                        "strength": .number(0.5), "taps": .integer(3), "on": .flag(true),
                        "label": .text("a"),
                    ], cores: 2),
                inputs: [
                    .init(
                        port: "frame", producer: "camera", producerPort: "frame",
                        endpoint: "ipc:///run/camera.sock", keep: .newest, window: 1)
                ],
                outputs: [
                    .init(
                        port: "grey", consumer: "film", consumerPort: "frame", keep: .all, window: 2
                    )
                ]))

        #expect(json(message) == Self.configuration)
        #expect(json(try #require(read(Self.configuration))) == Self.configuration)
    }

    @Test(arguments: [
        #"{"next":1234,"type":"held"}"#, #"{"next":9,"over":true,"type":"held"}"#,
        #"{"port":"frame~2","type":"moved"}"#, #"{"port":"frame","type":"left"}"#,
        #"{"first":40,"type":"connect"}"#, #"{"rewires":true,"type":"hello"}"#,
        #"{"sets":true,"type":"hello"}"#, #"{"edition":3,"frame":312,"type":"applied"}"#,
        #"{"edition":3,"type":"applied"}"#,
        #"{"edition":3,"settings":{"mute":"eyes","strength":0.4},"type":"set"}"#,
        #"""
        {"inputs":[{"edition":2,"endpoint":"ipc:///run/grey.sock","from":"grey.frame","keep":"all",\#
        "port":"frame","window":2}],"outputs":[{"keep":"all","port":"frame","since":40,\#
        "to":"film.frame~2","window":2},{"keep":"all","port":"frame","to":"copy.frame",\#
        "until":40,"window":2}],"type":"rewire"}
        """#,
    ])
    func `what is said when edges and settings change comes back as it was`(text: String) throws {
        #expect(json(try #require(read(text))) == text)
    }

    @Test func `a failure carries its reason, and its culprit if there is one`() {
        #expect(json(.failed("no disk")) == #"{"reason":"no disk","type":"failed"}"#)
        #expect(
            json(.failed("a bad tensor", culprit: "grey"))
                == #"{"culprit":"grey","reason":"a bad tensor","type":"failed"}"#)
        #expect(json(.warning("slow")) == #"{"text":"slow","type":"warning"}"#)
    }

    @Test func `a report may say as little as its author likes`() throws {
        guard case .done(let report)? = read(#"{"type": "done", "report": {"ticks": 3}}"#) else {
            return #expect(Bool(false), "not read")
        }

        #expect(report.ticks == 3)
        #expect(report.delivered.isEmpty)
        #expect(read(#"{"type": "done"}"#) != nil)
    }

    @Test func `a report comes back as it was`() throws {
        var report = NodeReport()
        report.ticks = 9
        report.expectedFrames = 12
        report.emittedCount = 4
        report.busy = 1.5
        for frame in [0, 1, 2, 7] as [UInt64] { report.emitted.insert(frame) }
        report.age.add(nanoseconds: 24_000_000)
        report.outputs = [.init(port: "frame", consumer: "film", keep: "all", sent: 4)]

        let text = json(.progress(report))

        // Runs 0-2 and 7: 0 frames before it and 2 more, then 4 and 0.
        #expect(text.contains(#""emitted":"AAIEAA==""#))
        #expect(
            text.contains(#""outputs":[{"credits":0,"dropped_count":0,"keep":"all","port":"frame""#)
        )
        #expect(json(try #require(read(text))) == text)
    }

    @Test(arguments: [
        #"{"type": "ready""#, #"{"type": "redy"}"#, #"{}"#, "[]", "", #"{"type": "failed"}"#,
        #"{"type": "done", "report": {"emitted": [[1]]}}"#,
        #"{"type": "done", "report": {"emitted": [[5, 1]]}}"#,
        #"{"type": "done", "report": {"emitted": [[0, 18446744073709551615]]}}"#,
        #"{"type": "done", "report": {"age": {"counts": {"1": -4}}}}"#,
        #"{"type": "configure"}"#,
    ])
    func `what cannot be true is not read`(text: String) {
        #expect(read(text) == nil)
    }

    @Test func `numbers beyond all bounds are brought within them`() {
        let text = """
            {"type": "progress", "report": {"ticks": -1, "busy_s": -1e308,
            "expected_frames": 9223372036854775807}}
            """
        guard case .progress(let report)? = read(text) else {
            return #expect(Bool(false), "not read")
        }

        #expect(report.ticks == 0)
        #expect(report.busy == 0)
        #expect(report.expectedFrames == 1 << 40)
    }
}
