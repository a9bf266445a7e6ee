import Launch
import Testing
import Wire

@Suite struct RunSnapshotTests {
    private func frames(_ numbers: Range<UInt64>) -> FrameSet {
        var set = FrameSet()
        numbers.forEach { set.insert($0) }
        return set
    }

    /// A camera that sent ten frames, of which the sink got all but three.
    private func snapshot(dropped: Range<UInt64>, passedOver: Range<UInt64> = 10..<10) -> RunSnapshot {
        var camera = NodeReport()
        camera.emitted = frames(0..<10)
        camera.emittedCount = 10
        camera.outputs = [
            .init(port: "frame", consumer: "sink", keep: "newest", dropped: frames(dropped))
        ]
        if !passedOver.isEmpty { camera.dropped = [.init(reason: "stale", frames: frames(passedOver))] }
        var sink = NodeReport()
        sink.delivered = frames(0..<4).union(frames(7..<10))
        sink.deliveredCount = 7
        sink.age.add(nanoseconds: 5_000_000)
        return RunSnapshot(
            seconds: 2,
            nodes: [
                .init(name: "camera", kind: "camera", isSource: true, isSink: false, report: camera),
                .init(name: "sink", kind: "test-sink", isSource: false, isSink: true, report: sink),
            ])
    }

    @Test func `frames in are frames out and frames dropped`() {
        let run = snapshot(dropped: 4..<7)

        #expect(run.framesIn == 10)
        #expect(run.framesOut == 7)
        #expect(run.lost == 3)
        #expect(run.unaccounted.isEmpty)
        #expect(run.losses.first?.place == "camera.frame → sink")
    }

    @Test func `frames that the source passes over itself came in, too`() {
        let run = snapshot(dropped: 4..<7, passedOver: 10..<13)

        #expect(run.framesIn == 13)
        #expect(run.lost == 6)
        #expect(run.unaccounted.isEmpty)
    }

    @Test func `a frame that nobody says to have dropped is named`() {
        let run = snapshot(dropped: 4..<6)

        #expect(run.unaccounted.text == "6")
        #expect(run.summary(stopped: false).contains("UNACCOUNTED for: 1 frames: 6"))
    }

    @Test func `the summary gives balance, speed and the age's two ends`() {
        let text = snapshot(dropped: 4..<7).summary(stopped: false)

        #expect(text.contains("10 frames in = 7 out + 3 dropped · 2.0 s, 3.5 fps"))
        #expect(text.contains("age camera captured → sink done: p50 5.00 ms"))
        #expect(text.contains("superseded (keep: newest)): 4-6"))
    }

    @Test func `a failure says who, how and what to do`() {
        let failure = NodeFailure(
            node: "decoder", kind: "vae-decoder", reason: nil, status: -9, log: ["loading"])

        #expect(failure.description.contains("node 'decoder' (vae-decoder) failed: signal 9 (SIGKILL)"))
        #expect(failure.description.contains("    loading"))
        #expect(failure.description.contains("memory"))
    }
}
