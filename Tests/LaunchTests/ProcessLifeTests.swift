import Testing

@testable import Launch

/// Every state of a process against every event.
@Suite struct ProcessLifeTests {
    private typealias Life = ProcessLife
    private static let second: Int64 = 1_000_000_000

    /// One of each state, as it is come to.
    private enum Stage: CaseIterable {
        case starting, loading, ready, done, retired, failing, killed, killedWhenDone, exited
        case exitedWhenDone, crashed, completed, handedOver, lost

        /// What leads there, each at a second.
        var events: [(Int64, Life.Event)] {
            switch self {
            case .starting: []
            case .loading: [(100, .hello([.recovers, .rewires]))]
            case .ready: Stage.loading.events + [(100, .loaded)]
            case .done: Stage.ready.events + [(100, .final(.done))]
            case .retired: Stage.ready.events + [(100, .told(.retire)), (100, .final(.retired))]
            case .failing: Stage.ready.events + [(100, .failed("no disk"))]
            case .killed: Stage.ready.events + [(100, .flooded(most: 5))]
            case .killedWhenDone: Stage.done.events + [(111, .tick())]
            case .exited: Stage.ready.events + [(100, .exited(0))]
            case .exitedWhenDone: Stage.done.events + [(100, .exited(0))]
            case .crashed: Stage.ready.events + [(100, .exited(-11))]
            case .completed: Stage.exitedWhenDone.events + [(100, .tick(hasEndedOutput: true))]
            case .handedOver:
                Stage.retired.events + [(100, .exited(0)), (100, .tick(hasEndedOutput: true))]
            case .lost: Stage.crashed.events + [(100, .tick(hasEndedOutput: true))]
            }
        }

        var life: Life {
            var life = Life(at: 100 * second)
            for (time, event) in events { _ = life.apply(event, at: time * second) }
            return life
        }
    }

    @Test func `each state is come to by the events that lead there`() {
        let flood =
            "it sent more than 5 control messages in a second: a report four times a second is enough"
        let states: [(Stage, Life.State)] = [
            (.starting, .starting), (.loading, .loading), (.ready, .ready),
            (.done, .finished(.done)),
            (.retired, .finished(.retired)), (.failing, .failing), (.killed, .killed(nil)),
            (.killedWhenDone, .killed(.done)), (.exited, .exited(0, nil)),
            (.exitedWhenDone, .exited(0, .done)), (.crashed, .exited(-11, nil)),
            (.completed, .over(.completed)), (.handedOver, .over(.handedOver)),
            (.lost, .over(.failed(status: -11, nil))),
        ]

        #expect(states.map(\.0) == Stage.allCases)
        for (stage, state) in states { #expect(stage.life.state == state, "\(stage)") }
        #expect(Stage.killed.life.fault == .violated(flood))
    }

    /// What follows from an event in each state: the next state, where it is another, and the effects.
    private func check(
        _ event: Life.Event, at time: Int64 = 100, _ rows: [Stage: (Life.State?, [Life.Effect])],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for stage in Stage.allCases {
            var life = stage.life
            let before = life.state
            let effects = life.apply(event, at: time * Self.second)
            let (state, wanted) = rows[stage] ?? (nil, [])
            #expect(life.state == state ?? before, "\(stage)", sourceLocation: sourceLocation)
            #expect(effects == wanted, "\(stage)", sourceLocation: sourceLocation)
        }
    }

    @Test func `a hello begins the loading, a second one is another process in its name`() {
        check(
            .hello([]),
            [
                .starting: (.loading, [.configure]), .loading: (.failing, [.blame]),
                .ready: (.failing, [.blame]),
            ])
    }

    @Test func `ready counts once, and after a hello`() {
        check(.loaded, [.starting: (.failing, [.blame]), .loading: (.ready, [.noteLoaded])])
    }

    @Test func `done before it has loaded is a fault, and at its exit it may come late`() {
        check(
            .final(.done),
            [
                .starting: (.failing, [.blame]), .loading: (.failing, [.blame]),
                .ready: (.finished(.done), [.noteFinal(.done)]),
                .failing: (.finished(.done), [.noteFinal(.done)]),
                .killed: (.killed(.done), [.noteFinal(.done)]),
                .exited: (.exited(0, .done), [.noteFinal(.done)]),
                .crashed: (.exited(-11, .done), [.noteFinal(.done)]),
            ])
    }

    @Test func `one that was told to end may be done before it has loaded`() {
        for stage in [Stage.starting, .loading] {
            var life = stage.life
            _ = life.apply(.told(.finish), at: 100 * Self.second)

            #expect(life.apply(.final(.done), at: 100 * Self.second) == [.noteFinal(.done)])
            #expect(life.apply(.exited(0), at: 100 * Self.second) == [])
            #expect(
                life.apply(.tick(hasEndedOutput: true), at: 100 * Self.second) == [
                    .judge(.completed)
                ])
        }
    }

    @Test(arguments: [ProcessLife.Event.failed("no disk"), .violated("noise")])
    func `what gives up or breaks the protocol is blamed as long as anything comes of it`(
        event: ProcessLife.Event
    ) {
        check(
            event,
            [
                .starting: (.failing, [.blame]), .loading: (.failing, [.blame]),
                .ready: (.failing, [.blame]), .done: (nil, [.blame]), .retired: (nil, [.blame]),
                .failing: (nil, [.blame]), .killed: (nil, [.blame]),
                .killedWhenDone: (nil, [.blame]),
                .exited: (nil, [.blame]), .exitedWhenDone: (nil, [.blame]),
                .crashed: (nil, [.blame]), .completed: (nil, [.blame]),
                .handedOver: (nil, [.blame]), .lost: (nil, [.blame]),
            ])
    }

    @Test func `the first fault is the one that counts`() {
        var life = Stage.ready.life
        _ = life.apply(.violated("noise"), at: 0)
        _ = life.apply(.failed("later"), at: 0)
        #expect(life.fault == .violated("noise"))
    }

    @Test func `a neighbour can be blamed, another node cannot`() {
        var life = Stage.ready.life
        let near: Life.Event = .failed("a shape", culprit: "camera", neighbours: ["camera"])
        #expect(life.apply(near, at: 0) == [.accuse("camera", reason: "a shape")])
        #expect(life.state == .ready)

        let far: Life.Event = .failed("a shape", culprit: "film", neighbours: ["camera"])
        #expect(life.apply(far, at: 0) == [.blame])
        #expect(life.fault == .gaveUp("a shape (it blames 'film', which is no neighbour of it)"))
    }

    @Test func `too many messages end a process at once, and are named once`() {
        check(
            .flooded(most: 5),
            [
                .starting: (.killed(nil), [.blame, .kill]),
                .loading: (.killed(nil), [.blame, .kill]),
                .ready: (.killed(nil), [.blame, .kill]), .done: (.killed(.done), [.blame, .kill]),
                .retired: (.killed(.retired), [.blame, .kill]),
                .killedWhenDone: (nil, [.blame]), .exited: (nil, [.blame]),
                .exitedWhenDone: (nil, [.blame]), .crashed: (nil, [.blame]),
                .completed: (nil, [.blame]), .handedOver: (nil, [.blame]), .lost: (nil, [.blame]),
            ])
    }

    @Test func `a crash is judged at once, an exit in good order when its last messages had time`()
    {
        check(
            .exited(-11),
            [
                .starting: (.exited(-11, nil), [.judge(.failed(status: -11, nil))]),
                .loading: (.exited(-11, nil), [.judge(.failed(status: -11, nil))]),
                .ready: (.exited(-11, nil), [.judge(.failed(status: -11, nil))]),
                .done: (.exited(-11, .done), [.judge(.failed(status: -11, nil))]),
                .retired: (.exited(-11, .retired), [.judge(.failed(status: -11, nil))]),
                .failing: (
                    .exited(-11, nil), [.judge(.failed(status: -11, .gaveUp("no disk")))]
                ),
                .killed: (
                    .exited(-11, nil), [.judge(.failed(status: -11, Stage.killed.life.fault))]
                ),
                // It was ended for not exiting: what it had done is done.
                .killedWhenDone: (.exited(0, .done), []),
            ])
        check(
            .exited(0),
            [
                .starting: (.exited(0, nil), []), .loading: (.exited(0, nil), []),
                .ready: (.exited(0, nil), []), .done: (.exited(0, .done), []),
                .retired: (.exited(0, .retired), []), .failing: (.exited(0, nil), []),
                .killed: (.exited(0, nil), []), .killedWhenDone: (.exited(0, .done), []),
            ])
    }

    @Test func `an exit is settled when all was printed and said, or after a second`() {
        check(
            .tick(hasEndedOutput: true), at: 100,
            [
                .exitedWhenDone: (.over(.completed), [.judge(.completed)]),
                .crashed: (.over(.failed(status: -11, nil)), []),
            ])
        check(
            .tick(), at: 102,
            [
                .exited: (.over(.failed(status: 0, nil)), [.judge(.failed(status: 0, nil))]),
                .exitedWhenDone: (.over(.completed), [.judge(.completed)]),
                .crashed: (.over(.failed(status: -11, nil)), []),
            ])
    }

    @Test func `each wait has an end`() {
        let silent = Life.Fault.unresponsive(
            "it has not been heard of for 10.0 s: stopped, or hung")
        let lingers = "ago and has not exited: it is ended (SIGKILL)"
        // What comes first is the two seconds of one that gave up.
        check(
            .tick(), at: 103,
            [
                .failing: (.killed(nil), [.kill]),
                .exited: (.over(.failed(status: 0, nil)), [.judge(.failed(status: 0, nil))]),
                .exitedWhenDone: (.over(.completed), [.judge(.completed)]),
                .crashed: (.over(.failed(status: -11, nil)), []),
            ])
        // Then silence, and a process that is done and does not exit.
        check(
            .tick(), at: 111,
            [
                .loading: (.killed(nil), [.kill]), .ready: (.killed(nil), [.kill]),
                .done: (.killed(.done), [.warn("it sent 'done' 10.0 s \(lingers)"), .kill]),
                .retired: (
                    .killed(.retired), [.warn("it sent 'retired' 10.0 s \(lingers)"), .kill]
                ),
                .failing: (.killed(nil), [.kill]),
                .exited: (.over(.failed(status: 0, nil)), [.judge(.failed(status: 0, nil))]),
                .exitedWhenDone: (.over(.completed), [.judge(.completed)]),
                .crashed: (.over(.failed(status: -11, nil)), []),
            ])
        var life = Stage.ready.life
        _ = life.apply(.tick(), at: 111 * Self.second)
        #expect(life.fault == silent)
        // Then one that never says hello.
        life = Stage.starting.life
        #expect(life.apply(.tick(), at: 160 * Self.second) == [])
        #expect(life.apply(.tick(), at: 161 * Self.second) == [.blame])
        #expect(life.fault == .violated("it did not say hello within 60.0 s of its start"))
    }

    @Test func `only one that promised to be heard of is missed`() {
        var life = Life(at: 0)
        _ = life.apply(.hello([.retires]), at: 0)
        _ = life.apply(.loaded, at: 0)

        #expect(life.apply(.tick(), at: 1000 * Self.second) == [])
    }

    @Test func `a message is a life sign in every state`() {
        check(.heard, at: 105, [:])
        for stage in Stage.allCases {
            var life = stage.life
            _ = life.apply(.heard, at: 120 * Self.second)
            #expect(life.heardAt == 120 * Self.second)
        }
    }

    @Test func `what the supervisor could not hear is forgiven`() {
        check(.suspended(50 * Self.second), at: 150, [:])
        for stage in [Stage.loading, .ready, .done, .failing, .starting] {
            var life = stage.life
            _ = life.apply(.suspended(50 * Self.second), at: 150 * Self.second)
            #expect(life.apply(.tick(), at: 151 * Self.second) == [], "\(stage)")
        }
    }

    @Test func `a machine that is not there is waited for, and one that is silent is asked first`()
    {
        for stage in [Stage.starting, .loading, .ready, .done, .failing] {
            var life = stage.life
            #expect(life.apply(.tick(.absent), at: 500 * Self.second) == [], "\(stage)")
        }
        for (stage, isWaitedFor) in [(Stage.ready, true), (.done, false), (.starting, false)] {
            var life = stage.life
            #expect(
                life.apply(.tick(.silent), at: 500 * Self.second).isEmpty == isWaitedFor, "\(stage)"
            )
        }
        var life = Stage.starting.life
        _ = life.apply(.begun, at: 500 * Self.second)
        #expect(life.apply(.tick(), at: 559 * Self.second) == [])
        #expect(life.apply(.tick(), at: 561 * Self.second) == [.blame])
        check(.begun, [:])
    }

    @Test func `what is told to end now has the run's time, not its own`() {
        check(.told(.finish), [:])
        check(.told(.retire), [:])
        for stage in [Stage.starting, .loading, .ready, .done, .failing] {
            var life = stage.life
            _ = life.apply(.told(.finish), at: 100 * Self.second)
            #expect(life.apply(.tick(), at: 500 * Self.second) == [], "\(stage)")
        }
    }

    @Test func `a machine is to blame for a process that it lost`() {
        var life = Stage.ready.life
        #expect(
            life.apply(.exited(-1, machine: "its machine 'a' was lost"), at: 0)
                == [.judge(.failed(status: -1, .machine("its machine 'a' was lost")))])
    }
}
