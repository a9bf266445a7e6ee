import Foundation
import Glibc
import Synchronization
import Wire

/// What unauthenticated peers do to an open port: they throw garbage at it, scan it, hold connections
/// open, and try keys of their own.
final class LinkAttack: Sendable {
    private struct Found {
        var endpoints = 0
        var thrown = 0
        var answered = 0
        var held = 0
    }

    private let megabytes: Int
    private let found = Mutex(Found())

    init(megabytes: Int) { self.megabytes = megabytes }

    /// Everything at once, from threads of its own.
    func begin(at endpoint: String) {
        guard let port = endpoint.split(separator: ":").last.flatMap({ UInt16($0) }) else { return }
        found.withLock { $0.endpoints += 1 }
        Thread { [self] in throwGarbage(at: port) }.start()
        Thread { [self] in scan(port) }.start()
        Thread { [self] in hold(port) }.start()
        Thread { [self] in tryKeys(at: endpoint) }.start()
    }

    var findings: [LinkFinding] {
        found.withLock {
            [
                LinkFinding("ports attacked", Double($0.endpoints), atLeast: 1),
                LinkFinding("megabytes of garbage thrown", Double($0.thrown) / 1e6),
                LinkFinding("idle connections opened", Double($0.held)),
                LinkFinding(
                    "messages that unauthenticated peers got", Double($0.answered), atMost: 0),
            ]
        }
    }

    private static func connect(_ port: UInt16) -> Int32 {
        let descriptor = socket(
            AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let isThere = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        if isThere { return descriptor }
        close(descriptor)
        return -1
    }

    /// What comes first decides how far the library reads: noise, a greeting of each version, a frame
    /// of 2⁶² bytes.
    private static let openings: [[UInt8]] = [
        [], Array("GET / HTTP/1.1\r\n\r\n".utf8), [0x16, 0x03, 0x01],
        [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F],
        [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 0] + Array("CURVE".utf8)
            + [UInt8](repeating: 0, count: 47),
        [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 0] + Array("CURVE".utf8)
            + [UInt8](repeating: 0, count: 47) + [0x06, 0x40, 0, 0, 0, 0, 0, 0, 0],
        [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 1, 5, 0, 0],
        [0x01, 0x00],
    ]

    private func throwGarbage(at port: UInt16) {
        var noise = [UInt8](repeating: 0, count: 1 << 20)
        for index in noise.indices { noise[index] = UInt8.random(in: 0...255) }
        var (thrown, turn) = (0, 0)
        while thrown < megabytes << 20 {
            let descriptor = Self.connect(port)
            // The node may have ended.
            guard descriptor >= 0 else { break }
            let opening = Self.openings[turn % Self.openings.count]
            turn += 1
            _ = send(descriptor, opening, opening.count, Int32(MSG_NOSIGNAL))
            var own = 0
            while own < 32 << 20, thrown < megabytes << 20 {
                let sent = send(descriptor, noise, noise.count, Int32(MSG_NOSIGNAL))
                guard sent > 0 else { break }
                thrown += sent
                own += sent
            }
            close(descriptor)
        }
        found.withLock { $0.thrown += thrown }
    }

    /// Connects and leaves, a few hundred times.
    private func scan(_ port: UInt16) {
        for _ in 0..<300 {
            let descriptor = Self.connect(port)
            guard descriptor >= 0 else { return }
            close(descriptor)
        }
    }

    /// Opens connections, says nothing, and keeps them.
    private func hold(_ port: UInt16) {
        var held: [Int32] = []
        for _ in 0..<300 {
            let descriptor = Self.connect(port)
            guard descriptor >= 0 else { break }
            held.append(descriptor)
        }
        found.withLock { $0.held += held.count }
        Thread.sleep(forTimeInterval: 3)
        held.forEach { close($0) }
    }

    /// Asks as the graph's own consumers would, without encryption, and with keys of its own.
    private func tryKeys(at endpoint: String) {
        let context = ZMQContext()
        for isCurve in [false, true] {
            for name in ["stage.data", "sink.data", "tap.data.x"] {
                guard let socket = try? ZMQSocket(.dealer, in: context, identity: name, linger: 0)
                else { continue }
                let keys = try? CurveKeys()
                let other = isCurve ? try? CurveKeys() : nil
                try? socket.prepareToReach(other?.publicKey, with: keys)
                try? socket.connect(endpoint)
                var hello = Envelope(.hello)
                hello.count = 8
                hello.encoded().withUnsafeBytes { _ = socket.send($0) }
                for _ in 0..<50 {
                    usleep(10_000)
                    while socket.receive() != nil { found.withLock { $0.answered += 1 } }
                }
            }
        }
    }
}
