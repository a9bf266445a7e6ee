import Glibc
import Testing

@testable import Launch

/// Every state of a run against every event.
@Suite struct RunLifeTests {
    private static let second: Int64 = 1_000_000_000

    private enum Stage: CaseIterable {
        case starting, connected, running, limited, draining, patient, closing, hurried, killed

        /// What leads there, each at a second.
        var events: [(Int64, RunLife.Event)] {
            switch self {
            case .starting: []
            case .connected: [(100, .allServe)]
            case .running: Stage.connected.events + [(100, .allReady())]
            case .limited: Stage.connected.events + [(100, .allReady(limit: 20 * second))]
            case .draining: Stage.running.events + [(100, .interrupted(SIGINT))]
            case .patient: Stage.running.events + [(100, .interrupted(SIGTERM))]
            case .closing: Stage.running.events + [(100, .failed)]
            case .hurried: Stage.draining.events + [(100, .interrupted(SIGINT))]
            case .killed: Stage.hurried.events + [(100, .interrupted(SIGINT))]
            }
        }

        var life: RunLife {
            var life = RunLife()
            for (time, event) in events { _ = life.apply(event, at: time * second) }
            return life
        }
    }

    private func at(_ seconds: Double) -> Int64 { Int64(seconds * 1e9) }

    @Test func `each stage is come to by the events that lead there`() {
        let stages: [(Stage, RunLife.Stage)] = [
            (.starting, .starting), (.connected, .connected), (.running, .running(until: nil)),
            (.limited, .running(until: at(120))), (.draining, .draining(until: nil)),
            (.patient, .draining(until: at(105))), (.closing, .closing(until: at(112))),
            (.hurried, .closing(until: at(103.5))), (.killed, .killed(until: at(100.5))),
        ]

        #expect(stages.map(\.0) == Stage.allCases)
        for (stage, wanted) in stages { #expect(stage.life.stage == wanted, "\(stage)") }
    }

    /// What follows from an event in each stage: the next, where it is another, and the effects.
    private func check(
        _ event: RunLife.Event, at time: Double = 101,
        _ rows: [Stage: (RunLife.Stage?, [RunLife.Effect])],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for stage in Stage.allCases {
            var life = stage.life
            let before = life.stage
            let effects = life.apply(event, at: at(time))
            let (next, wanted) = rows[stage] ?? (nil, [])
            #expect(life.stage == next ?? before, "\(stage)", sourceLocation: sourceLocation)
            #expect(effects == wanted, "\(stage)", sourceLocation: sourceLocation)
        }
    }

    @Test func `nodes connect when all serve and send when all have loaded, once`() {
        check(.allServe, [.starting: (.connected, [.connect])])
        check(.allReady(), [.connected: (.running(until: nil), [.start])])
    }

    @Test func `the first Ctrl-C drains what has begun and closes what has not`() {
        let words = RunLife.Effect.say(
            "stopping: finishing the frames under way (Ctrl-C again: close files now)")
        let second = RunLife.Effect.say("closing files now (Ctrl-C again: kill)")
        check(
            .interrupted(SIGINT),
            [
                .starting: (.closing(until: at(113)), [words, .finish]),
                .connected: (.closing(until: at(113)), [words, .finish]),
                .running: (.draining(until: nil), [words, .drain]),
                .limited: (.draining(until: nil), [words, .drain]),
                // These had a first one.
                .draining: (.closing(until: at(104.5)), [second, .finish]),
                .patient: (.closing(until: at(104.5)), [second, .finish]),
                .closing: (nil, [words]),
                .hurried: (.killed(until: at(101.5)), [.kill]),
            ])
    }

    @Test func `SIGTERM drains for five seconds, without a word`() {
        check(
            .interrupted(SIGTERM),
            [
                .starting: (.closing(until: at(113)), [.finish]),
                .connected: (.closing(until: at(113)), [.finish]),
                .running: (.draining(until: at(106)), [.drain]),
                .limited: (.draining(until: at(106)), [.drain]),
                .draining: (
                    .closing(until: at(104.5)),
                    [.say("closing files now (Ctrl-C again: kill)"), .finish]
                ),
                .patient: (
                    .closing(until: at(104.5)),
                    [.say("closing files now (Ctrl-C again: kill)"), .finish]
                ),
                .hurried: (.killed(until: at(101.5)), [.kill]),
            ])
    }

    @Test func `a failure closes the files of the others`() {
        check(
            .failed,
            [
                .starting: (.closing(until: at(113)), [.finish]),
                .connected: (.closing(until: at(113)), [.finish]),
                .running: (.closing(until: at(113)), [.finish]),
                .limited: (.closing(until: at(113)), [.finish]),
                .draining: (.closing(until: at(113)), [.finish]),
                .patient: (.closing(until: at(113)), [.finish]),
            ])
    }

    @Test func `each limited stage has an end, and a killed run is over whatever is left`() {
        check(
            .tick, at: 104,
            [.hurried: (.killed(until: at(104.5)), [.kill])])
        check(
            .tick, at: 121,
            [
                .limited: (.closing(until: at(133)), [.finish]),
                .patient: (.closing(until: at(133)), [.finish]),
                .closing: (.killed(until: at(123)), [.kill]),
                .hurried: (.killed(until: at(121.5)), [.kill]),
            ])
        for stage in Stage.allCases {
            #expect(stage.life.isAbandoned(at: at(500)) == (stage == .killed), "\(stage)")
        }
    }

    @Test func `five seconds after the second Ctrl-C nothing is waited for`() throws {
        var life = Stage.hurried.life
        var time = at(100)
        while !life.isAbandoned(at: time), time < at(200) {
            time += at(0.1)
            _ = life.apply(.tick, at: time)
        }

        #expect(time < at(104.5))
        #expect(try #require(life.deadline) <= at(105))
    }

    @Test func `what the supervisor slept through is forgiven`() {
        check(
            .suspended(at(60)), at: 160,
            [
                .limited: (.running(until: at(180)), []), .patient: (.draining(until: at(165)), []),
                .closing: (.closing(until: at(172)), []),
                .hurried: (.closing(until: at(163.5)), []),
                .killed: (.killed(until: at(160.5)), []),
            ])
    }

    @Test func `a run is ending from the first signal or failure on`() {
        for stage in Stage.allCases {
            #expect(
                stage.life.isEnding == ![.starting, .connected, .running, .limited].contains(stage),
                "\(stage)")
            #expect(stage.life.hasStarted == ![.starting, .connected].contains(stage), "\(stage)")
            #expect(
                stage.life.isClosing == [.closing, .hurried, .killed].contains(stage), "\(stage)")
            #expect(stage.life.isConnected == (stage != .starting), "\(stage)")
        }
    }
}
