import CPosix
import Foundation
import NodeKit
import Wire

/// The steps that acts are made of.
extension Rehearsal {
    /// From the start of the process until it is told to begin.
    ///
    /// - Parameters:
    ///   - credits: what its consumers say hello with; nil lets them be late.
    ///   - isStrange: whether it hears things on the way that no version says today.
    func begin(credits: Int? = 0, isStrange: Bool = false) throws {
        try wait(
            for: "said hello",
            needed: "connect a DEALER with the identity NAME to ipc://FOLDER/control.sock and send "
                + #"{"type": "hello"}"#, upTo: plugin.startWithin
        ) { said["hello"] != nil }
        if !FileManager.default.fileExists(atPath: "\(folder.path)/\(Self.node).sock") {
            complain(
                "it said hello, but does not serve FOLDER/\(Self.node).sock",
                "bind a ROUTER to ipc://FOLDER/NAME.sock first, without outputs too")
        }
        tell(isStrange ? strangeConfiguration : configuration)
        if let credits { try takers.forEach { try $0.sayHello(credits: credits) } }
        if !isStrange { tell(.connect()) }
        try wait(
            for: "said ready",
            needed: "once loaded, send {\"type\": \"ready\"}; members of "
                + "'configure' that it does not know are to be ignored"
        ) { said["ready"] != nil }
        if isStrange {
            tell(Array(#"{"type": "weather", "wind": [3, "north"]}"#.utf8))
            listen(for: .milliseconds(200))
            if let ending {
                throw Complaint(
                    "a control message of type 'weather' was too much for it: \(ending)",
                    "new messages may come: ignore those of a type that you do not know")
            }
            tell(.connect())
        }
        for feed in feeds {
            try wait(
                for: "said hello to the producer of input '\(feed.port.name)'",
                needed: "at 'connect', connect a DEALER with the identity NAME.PORT to the input's "
                    + "endpoint and send the header hello with count = window"
            ) { feed.saidHello }
        }
        tell(.start)
    }

    private var configuration: [UInt8] {
        var configuration = NodeConfiguration(
            name: Self.node, settings: settings, inputs: feeds.map(\.configuration),
            outputs: takers.map(\.configuration))
        configuration.spec = spec
        return ControlMessage.configure(configuration).encoded()
    }

    /// All settings, of which live ones have other values than in `configure`.
    var otherSettings: [String: SettingValue] {
        spec.settings.filter(\.isLive).reduce(into: settings.values) { values, setting in
            values[setting.name] = setting.type.value(other: values[setting.name])
        }
    }

    /// With a member that no version knows today.
    private var strangeConfiguration: [UInt8] {
        Array(#"{"a-member-of-later-days": {"any": [1, null]}, "#.utf8) + configuration.dropFirst()
    }

    /// What a frame's stamp is in a rehearsal: every member tells it from the others.
    static func stamp(_ frame: UInt64) -> Stamp {
        Stamp(
            frame: frame, captured: posix_monotonic_ns() - 1_000_000,
            presentation: Int64(frame) * 40_000_000 + 7, duration: 40_000_000, epoch: 3)
    }

    /// Sends the inputs of one frame and waits until the node is done with all of them.
    ///
    /// - Parameter absent: an input that does not get this frame, as after a drop upstream.
    func feed(_ frame: UInt64, isShared: Bool, absent: String? = nil) throws -> Stamp {
        let stamp = Self.stamp(frame)
        for feed in feeds where feed.port.pace != .last || frame == 0 {
            if feed.port.name == absent {
                feed.skip()
                continue
            }
            try wait(
                for: "gave input '\(feed.port.name)' a credit back",
                needed: "when a message is done, send 'grant' with count 1 to its producer"
            ) { feed.credits > 0 }
            let shape = sizes.shape(of: feed.port)
            let bytes = RehearsalSizes.payload(feed.port.elementType, shape, seed: Int(frame))
            try feed.send(bytes, shape, stamp, isShared: isShared)
        }
        return stamp
    }

    /// Sends the values that stay valid, without which a node cannot begin, and no frame.
    func feedValues() throws {
        for feed in feeds where feed.port.pace == .last {
            try wait(
                for: "said hello to the producer of input '\(feed.port.name)'",
                needed: "'hello' sets the credits"
            ) { feed.credits > 0 }
            let shape = sizes.shape(of: feed.port)
            let bytes = RehearsalSizes.payload(feed.port.elementType, shape, seed: 0)
            try feed.send(bytes, shape, Self.stamp(0), isShared: false)
        }
    }

    /// Waits until every credit and every slot is back.
    func waitUntilDone(with what: String) throws(Complaint) {
        for feed in feeds {
            try wait(
                for: "was done with \(what): its credits for input '\(feed.port.name)' are back",
                needed: "each message that is done gives one credit back; one of pace 'last', and "
                    + "one that has no partner on another input, at once"
            ) { feed.isIdle }
        }
    }

    /// Ends every stream and sees the process to its end.
    func end() throws(Complaint) {
        endInputs()
        try awaitEnd(needed: "when no tick can come any more, send 'end' to each consumer")
    }

    /// Ends every input's stream.
    func endInputs() { feeds.forEach { $0.end() } }

    /// Waits for the end of every output, `done`, and the process.
    func awaitEnd(needed: String) throws(Complaint) {
        for taker in takers {
            try wait(for: "sent the end of output '\(taker.port.name)'", needed: needed) {
                taker.hasEnded
            }
        }
        for feed in feeds {
            try wait(
                for: "answered the end of input '\(feed.port.name)' with bye",
                needed: "when a producer has sent 'end', answer 'bye' as soon as nothing of it is "
                    + "wanted any more"
            ) { feed.saidBye }
        }
        try wait(for: "said done", needed: "send {\"type\": \"done\"} with a last report") {
            said["done"] != nil
        }
        try awaitExit(within: .seconds(5))
    }

    func awaitExit(within limit: Duration) throws(Complaint) {
        let deadline = ContinuousClock.now + limit
        while status == nil, ContinuousClock.now < deadline { listen(for: .milliseconds(20)) }
        guard let status else {
            throw Complaint(
                "it still runs \(limit / .seconds(1)) s after it should have ended",
                "after 'done' close the sockets with some linger and end with code 0")
        }
        guard status == 0 else {
            throw Complaint(
                "it ended with \(NodeFailure.words(for: status))\(lastLines)",
                "after 'done' end with code 0: any other end counts as a failure")
        }
    }
}

extension SettingType {
    /// A value that a setting of this type takes, another than this one if it takes several.
    fileprivate func value(other value: SettingValue?) -> SettingValue? {
        switch self {
        case .flag: return .flag(value != .flag(true))
        case .integer(let range):
            return .integer(value == .integer(range.lowerBound) ? range.upperBound : range.lowerBound)
        case .number(let range):
            // Of a range without limits numbers that anything can be multiplied by.
            let near = max(range.lowerBound, -1)...max(range.lowerBound, min(range.upperBound, 1))
            return .number(value == .number(near.upperBound) ? near.lowerBound : near.upperBound)
        case .choice(let words): return .text(words.first { value != .text($0) } ?? words[0])
        case .text: return .text((value?.text ?? "") + "x")
        case .inputFile, .inputMedia, .outputFile, .weights: return value
        }
    }
}
