import Glibc

/// A run from its first process to its last. Pure: the supervisor performs the effects.
struct RunLife: Equatable {
    enum Stage: Equatable {
        /// Processes start and load.
        case starting
        /// All serve their outputs, and were told to connect.
        case connected
        /// Sources send; with a time, until then.
        case running(until: Int64?)
        /// Sources have stopped, and what is under way is finished; with a time, until then.
        case draining(until: Int64?)
        /// Every node closes its files and ends, until then.
        case closing(until: Int64)
        /// Every process was sent SIGKILL; those that are there after that time are left to the kernel.
        case killed(until: Int64)
    }

    enum Event: Equatable {
        case allServe
        /// All have loaded; `limit` is how long the run may take, nil for as long as it likes.
        case allReady(limit: Int64? = nil)
        /// A signal came that asks for the end.
        case interrupted(Int32)
        /// A node has failed: the others close their files.
        case failed
        case tick
        /// The supervisor was stopped for so long itself.
        case suspended(Int64)
    }

    enum Effect: Equatable {
        case connect
        case start
        case drain
        /// Tell every process to end now.
        case finish
        case kill
        case say(String)
    }

    private(set) var stage = Stage.starting
    /// Signals that asked for the end.
    private(set) var interrupts = 0
    /// When sources were told to begin; nil before.
    private(set) var startedAt: Int64?
    /// When the run is over whatever processes do; nil before a second signal.
    private(set) var deadline: Int64?

    /// After SIGTERM frames under way are finished for so long.
    private static let drainLimit: Int64 = 5_000_000_000
    /// Time that nodes get to close their files.
    private static let closeLimit: Int64 = 12_000_000_000
    /// The same after a second signal, and until the run is over whatever happens.
    private static let hurriedLimit: Int64 = 3_500_000_000
    private static let hurriedEnd: Int64 = 4_500_000_000
    /// How long the kernel, or another machine, may take to end what was killed.
    private static let killLimit: Int64 = 2_000_000_000
    private static let hurriedKillLimit: Int64 = 500_000_000

    var hasStarted: Bool { startedAt != nil }
    var isConnected: Bool { stage != .starting && (hasStarted || stage == .connected) }

    /// Whether a person or a fault has begun to end it.
    var isEnding: Bool { interrupts > 0 || isClosing }

    /// Whether its processes were told to end now.
    var isClosing: Bool {
        switch stage {
        case .closing, .killed: true
        default: false
        }
    }

    /// Whether processes that are still there are not waited for any more.
    func isAbandoned(at now: Int64) -> Bool {
        if case .killed(let until) = stage { now > until } else { false }
    }

    mutating func apply(_ event: Event, at now: Int64) -> [Effect] {
        switch event {
        case .allServe:
            guard stage == .starting else { return [] }
            stage = .connected
            return [.connect]
        case .allReady(let limit):
            guard stage == .connected else { return [] }
            (stage, startedAt) = (.running(until: limit.map { now + $0 }), now)
            return [.start]
        case .interrupted(let signal): return interrupt(signal, now)
        case .failed: return close(now, within: Self.closeLimit)
        case .tick: return tick(now)
        case .suspended(let gap):
            forgive(gap)
            return []
        }
    }

    private mutating func interrupt(_ signal: Int32, _ now: Int64) -> [Effect] {
        interrupts += 1
        switch interrupts {
        case 1:
            let isPatient = signal == SIGINT
            let words: [Effect] =
                isPatient
                ? [.say("stopping: finishing the frames under way (Ctrl-C again: close files now)")]
                : []
            switch stage {
            // Nodes that have not begun would wait for ever.
            case .starting, .connected: return words + close(now, within: Self.closeLimit)
            case .running, .draining:
                stage = .draining(until: isPatient ? nil : now + Self.drainLimit)
                return words + [.drain]
            case .closing, .killed: return words
            }
        case 2:
            deadline = now + Self.hurriedEnd
            return [.say("closing files now (Ctrl-C again: kill)")]
                + close(now, within: Self.hurriedLimit)
        default: return kill(now)
        }
    }

    /// Files are closed; where they are being closed already, by the earlier of the two times.
    private mutating func close(_ now: Int64, within limit: Int64) -> [Effect] {
        switch stage {
        case .killed: return []
        case .closing(let until):
            stage = .closing(until: min(until, now + limit))
            return []
        default:
            stage = .closing(until: now + limit)
            return [.finish]
        }
    }

    private mutating func kill(_ now: Int64) -> [Effect] {
        if case .killed = stage { return [] }
        stage = .killed(until: now + (deadline == nil ? Self.killLimit : Self.hurriedKillLimit))
        return [.kill]
    }

    private mutating func tick(_ now: Int64) -> [Effect] {
        switch stage {
        case .running(let until?) where now > until, .draining(let until?) where now > until:
            close(now, within: Self.closeLimit)
        case .closing(let until) where now > until: kill(now)
        default: []
        }
    }

    /// Processes could not do anything meanwhile either.
    private mutating func forgive(_ gap: Int64) {
        switch stage {
        case .running(let until): stage = .running(until: until.map { $0 + gap })
        case .draining(let until): stage = .draining(until: until.map { $0 + gap })
        case .closing(let until): stage = .closing(until: until + gap)
        case .killed(let until): stage = .killed(until: until + gap)
        case .starting, .connected: break
        }
        deadline = deadline.map { $0 + gap }
    }
}
