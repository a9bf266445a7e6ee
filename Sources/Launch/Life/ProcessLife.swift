import Dataflow

/// One process of a node, from its start to the end of what it sends. Pure: what happens goes in, what
/// the supervisor has to do about it comes out.
struct ProcessLife: Equatable {
    /// What a process can do, as its `hello` says.
    enum Ability: Hashable {
        /// Keeps a journal, from which another process goes on, and sends something every second.
        case recovers
        /// Ends in good order for another process to go on.
        case retires
        /// Its edges can change while it runs.
        case rewires
        /// Its live settings can change while it runs.
        case sets
    }

    /// The last message of a process that ends in good order.
    enum Final: Equatable {
        /// It has done its work.
        case done
        /// It leaves the rest to another process.
        case retired
    }

    /// Why a process is at fault.
    enum Fault: Equatable {
        /// It said so itself, in `failed`.
        case gaveUp(String)
        /// It broke the protocol, or a neighbour cannot go on with it.
        case violated(String)
        /// Nothing was heard of it for too long.
        case unresponsive(String)
        /// Its machine was lost or could not start it.
        case machine(String)

        var reason: String {
            switch self {
            case .gaveUp(let text), .violated(let text), .unresponsive(let text),
                .machine(let text):
                text
            }
        }
    }

    /// How a process ended.
    enum Exit: Equatable {
        case completed
        case handedOver
        /// Without a final message, with another code than 0, or at fault.
        case failed(status: Int32, Fault?)
    }

    enum State: Equatable {
        /// Nothing has been heard of it.
        case starting
        /// It has said hello, and loads.
        case loading
        /// It has loaded.
        case ready
        /// It sent its final message, and has to exit by itself.
        case finished(Final)
        /// It is at fault: it gave up, and may still close files, or the run ends for it.
        case failing
        /// It was sent SIGKILL; a final message may have come before.
        case killed(Final?)
        /// It has exited with a status; its last messages may be under way.
        case exited(Int32, Final?)
        /// Nothing more comes of it.
        case over(Exit)
    }

    enum Event: Equatable {
        /// A message of it came, whatever it says.
        case heard
        case hello(Set<Ability>)
        case loaded
        case final(Final)
        /// It gave up; `culprit` is who it says is to blame, `neighbours` whom it can know.
        case failed(String, culprit: String? = nil, neighbours: Set<String> = [])
        /// A message that is against the protocol, or a neighbour's complaint.
        case violated(String)
        /// More messages came than are read.
        case flooded(most: Int)
        /// The supervisor told it to hand over, or to end now.
        case told(Order)
        /// It exited; `fault` is its machine's, if that is to blame.
        case exited(Int32, machine: String? = nil)
        /// Time has passed; `hasEndedOutput` says whether it can print no more.
        case tick(Reach = .here, hasEndedOutput: Bool = false)
        /// The supervisor was stopped for so long itself, so that nothing could be heard.
        case suspended(Int64)
        /// Its machine, or its process there, has just begun.
        case begun
    }

    /// Whether the process's machine can be heard.
    enum Reach: Equatable {
        case here
        /// Its machine answers late: that is looked for first.
        case silent
        /// No agent is there yet: its launcher's patience is what counts.
        case absent
    }

    /// What the supervisor told a process last, as far as it changes what is expected of it.
    enum Order: Equatable { case run, retire, finish }

    enum Effect: Equatable {
        /// Send it its configuration.
        case configure
        /// It has loaded: see who waits for that.
        case noteLoaded
        /// Tell its neighbours that it is done, or let its successor go on.
        case noteFinal(Final)
        /// It is at fault.
        case blame
        /// Another node is, as it says.
        case accuse(String, reason: String)
        /// End it and all that it started with SIGKILL.
        case kill
        case warn(String)
        /// It has exited: see what becomes of its node.
        case judge(Exit)
    }

    /// How long things may take, in nanoseconds.
    struct Limits: Equatable {
        /// Until it says hello.
        var start: Int64 = 60_000_000_000
        /// Between two messages of one that ``Ability/recovers``.
        var silence: Int64 = 10_000_000_000
        /// From `failed` to its exit: it has files to close.
        var failing: Int64 = 2_000_000_000
        /// From its final message to its exit: sockets linger, libraries are taken down.
        var exit: Int64 = 10_000_000_000
        /// From its exit to its last message.
        var lastMessages: Int64 = 1_000_000_000
    }

    let limits: Limits
    private(set) var state = State.starting
    /// When it came to its state.
    private(set) var since: Int64
    private(set) var heardAt: Int64
    /// Nil until it has said hello.
    private(set) var abilities: Set<Ability>?
    /// What it is at fault for, the first cause.
    private(set) var fault: Fault?
    private(set) var order = Order.run
    /// Whether it ever was ``State/ready``: a sink may have a file open then.
    private(set) var hasLoaded = false
    /// Whether ``Effect/judge(_:)`` has come.
    private var isJudged = false

    init(_ limits: Limits = Limits(), at now: Int64) {
        (self.limits, since, heardAt) = (limits, now, now)
    }

    func can(_ ability: Ability) -> Bool { abilities?.contains(ability) ?? false }

    var saidHello: Bool { abilities != nil }

    /// The final message that came of it, if any.
    var final: Final? {
        switch state {
        case .finished(let final): final
        case .killed(let final), .exited(_, let final): final
        case .over(.completed): .done
        case .over(.handedOver): .retired
        default: nil
        }
    }

    var hasExited: Bool {
        switch state {
        case .exited, .over: true
        default: false
        }
    }

    var isOver: Bool { if case .over = state { true } else { false } }

    /// In a word, for a person: `starting`, `loading`, `ready`, `running` or `ended`.
    func word(isRunning: Bool) -> String {
        switch state {
        case .starting: "starting"
        case .loading: "loading"
        case .exited, .over: "ended"
        default: !hasLoaded ? "loading" : isRunning ? "running" : "ready"
        }
    }

    // MARK: Events

    mutating func apply(_ event: Event, at now: Int64) -> [Effect] {
        switch event {
        case .heard: heardAt = now
        case .begun: if state == .starting { since = now }
        case .told(let order): self.order = order
        case .suspended(let gap): (since, heardAt) = (since + gap, now)
        case .hello(let abilities): return hear(abilities, now)
        case .loaded: return load(now)
        case .final(let final): return hear(final, now)
        case .failed(let reason, let culprit, let neighbours):
            return giveUp(reason, culprit, neighbours, now)
        case .violated(let reason): return blame(.violated(reason), now)
        case .flooded(let most):
            // Named once: what comes until it has exited is not read.
            guard fault == nil else { return [] }
            return blame(
                .violated(
                    "it sent more than \(most) control messages in a second: a report four times a "
                        + "second is enough"), now) + kill(now)
        case .exited(let status, let machine): return exit(status, machine, now)
        case .tick(let reach, let hasEndedOutput):
            return hasExited ? settle(hasEndedOutput, now) : wait(reach, now)
        }
        return []
    }

    private mutating func enter(_ next: State, _ now: Int64) { (state, since) = (next, now) }

    private mutating func hear(_ abilities: Set<Ability>, _ now: Int64) -> [Effect] {
        switch state {
        case .starting:
            self.abilities = abilities
            enter(.loading, now)
            return [.configure]
        case .loading, .ready:
            return blame(.violated("'hello' came twice: another process uses its name"), now)
        default: return []
        }
    }

    private mutating func load(_ now: Int64) -> [Effect] {
        switch state {
        case .starting: return blame(.violated("it sent 'ready' before 'hello'"), now)
        case .loading:
            hasLoaded = true
            enter(.ready, now)
            return [.noteLoaded]
        default: return []
        }
    }

    private mutating func hear(_ final: Final, _ now: Int64) -> [Effect] {
        switch state {
        case .starting, .loading:
            guard order == .run else { break }
            let word = final == .done ? "done" : "retired"
            return blame(.violated("it sent '\(word)' before it had loaded"), now)
        case .ready, .failing: break
        case .exited(let status, nil):
            state = .exited(status, final)
            return [.noteFinal(final)]
        // Killed for its silence it may have been done after all.
        case .killed(nil):
            state = .killed(final)
            return [.noteFinal(final)]
        case .finished, .killed, .exited, .over: return []
        }
        enter(.finished(final), now)
        return [.noteFinal(final)]
    }

    private mutating func giveUp(
        _ reason: String, _ culprit: String?, _ neighbours: Set<String>, _ now: Int64
    ) -> [Effect] {
        if let culprit, neighbours.contains(culprit) { return [.accuse(culprit, reason: reason)] }
        let rest = culprit.map { " (it blames '\($0)', which is no neighbour of it)" } ?? ""
        return blame(.gaveUp(reason + rest), now)
    }

    private mutating func blame(_ fault: Fault, _ now: Int64) -> [Effect] {
        self.fault = self.fault ?? fault
        switch state {
        case .starting, .loading, .ready: enter(.failing, now)
        // What it left undone may show only after its exit.
        case .finished, .failing, .killed, .exited, .over: break
        }
        return [.blame]
    }

    /// The supervisor ends it.
    mutating func kill(_ now: Int64) -> [Effect] {
        switch state {
        case .killed, .exited, .over: return []
        default:
            enter(.killed(final), now)
            return [.kill]
        }
    }

    private mutating func exit(_ status: Int32, _ machine: String?, _ now: Int64) -> [Effect] {
        guard !hasExited else { return [] }
        fault = fault ?? machine.map { .machine($0) }
        // It was ended because it lingered, which is said and no failure.
        let isForgiven = state == .killed(final) && final != nil && fault == nil
        enter(.exited(isForgiven ? 0 : status, final), now)
        // A crash is judged at once; an exit in good order when its last messages have had time.
        return status == 0 || isForgiven ? [] : judge()
    }

    private mutating func judge() -> [Effect] {
        guard !isJudged, case .exited(let status, let final) = state else { return [] }
        isJudged = true
        return [.judge(exit(status, final))]
    }

    private func exit(_ status: Int32, _ final: Final?) -> Exit {
        guard status == 0, fault == nil, let final else { return .failed(status: status, fault) }
        return final == .done ? .completed : .handedOver
    }

    // MARK: Time

    /// What it has not done in time. Of one that was told to end now the run has a limit of its own.
    private mutating func wait(_ reach: Reach, _ now: Int64) -> [Effect] {
        guard reach != .absent, order != .finish else { return [] }
        switch state {
        case .starting where now - since > limits.start:
            return blame(
                .violated("it did not say hello within \(Self.seconds(limits.start)) of its start"),
                now)
        case .failing where now - since > limits.failing: return kill(now)
        case .finished(let final) where now - since > limits.exit:
            let word = final == .done ? "done" : "retired"
            return [
                .warn(
                    "it sent '\(word)' \(Self.seconds(limits.exit)) ago and has not exited: it is ended (SIGKILL)"
                )
            ] + kill(now)
        case .loading, .ready:
            guard reach == .here, can(.recovers), now - heardAt > limits.silence else { return [] }
            fault = .unresponsive(
                "it has not been heard of for \(Self.seconds(limits.silence)): stopped, or hung")
            return kill(now)
        default: return []
        }
    }

    /// After its exit: last messages may come, and what it started may hold its output open for ever.
    private mutating func settle(_ hasEndedOutput: Bool, _ now: Int64) -> [Effect] {
        guard case .exited(let status, let final) = state else { return [] }
        let isComplete = hasEndedOutput && (final != nil || status != 0)
        guard isComplete || now - since > limits.lastMessages else { return [] }
        let effects = judge()
        state = .over(exit(status, final))
        return effects
    }

    private static func seconds(_ nanoseconds: Int64) -> String { "\(Double(nanoseconds) / 1e9) s" }
}
