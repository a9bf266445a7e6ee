import Foundation
import Glibc
import NodeKit
import Tensors
import Testing

@testable import Wire

/// A relay between a plugin and a producer elsewhere, both of which a test plays.
@Suite struct RelayInputTests {
    private final class Scene {
        let folder: String
        let context = ZMQContext()
        let producer: ZMQSocketBox
        let inputs: RelayedInputs
        private var plugin: ZMQSocketBox?
        private let said = Said()

        var faults: [(text: String, culprit: String?)] { said.faults }

        init() throws {
            folder = try RelayInputTests.folder()
            producer = ZMQSocketBox(try ZMQSocket(.router, in: context, linger: 0))
            try producer.socket.bind("tcp://127.0.0.1:*")
            var input = NodeConfiguration.Input(
                port: "data", producer: "source", producerPort: "out",
                endpoint: producer.socket.endpoint, keep: .newest, window: 4)
            input.isElsewhere = true
            input.type = .init(element: "u8", axes: "n 3")
            let configuration = NodeConfiguration(
                name: "node", settings: Settings([:]), inputs: [input], outputs: [])
            let said = said
            inputs = try RelayedInputs(
                configuration, folder: folder, context: context, clock: RunClock()
            ) { message in
                if case .failed(let text, let culprit) = message { said.faults.append((text, culprit)) }
            }
        }

        deinit { try? FileManager.default.removeItem(atPath: folder) }

        /// The plugin comes to a place and says hello.
        func plugIn(at endpoint: String) throws {
            plugin = nil
            let socket = ZMQSocketBox(
                try ZMQSocket(.dealer, in: context, identity: "node.data", linger: 0))
            try socket.socket.connect(endpoint)
            var hello = Envelope(.hello)
            (hello.count, hello.stamp.frame) = (4, UInt64.random(in: 1 ... 1 << 40))
            hello.encoded().withUnsafeBytes { _ = socket.socket.send($0) }
            plugin = socket
        }

        /// Works until something is so.
        func work(until isDone: () throws -> Bool) rethrows -> Bool {
            for _ in 0..<500 {
                if try isDone() { return true }
                try? inputs.work()
                usleep(10_000)
            }
            return try isDone()
        }

        /// Sends a message as soon as the relay has said hello.
        func send(_ sequence: UInt64, _ type: ElementType = .uint8, _ shape: [Int] = [1, 3]) throws {
            while try work(until: { try hear() || connection != nil }), connection == nil {}
            var envelope = Envelope(.data)
            (envelope.sequence, envelope.elementType, envelope.shape) = (sequence, type, shape)
            envelope.count = UInt32(truncatingIfNeeded: try #require(connection))
            let payload = [UInt8](repeating: 1, count: envelope.payloadBytes!)
            _ = producer.socket.send([Array("node.data".utf8), envelope.encoded(), payload])
        }

        private var connection: UInt64?

        private func hear() throws -> Bool {
            guard let frames = producer.socket.receive() else { return false }
            let envelope = try frames[1].withBytes { try Envelope(decoding: $0) }
            if envelope.kind == .hello { connection = envelope.stamp.frame }
            return true
        }

        /// The next message that the plugin gets.
        func taken() throws -> Envelope? {
            guard let frames = plugin?.socket.receive() else { return nil }
            return try frames[0].withBytes { try Envelope(decoding: $0) }
        }
    }

    /// What a relay said, from the one thread that a test has.
    private final class Said { var faults: [(text: String, culprit: String?)] = [] }

    fileprivate static func folder() throws -> String {
        let folder = "/tmp/pl-relay-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        return folder
    }

    @Test(arguments: [
        (4, ElementType.float32, [1, 3], "a tensor f32 [1, 3], but input 'data' takes u8 [n 3]"),
        (4, .uint8, [1, 4], "a tensor u8 [1, 4], but input 'data' takes u8 [n 3]"),
        (4, .uint8, [3], "a tensor u8 [3], but input 'data' takes u8 [n 3]"),
        (2, .uint8, [1, 3], "message 2 where 4 or a later one is due"),
        (.max, .uint8, [1, 3], "a number or a time out of range"),
    ] as [(UInt64, ElementType, [Int], String)])
    func `a producer at fault is named before its plugin gets anything of it`(
        sequence: UInt64, type: ElementType, shape: [Int], words: String
    ) throws {
        let scene = try Scene()
        try scene.plugIn(at: scene.inputs.endpoints[0])
        try scene.send(3)
        var good: Envelope?
        #expect(try scene.work {
            good = try scene.taken()
            return good != nil
        })

        try scene.send(sequence, type, shape)

        #expect(scene.work { !scene.faults.isEmpty })
        #expect(good?.sequence == 3)
        #expect(scene.faults[0].text.contains("its output 'out' sent \(words)"), "\(scene.faults)")
        #expect(scene.faults[0].culprit == "source")
        #expect(try scene.taken() == nil)
    }

    @Test func `a place that the plugin has left is closed`() throws {
        let scene = try Scene()
        // What the kernel knows of, whether it has a name in the folder or not.
        func sockets() -> [String] {
            let table = FileManager.default.contents(atPath: "/proc/net/unix") ?? Data()
            let open = String(decoding: table, as: UTF8.self).split(separator: "\n").compactMap { line in
                line.range(of: "\(scene.folder)/").map { String(line[$0.upperBound...]) }
            }
            let named = (try? FileManager.default.contentsOfDirectory(atPath: scene.folder)) ?? []
            return Set(open + named).sorted()
        }
        try scene.plugIn(at: scene.inputs.endpoints[0])
        try scene.send(0)
        #expect(try scene.work { try scene.taken() != nil })

        for number in 1...5 {
            let other = ZMQSocketBox(try ZMQSocket(.router, in: scene.context, linger: 0))
            try other.socket.bind("tcp://127.0.0.1:*")
            let inner = try #require(try scene.inputs.reconnect("data", to: other.socket.endpoint))
            try scene.plugIn(at: inner)
            #expect(scene.work { sockets().count == 1 }, "\(number): \(sockets())")
        }

        #expect(sockets() == ["in6.sock"])
    }

    @Test func `what a relay does not understand the plugin does not hear`() throws {
        let (run, inner) = (try Self.folder(), try Self.folder())
        defer { [run, inner].forEach { try? FileManager.default.removeItem(atPath: $0) } }
        let context = ZMQContext()
        let supervisor = ZMQSocketBox(try ZMQSocket(.router, in: context, linger: 0))
        try supervisor.socket.bind(NodeConfiguration.controlEndpoint(in: run))
        let relay = try PluginRelay("node", run: run, folder: inner)
        let plugin = ZMQSocketBox(try ZMQSocket(.dealer, in: context, identity: "node", linger: 0))
        try plugin.socket.connect(NodeConfiguration.controlEndpoint(in: inner))
        plugin.socket.say("{\"type\": \"hello\"}")
        var (said, heard) = ([String](), [String]())
        func work(until isDone: () -> Bool) -> Bool {
            for _ in 0..<500 where !isDone() {
                _ = relay.poll(milliseconds: 10, besides: [])
                while let frames = supervisor.socket.receive() { said.append(frames[1].text) }
                while let frames = plugin.socket.receive() { heard.append(frames[0].text) }
            }
            return isDone()
        }
        #expect(work { said.contains { $0.contains("hello") } })

        for word in [
            #"{"type": "configure", "curve": {"public": "p", "secret": "s"}}"#,
            #"{"type": "rewire", "inputs": [{"key": "k"}], "outputs": []}"#,
            #"{"type": "rewire", "inputs": [], "outputs": []}"#, #"{"type": "unheard-of", "secret": "s"}"#,
            #"{"type": "start"}"#,
        ] {
            _ = supervisor.socket.send([Array("node".utf8), Array(word.utf8)])
        }

        #expect(work { !heard.isEmpty })
        #expect(heard == [#"{"type": "start"}"#])
        #expect(said.contains { $0.contains("failed") && $0.contains("'configure'") }, "\(said)")
        #expect(said.contains { $0.contains("warning") && $0.contains("'unheard-of'") }, "\(said)")
    }
}

extension ZMQSocket {
    fileprivate func say(_ text: String) {
        Array(text.utf8).withUnsafeBytes { _ = send($0) }
    }
}
