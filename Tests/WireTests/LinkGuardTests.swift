import Foundation
import Glibc
import NodeKit
import Synchronization
import Tensors
import Testing

@testable import Wire

/// Who gets in at a node's port, and what becomes of all others.
@Suite struct LinkGuardTests {
    /// A producer that listens on the loopback with keys, and one consumer that it knows.
    private final class Producer {
        let keys: CurveKeys
        let consumer: CurveKeys
        /// Another node of the run, with an edge of its own.
        let neighbour: CurveKeys
        let links: OutputLinks
        let exchange = Exchange()
        let endpoint: String
        let folder: String
        private let context = ZMQContext()
        private let said = Lines()

        var warnings: [String] { said.all }
        var port: UInt16 { UInt16(endpoint.split(separator: ":").last!)! }

        init() throws {
            keys = try CurveKeys()
            consumer = try CurveKeys()
            neighbour = try CurveKeys()
            folder = "/tmp/pl-door-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: false)
            var output = NodeConfiguration.Output(
                port: "data", consumer: "sink", consumerPort: "data", keep: .all, window: 4)
            output.consumerKey = consumer.publicKey
            var second = NodeConfiguration.Output(
                port: "data", consumer: "neighbour", consumerPort: "data", keep: .newest, window: 4)
            second.consumerKey = neighbour.publicKey
            var configuration = NodeConfiguration(
                name: "source", settings: Settings([:]), inputs: [], outputs: [output, second])
            configuration.keys = keys
            links = try OutputLinks(
                endpoint: "ipc://\(folder)/source.sock", context: context, clock: RunClock(),
                exchange: exchange)
            links.configure(configuration.outputs)
            links.open(held: [], drops: [:])
            let said = said
            endpoint = try links.listen(at: "tcp://127.0.0.1:*", configuration) { text in
                said.all.append(text)
            }
            for frame in 0..<3 {
                let stamp = Stamp(frame: UInt64(frame), captured: 1, presentation: 0)
                let tensor = AnyTensor(Tensor<UInt8>([42], shape: [1]))
                let message = Numbered(
                    sequence: UInt64(frame), message: Message(tensor, stamp), published: 1)
                links.publish(message, on: "data", isAwaited: false)
            }
        }

        deinit { try? FileManager.default.removeItem(atPath: folder) }

        /// Does what a node's thread does, until something is so, or for at most ten seconds.
        func work(until isDone: () -> Bool) -> Bool {
            for _ in 0..<1000 {
                if isDone() { return true }
                var items = links.pollItems
                zmqPoll(&items, milliseconds: 10)
                links.read()
            }
            return isDone()
        }

        /// A consumer as this run's nodes are, or as somebody who would like to be one.
        func connect(
            _ identity: String = "sink.data", knows server: String?, as own: CurveKeys?,
            at other: String? = nil
        ) throws -> ZMQSocketBox {
            let socket = ZMQSocketBox(
                try ZMQSocket(.dealer, in: context, identity: identity, linger: 0))
            try socket.socket.prepareToReach(server, with: own)
            try socket.socket.connect(other ?? endpoint)
            var hello = Envelope(.hello)
            hello.count = 4
            hello.isElsewhere = true
            hello.encoded().withUnsafeBytes { _ = socket.socket.send($0) }
            return socket
        }
    }

    /// What a node said, from the one thread that a test has.
    private final class Lines { var all: [String] = [] }

    /// A stranger's plain socket.
    private func raw(_ port: UInt16, _ bytes: [UInt8]) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let isThere = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        #expect(isThere)
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        return descriptor
    }

    /// Everything that a stranger was sent so far.
    private func heard(_ descriptor: Int32) -> [UInt8] {
        var (all, buffer) = ([UInt8](), [UInt8](repeating: 0, count: 4096))
        while case let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT)), count > 0 {
            all += buffer[..<count]
        }
        return all
    }

    /// What the three messages' payload, or a header, would look like.
    private func holdsAFrame(_ bytes: [UInt8]) -> Bool {
        let text = Data(bytes)
        return text.range(of: Data([0x50, 0x4C, 0x56, 0x01])) != nil
    }

    @Test func `a consumer with its key gets what it is owed`() throws {
        let producer = try Producer()
        let socket = try producer.connect(
            knows: producer.keys.publicKey, as: producer.consumer)
        var frames: [UInt64] = []

        let isDone = producer.work {
            while let message = socket.socket.receive() {
                if let envelope = try? message[0].withBytes({ try Envelope(decoding: $0) }) {
                    frames.append(envelope.stamp.frame)
                }
            }
            return frames.count == 3
        }

        #expect(isDone)
        #expect(frames == [0, 1, 2])
        #expect(producer.warnings.isEmpty)
    }

    @Test func `a key of another run gets no byte of it, and leaves a line`() throws {
        let producer = try Producer()
        let other = try CurveKeys()

        let socket = try producer.connect(knows: producer.keys.publicKey, as: other)

        #expect(producer.work { !producer.warnings.isEmpty })
        #expect(socket.socket.receive() == nil)
        #expect(producer.warnings[0].contains("its key \(other.publicKey) is not one of this run's"))
        #expect(producer.warnings[0].contains("127.0.0.1:"))
    }

    @Test func `who does not know the node's key is not answered`() throws {
        let producer = try Producer()
        let stranger = try CurveKeys()

        let socket = try producer.connect(knows: try CurveKeys().publicKey, as: stranger)

        #expect(producer.work { !producer.warnings.isEmpty })
        #expect(socket.socket.receive() == nil)
        #expect(producer.warnings[0].contains("does not have this node's public key"))
    }

    @Test func `a node of the run is heard only by its own name`() throws {
        let producer = try Producer()
        let others = try ["sink.other", "stage.data", "tap.data.me"].map {
            try producer.connect($0, knows: producer.keys.publicKey, as: producer.consumer)
        }

        let socket = try producer.connect(
            knows: producer.keys.publicKey, as: producer.consumer)
        var count = 0

        #expect(producer.work {
            while socket.socket.receive() != nil { count += 1 }
            return count == 3
        })
        #expect(others.allSatisfy { $0.socket.receive() == nil })
    }

    @Test func `a node of the run turns no edge of another one's to itself`() throws {
        let producer = try Producer()

        let thief = try producer.connect(
            "sink.data~7", knows: producer.keys.publicKey, as: producer.neighbour)
        let own = try producer.connect(
            "neighbour.data", knows: producer.keys.publicKey, as: producer.neighbour)

        // What came with the same key after it has been heard.
        #expect(producer.work { own.socket.receive() != nil })
        var rounds = 0
        _ = producer.work {
            rounds += 1
            return rounds > 30
        }
        #expect(producer.links.edges[0].output.edition == 0)
        #expect(producer.links.edges[0].edge.credits == 0)
        #expect(thief.socket.receive() == nil)
    }

    @Test func `of those who look on no more than some are served at a time`() throws {
        let producer = try Producer()
        let context = ZMQContext()
        var lookers: [ZMQSocketBox] = []
        for number in 0..<24 {
            let socket = ZMQSocketBox(
                try ZMQSocket(.dealer, in: context, identity: "tap.data.\(number)", linger: 0))
            try socket.socket.connect("ipc://\(producer.folder)/source.sock")
            var hello = Envelope(.hello)
            hello.count = 4
            hello.encoded().withUnsafeBytes { _ = socket.socket.send($0) }
            lookers.append(socket)
            #expect(producer.work { producer.links.edges.contains { $0.output.identity == "tap.data.\(number)" } })
        }

        #expect(producer.links.edges.filter { $0.output.isTap && !$0.edge.isClosed }.count == 16)
        #expect(producer.links.edges.contains { $0.output.identity == "tap.data.23" })
        withExtendedLifetime(lookers) {}
    }

    @Test func `what is too large for a link is refused where it is sent, with a word on what to do`() throws {
        let producer = try Producer()
        let socket = try producer.connect(knows: producer.keys.publicKey, as: producer.consumer)
        var count = 0
        #expect(producer.work {
            while socket.socket.receive() != nil { count += 1 }
            return count == 3
        })

        // Nobody touches its pages.
        let bytes = 513 << 20
        let tensor = AnyTensor(
            elementType: .uint8, shape: [bytes], memory: TensorMemory(byteCount: bytes))
        producer.links.publish(
            Numbered(
                sequence: 3, message: Message(tensor, Stamp(frame: 3, captured: 1, presentation: 0)),
                published: 1), on: "data", isAwaited: false)

        let words = try #require(producer.exchange.failure?.description)
        #expect(words.contains("its output 'data' is to send \(bytes) bytes to 'sink.data'"), "\(words)")
        #expect(words.contains("512 MiB"), "\(words)")
    }

    /// The same port, in the versions of the protocol that know no encryption, and in none.
    @Test(arguments: [
        // ZMTP 3.0 with the mechanism NULL, 2.0, 1.0, a browser, TLS, and a frame of 2⁶² bytes.
        [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 0] + Array("NULL".utf8)
            + [UInt8](repeating: 0, count: 48),
        [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 1, 5, 0, 9] + Array("sink.data".utf8),
        [0x0A, 0x00] + Array("sink.data".utf8),
        Array("GET / HTTP/1.1\r\n\r\n".utf8),
        [0x16, 0x03, 0x01, 0x02, 0x00, 0x01],
        [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 0] + Array("CURVE".utf8)
            + [UInt8](repeating: 0, count: 47) + [0x06, 0x40, 0, 0, 0, 0, 0, 0, 0],
    ] as [[UInt8]])
    func `there is no way around encryption`(opening: [UInt8]) throws {
        let producer = try Producer()

        let descriptor = raw(producer.port, opening)
        defer { close(descriptor) }

        #expect(producer.work { producer.links.refusedPeers > 0 })
        #expect(!holdsAFrame(heard(descriptor)))
        #expect(producer.warnings.count == 1)
    }

    @Test func `words of the run's own consumer mean nothing when they are repeated`() throws {
        let producer = try Producer()
        let recorder = try WordRecorder(to: producer.port)
        let socket = try producer.connect(
            knows: producer.keys.publicKey, as: producer.consumer,
            at: "tcp://127.0.0.1:\(recorder.port)")
        var count = 0
        #expect(producer.work {
            while socket.socket.receive() != nil { count += 1 }
            return count == 3
        })
        let words = recorder.words
        #expect(words.count > 300)
        #expect(!holdsAFrame(words))
        #expect(!holdsAFrame(recorder.answers))

        let descriptor = raw(producer.port, words)
        defer { close(descriptor) }

        #expect(producer.work { producer.links.refusedPeers > 0 })
        #expect(!holdsAFrame(heard(descriptor)))
        #expect(producer.warnings.count == 1, "\(producer.warnings)")
    }

    @Test func `of those who only hold the line no more than some dozens are kept`() throws {
        let producer = try Producer()
        var held: [Int32] = []
        for _ in 0..<150 { held.append(raw(producer.port, [])) }
        defer { held.forEach { close($0) } }
        #expect(producer.work { producer.links.refusedPeers >= 80 })

        let socket = try producer.connect(
            knows: producer.keys.publicKey, as: producer.consumer)
        var count = 0

        #expect(producer.work {
            while socket.socket.receive() != nil { count += 1 }
            return count == 3
        })
        #expect(producer.warnings.count < 12)
    }

    @Test func `numbers that may be halved cross in half precision, the same each time`() {
        let values: [Float] = [0, 1, -2.5, 0.1, 65504, 1e-8, 3.1415927]
        let tensor = AnyTensor(Tensor<Float>(values, shape: [7]))

        let back = tensor.halved.widened
        let again = back.halved.widened

        #expect(tensor.halved.byteCount == 14)
        func numbers(_ tensor: AnyTensor) -> [Float] {
            tensor.withBytes { Array($0.bindMemory(to: Float.self)) }
        }
        #expect(numbers(back) == [0, 1, -2.5, 0.099975586, 65504, 0, 3.140625])
        #expect(numbers(again) == numbers(back))
    }

    @Test func `without keys nobody beyond the loopback is served`() throws {
        let context = ZMQContext()
        let links = try OutputLinks(
            endpoint: "inproc://plain", context: context, clock: RunClock(), exchange: Exchange())
        var configuration = NodeConfiguration(
            name: "source", settings: Settings([:]), inputs: [], outputs: [])

        #expect(throws: WireError.self) {
            try links.listen(at: "tcp://*:*", configuration) { _ in }
        }
        configuration.isInsecure = true
        #expect(try links.listen(at: "tcp://*:*", configuration) { _ in }.hasPrefix("tcp://"))
    }

    @Test func `a secret is in no description`() throws {
        let keys = try CurveKeys()
        var configuration = NodeConfiguration(
            name: "source", settings: Settings([:]), inputs: [], outputs: [])
        configuration.keys = keys
        var text = ""

        dump(keys, to: &text)
        dump(configuration, to: &text)
        text += "\(keys) \(configuration) \(String(reflecting: keys)) \(String(reflecting: configuration))"

        #expect(text.contains(keys.publicKey))
        #expect(!text.contains(keys.secretKey))
    }
}

/// Stands between a consumer and its producer, and remembers every byte.
private final class WordRecorder: @unchecked Sendable {
    // Unchecked because the lock guards what both threads touch.
    let port: UInt16
    private let listener: Int32
    private let heard = Mutex<(words: [UInt8], answers: [UInt8])>(([], []))

    var words: [UInt8] { heard.withLock { $0.words } }
    var answers: [UInt8] { heard.withLock { $0.answers } }

    init(to target: UInt16) throws {
        @Sendable func address(_ port: UInt16) -> sockaddr_in {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            return address
        }
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        var own = address(0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &own) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, size) == 0 && listen(listener, 4) == 0
                    && getsockname(listener, $0, &size) == 0
            }
        }
        port = UInt16(bigEndian: own.sin_port)
        Thread { [self] in
            let near = accept(listener, nil, nil)
            let far = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var other = address(target)
            _ = withUnsafePointer(to: &other) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(far, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            Thread { [self] in carry(near, far) { $0.words += $1 } }.start()
            Thread { [self] in carry(far, near) { $0.answers += $1 } }.start()
        }.start()
    }

    deinit { close(listener) }

    private func carry(
        _ from: Int32, _ to: Int32,
        _ note: @escaping (inout (words: [UInt8], answers: [UInt8]), ArraySlice<UInt8>) -> Void
    ) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case let count = recv(from, &buffer, buffer.count, 0), count > 0 {
            heard.withLock { note(&$0, buffer[..<count]) }
            _ = send(to, buffer, count, Int32(MSG_NOSIGNAL))
        }
    }
}
