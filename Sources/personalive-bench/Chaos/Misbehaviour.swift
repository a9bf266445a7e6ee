import ArgumentParser
import Foundation
import Glibc
import NodeKit
import Wire

/// One thing that a plugin can do wrong; otherwise it is a source of a few frames.
enum Misbehaviour: String, CaseIterable, Codable, ExpressibleByArgument {
    /// Reports its progress in a loop.
    case chatty
    /// Prints in a loop, then does its work.
    case printing
    /// Sends without credits, in a loop.
    case flooding
    /// Says that it is done without having ended its output.
    case endless
    /// Says that it is done, and stays.
    case lingering
    /// Says hello in its consumer's name, and that this one has failed.
    case liar
    /// Numbers a frame beyond all sets.
    case beyond
    /// Says nothing after its hello: loads for ever.
    case mute
    /// Sends nothing after its start, and ignores every signal that can be ignored.
    case stubborn

    /// What has to come of it.
    enum Outcome: Equatable {
        /// The run fails, and names the plugin.
        case named
        /// The run completes, and a warning names the plugin.
        case warned
        /// The run completes, or fails and names the plugin.
        case bounded
        /// The run waits, and ends soon after the second Ctrl-C.
        case interruptible
    }

    var outcome: Outcome {
        switch self {
        case .chatty, .flooding, .endless, .beyond: .named
        case .lingering: .warned
        // What is sent in another name may never arrive: the true owner of the name takes it over.
        case .printing, .liar: .bounded
        case .mute, .stubborn: .interruptible
        }
    }
}

/// Hosts a plugin that misbehaves: what `chaos` puts into a graph in a source's place.
struct MisbehaveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "misbehave",
        abstract: "A plugin that does one thing wrong ('chaos' starts it).",
        shouldDisplay: false)

    @Argument var how: Misbehaviour
    @Argument var name: String
    @Option var kind: String
    @Option var folder: String

    /// How long a loop lasts.
    private static let length: Duration = .seconds(15)
    private static let frames: UInt64 = 5

    func run() throws {
        if how == .stubborn {
            for interrupt in [SIGINT, SIGTERM, SIGHUP] { signal(interrupt, SIG_IGN) }
        }
        let context = ZMQContext()
        let control = try ZMQSocket(.dealer, in: context, identity: name, linger: 500)
        let output = try ZMQSocket(.router, in: context, linger: 500)
        try output.bind(NodeConfiguration.endpoint(of: name, in: folder))
        try control.connect(NodeConfiguration.controlEndpoint(in: folder))
        say(#"{"type":"hello"}"#, on: control)
        if how == .mute { sleep(3600) }
        if how == .liar { try lie(context) }
        let consumer = try consumer(control)
        while true {
            // The consumer's hello, with its credits.
            if let frames = output.receive(), frames.count > 1 { break }
            usleep(5000)
        }
        loop(control, output, consumer)
        let first: UInt64 = how == .beyond ? 1 << 53 : 0
        for frame in 0..<Self.frames {
            send(data(frame, frame: first + frame), to: consumer, on: output)
            usleep(50_000)
        }
        if how != .endless { send(Envelope(.end), to: consumer, on: output) }
        // Until the consumer has it all.
        usleep(300_000)
        say(
            #"{"type":"done","report":{"emitted":[[0,\#(Self.frames - 1)]],"emitted_count":\#(Self.frames)}}"#,
            on: control)
        usleep(300_000)
        if how == .lingering { sleep(3600) }
    }

    /// What is repeated until the time is over.
    private func loop(
        _ control: borrowing ZMQSocket, _ output: borrowing ZMQSocket, _ consumer: [UInt8]
    ) {
        let end = ContinuousClock.now + Self.length
        let text = [UInt8](
            String(repeating: String(repeating: "x", count: 79) + "\n", count: 1000).utf8)
        var sequence: UInt64 = 0
        while ContinuousClock.now < end {
            switch how {
            case .chatty: say(#"{"type":"progress","report":{"ticks":1,"inputs":[]}}"#, on: control)
            case .printing: text.withUnsafeBytes { _ = write(1, $0.baseAddress, $0.count) }
            case .flooding:
                send(data(sequence, frame: sequence), to: consumer, on: output)
                sequence += 1
            case .stubborn: sleep(3600)
            default: return
            }
        }
    }

    private func lie(_ context: ZMQContext) throws {
        let other = try ZMQSocket(.dealer, in: context, identity: "sink", linger: 500)
        try other.connect(NodeConfiguration.controlEndpoint(in: folder))
        say(#"{"type":"hello"}"#, on: other)
        say(#"{"type":"failed","reason":"said by another node"}"#, on: other)
        usleep(500_000)
    }

    /// Loads, and waits for the start: the consumer's identity on the output's socket.
    private func consumer(_ control: borrowing ZMQSocket) throws -> [UInt8] {
        var consumer: [UInt8] = []
        while true {
            guard let frames = control.receive(), let frame = frames.last else {
                usleep(5000)
                continue
            }
            let object = try JSONSerialization.jsonObject(with: Data(frame.text.utf8))
            let message = object as? [String: Any] ?? [:]
            switch message["type"] as? String {
            case "configure":
                let outputs = message["outputs"] as? [[String: Any]] ?? []
                consumer = Array((outputs.first?["to"] as? String ?? "").utf8)
                say(#"{"type":"ready"}"#, on: control)
            case "start": return consumer
            default: break
            }
        }
    }

    private func data(_ sequence: UInt64, frame: UInt64) -> Envelope {
        var envelope = Envelope(.data)
        let now = Int64(DispatchTime.now().uptimeNanoseconds)
        envelope.stamp = Stamp(
            frame: frame, captured: now, presentation: Int64(sequence) * 40_000_000,
            duration: 40_000_000)
        (envelope.sequence, envelope.sent, envelope.shape) = (sequence, now, [1000])
        return envelope
    }

    private func send(
        _ envelope: Envelope, to consumer: [UInt8], on output: borrowing ZMQSocket
    ) {
        let payload = envelope.kind == .data ? [[UInt8](repeating: 7, count: 1000)] : []
        output.send([consumer, envelope.encoded()] + payload)
    }

    private func say(_ text: String, on control: borrowing ZMQSocket) {
        control.send([Array(text.utf8)])
    }
}
