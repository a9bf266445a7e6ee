import Foundation
import NodeKit

/// What supervisor and nodes say to each other, as JSON objects with a `type`.
package enum ControlMessage: Sendable {
    // From a node.
    /// The process runs and serves its endpoint; `recovers` when it keeps a journal, so that another
    /// one can go on where it ends, and says at least every second how it is getting on; `retires`
    /// when it keeps none but can hand over in good order; `rewires` when its edges can change; `sets`
    /// when its live settings can.
    case hello(recovers: Bool, retires: Bool = false, rewires: Bool = false, sets: Bool = false)
    /// The node has loaded.
    case ready
    /// How the node is getting on, a few times a second.
    case progress(NodeReport)
    /// Something that a person should read.
    case warning(String)
    /// The node gave up, with its reason; `culprit` is the node that it could not go on with.
    case failed(String, culprit: String? = nil)
    /// Everything is done; the process ends.
    case done(NodeReport)
    /// The process ends for its successor: what it knew is in the journal; `next` is, by input, the
    /// number of the first message that it has not used up.
    case retired(NodeReport, next: [String: UInt64] = [:])
    /// The answer to ``hold``: a source is between two messages, and all frames that it sent are lower
    /// than `next`; `isOver` when no more will come.
    case held(next: UInt64, isOver: Bool)
    /// The answer to ``rewire(inputs:outputs:)``.
    case rewired
    /// The answer to ``set(_:edition:)``: all frames from `frame` on are processed with the new values;
    /// nil where the node has seen none.
    case applied(edition: Int, frame: UInt64?)
    /// An input goes on with the edge of that name, the one before it being used up.
    case moved(edge: String)
    /// Nothing that came on an edge which has ended is needed any more.
    case left(edge: String)
    /// Where consumers on other machines find the outputs: the endpoint with its port.
    case serving(endpoint: String)
    /// The answer to a ``ping(sent:)``: when that came and when this left, by the node's clock.
    case pong(sent: Int64, received: Int64, answered: Int64)

    // From the supervisor.
    /// Load.
    case configure(NodeConfiguration)
    /// All processes serve their endpoints: connect. `next` says, by input, with which message to begin,
    /// where no journal says it. `first` is the number of the first frame of a source that joins a running
    /// graph, `epoch` the last one that a flush began.
    case connect(
        inherits: Inheritance = .all, next: [String: UInt64] = [:], first: UInt64 = 0,
        epoch: UInt32 = 0)
    /// Drop all messages of epochs before this one; a source's next message begins it.
    case flush(epoch: UInt32)
    /// All nodes have loaded: sources may begin.
    case start
    /// Sources stop; what is under way is finished.
    case drain
    /// Another process takes the node over: end after this tick, leaving all else to it. With `drains`
    /// it will not know what was sent: end when the consumers have taken it. With `finishes` it will
    /// not go on from what this one remembers: make all that there is to make first, as at the end.
    case retire(drains: Bool = false, finishes: Bool = false)
    /// The producer of an input is another process, served at another endpoint; `isFresh` when it
    /// counts its messages from 0 and holds nothing of its predecessor's.
    case reconnect(port: String, endpoint: String, isFresh: Bool)
    /// A source is to send nothing until ``release``, and to say when that is so.
    case hold
    case release
    /// The node's edges as they are to be. An output's `since` and `until` say from which frame on it
    /// is there, or not any more; an input goes on with its new edge once the old one has ended.
    case rewire(inputs: [NodeConfiguration.Input], outputs: [NodeConfiguration.Output])
    /// The node's settings, all of them, of which only live ones differ from those it has. The number
    /// of the change comes back in the answer.
    case set([String: SettingValue], edition: Int)
    /// Serve the outputs there, too, for consumers on other machines, and say where.
    case listen(endpoint: String)
    /// What is your time? `sent` is the supervisor's, nanoseconds.
    case ping(sent: Int64)
    /// What to add to the node's clock to get the run's, which is the supervisor's, and by how much
    /// that may be wrong; nanoseconds.
    case clock(offset: Int64, uncertainty: Int64)
    /// A consumer is done, or one of its edges (`encoder.frame~2`): nothing that is sent there will be
    /// heard.
    case departed(consumer: String)
    /// A consumer's process is down and the graph goes on without it: what comes for it is dropped until
    /// another one says hello. One that `isDown` has used up its restarts: at the end of the stream it is
    /// not waited for.
    case away(consumer: String, isDown: Bool = false)
    /// A producer has said that it is done: what it has not ended by now it never will.
    case finished(producer: String)
    /// Sinks keep what they have; everyone ends now.
    case finishNow

    /// Whether a process says nothing after it.
    package var isLast: Bool {
        switch self {
        case .done, .retired: true
        default: false
        }
    }

    package func encoded() -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Encoding a plain value cannot fail.
        return Array(try! encoder.encode(self))
    }

    package init?(decoding bytes: UnsafeRawBufferPointer) {
        guard let message = try? JSONDecoder().decode(Self.self, from: Data(bytes)) else {
            return nil
        }
        self = message
    }
}

// MARK: - JSON

/// The form is a promise to plugins (`Plugins/README.md`): members may come, none may change.
extension ControlMessage: Codable {
    private enum Word: String, Codable {
        case hello, ready, progress, warning, failed, done, retired, serving, pong
        case held, rewired, moved, left, applied
        case configure, connect, start, drain, retire, reconnect, departed, away, finished, finish
        case hold, go, rewire, set
        case listen, ping, clock, flush
    }

    private enum Key: String, CodingKey {
        case type, recovers, retires, rewires, report, text, reason, culprit, port, endpoint, fresh
        case consumer, producer, inherits, next, drains, finishes, first, over, inputs, outputs
        case sent, received, answered, offset, uncertainty, epoch, down
        case sets, settings, edition, frame
    }

    private var word: Word {
        switch self {
        case .hello: .hello
        case .ready: .ready
        case .progress: .progress
        case .warning: .warning
        case .failed: .failed
        case .done: .done
        case .retired: .retired
        case .configure: .configure
        case .connect: .connect
        case .start: .start
        case .drain: .drain
        case .retire: .retire
        case .reconnect: .reconnect
        case .departed: .departed
        case .away: .away
        case .finished: .finished
        case .finishNow: .finish
        case .serving: .serving
        case .pong: .pong
        case .held: .held
        case .rewired: .rewired
        case .moved: .moved
        case .left: .left
        case .applied: .applied
        case .set: .set
        case .hold: .hold
        case .release: .go
        case .rewire: .rewire
        case .listen: .listen
        case .ping: .ping
        case .clock: .clock
        case .flush: .flush
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: Key.self)
        try object.encode(word, forKey: .type)
        switch self {
        case .hello(let recovers, let retires, let rewires, let sets):
            if recovers { try object.encode(true, forKey: .recovers) }
            if retires { try object.encode(true, forKey: .retires) }
            if rewires { try object.encode(true, forKey: .rewires) }
            if sets { try object.encode(true, forKey: .sets) }
        case .held(let next, let isOver):
            try object.encode(next, forKey: .next)
            if isOver { try object.encode(true, forKey: .over) }
        case .moved(let edge), .left(let edge): try object.encode(edge, forKey: .port)
        case .applied(let edition, let frame):
            try object.encode(edition, forKey: .edition)
            try object.encodeIfPresent(frame, forKey: .frame)
        case .set(let settings, let edition):
            try object.encode(settings, forKey: .settings)
            try object.encode(edition, forKey: .edition)
        case .rewire(let inputs, let outputs):
            try object.encode(inputs, forKey: .inputs)
            try object.encode(outputs, forKey: .outputs)
        case .progress(let report), .done(let report):
            try object.encode(report, forKey: .report)
        case .retired(let report, let next):
            try object.encode(report, forKey: .report)
            try object.encode(next, forKey: .next)
        case .warning(let text): try object.encode(text, forKey: .text)
        case .failed(let reason, let culprit):
            try object.encode(reason, forKey: .reason)
            try object.encodeIfPresent(culprit, forKey: .culprit)
        case .configure(let configuration): try configuration.encode(to: encoder)
        case .reconnect(let port, let endpoint, let isFresh):
            try object.encode(port, forKey: .port)
            try object.encode(endpoint, forKey: .endpoint)
            try object.encode(isFresh, forKey: .fresh)
        case .departed(let consumer): try object.encode(consumer, forKey: .consumer)
        case .away(let consumer, let isDown):
            try object.encode(consumer, forKey: .consumer)
            if isDown { try object.encode(true, forKey: .down) }
        case .finished(let producer): try object.encode(producer, forKey: .producer)
        case .serving(let endpoint), .listen(let endpoint):
            try object.encode(endpoint, forKey: .endpoint)
        case .ping(let sent): try object.encode(sent, forKey: .sent)
        case .pong(let sent, let received, let answered):
            try object.encode(sent, forKey: .sent)
            try object.encode(received, forKey: .received)
            try object.encode(answered, forKey: .answered)
        case .clock(let offset, let uncertainty):
            try object.encode(offset, forKey: .offset)
            try object.encode(uncertainty, forKey: .uncertainty)
        case .flush(let epoch): try object.encode(epoch, forKey: .epoch)
        case .connect(let inheritance, let next, let first, let epoch):
            if inheritance != .all { try object.encode(inheritance, forKey: .inherits) }
            if epoch != 0 { try object.encode(epoch, forKey: .epoch) }
            if first != 0 { try object.encode(first, forKey: .first) }
            if !next.isEmpty { try object.encode(next, forKey: .next) }
        case .retire(let drains, let finishes):
            if drains { try object.encode(true, forKey: .drains) }
            if finishes { try object.encode(true, forKey: .finishes) }
        case .ready, .start, .drain, .finishNow, .rewired, .hold, .release: break
        }
    }

    package init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: Key.self)
        func report() throws -> NodeReport {
            try object.decodeIfPresent(NodeReport.self, forKey: .report) ?? NodeReport()
        }
        func flag(_ key: Key) throws -> Bool {
            try object.decodeIfPresent(Bool.self, forKey: key) ?? false
        }
        func next() throws -> [String: UInt64] {
            try object.decodeIfPresent([String: UInt64].self, forKey: .next) ?? [:]
        }
        switch try object.decode(Word.self, forKey: .type) {
        case .hello:
            self = .hello(
                recovers: try flag(.recovers), retires: try flag(.retires),
                rewires: try flag(.rewires), sets: try flag(.sets))
        case .held:
            self = .held(next: try object.decode(UInt64.self, forKey: .next), isOver: try flag(.over))
        case .rewired: self = .rewired
        case .applied:
            self = .applied(
                edition: try object.decodeIfPresent(Int.self, forKey: .edition) ?? 0,
                frame: try object.decodeIfPresent(UInt64.self, forKey: .frame))
        case .set:
            self = .set(
                try object.decode([String: SettingValue].self, forKey: .settings),
                edition: try object.decode(Int.self, forKey: .edition))
        case .moved: self = .moved(edge: try object.decode(String.self, forKey: .port))
        case .left: self = .left(edge: try object.decode(String.self, forKey: .port))
        case .hold: self = .hold
        case .go: self = .release
        case .rewire:
            self = .rewire(
                inputs: try object.decode([NodeConfiguration.Input].self, forKey: .inputs),
                outputs: try object.decode([NodeConfiguration.Output].self, forKey: .outputs))
        case .ready: self = .ready
        case .progress: self = .progress(try report())
        case .warning: self = .warning(try object.decode(String.self, forKey: .text))
        case .failed:
            self = .failed(
                try object.decode(String.self, forKey: .reason),
                culprit: try object.decodeIfPresent(String.self, forKey: .culprit))
        case .done: self = .done(try report())
        case .retired: self = .retired(try report(), next: try next())
        case .configure: self = .configure(try NodeConfiguration(from: decoder))
        case .connect:
            self = .connect(
                inherits: try object.decodeIfPresent(Inheritance.self, forKey: .inherits) ?? .all,
                next: try next(),
                first: try object.decodeIfPresent(UInt64.self, forKey: .first) ?? 0,
                epoch: try object.decodeIfPresent(UInt32.self, forKey: .epoch) ?? 0)
        case .flush: self = .flush(epoch: try object.decode(UInt32.self, forKey: .epoch))
        case .start: self = .start
        case .drain: self = .drain
        case .retire: self = .retire(drains: try flag(.drains), finishes: try flag(.finishes))
        case .reconnect:
            self = .reconnect(
                port: try object.decode(String.self, forKey: .port),
                endpoint: try object.decode(String.self, forKey: .endpoint),
                isFresh: try flag(.fresh))
        case .departed: self = .departed(consumer: try object.decode(String.self, forKey: .consumer))
        case .away: 
            self = .away(
                consumer: try object.decode(String.self, forKey: .consumer),
                isDown: try flag(.down))
        case .finished: self = .finished(producer: try object.decode(String.self, forKey: .producer))
        case .serving: self = .serving(endpoint: try object.decode(String.self, forKey: .endpoint))
        case .listen: self = .listen(endpoint: try object.decode(String.self, forKey: .endpoint))
        case .ping: self = .ping(sent: try object.time(.sent))
        case .pong:
            self = .pong(
                sent: try object.time(.sent), received: try object.time(.received),
                answered: try object.time(.answered))
        case .clock:
            self = .clock(
                offset: try object.time(.offset), uncertainty: try object.time(.uncertainty))
        case .finish: self = .finishNow
        }
    }
}

extension KeyedDecodingContainer {
    /// Nanoseconds of which sums and differences do not overflow.
    fileprivate func time(_ key: Key) throws -> Int64 {
        let time = try decode(Int64.self, forKey: key)
        guard time.magnitude < 1 << 60 else {
            throw DecodingError.dataCorruptedError(
                forKey: key, in: self, debugDescription: "a time of \(time) ns")
        }
        return time
    }
}
