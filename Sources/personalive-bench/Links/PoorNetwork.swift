import Foundation
import Glibc
import Synchronization
import Tensors

/// A stretch of bad network between two processes of this machine: a TCP proxy that delays, slows,
/// loses and falls silent.
///
/// What runs over it is TCP, so a lost segment shows as what TCP makes of it: everything behind it
/// waits until it has been sent again. A pulled cable is silence, with both connections still open.
final class PoorNetwork: @unchecked Sendable {
    // Unchecked because `state` has a lock of its own, and the rest never changes.

    struct Quality: Sendable {
        /// One way, seconds.
        var delay = 0.0
        /// Bits per second each way; 0 for no limit.
        var rate = 0.0
        /// Chance that a segment has to be sent again.
        var loss = 0.0
    }

    /// Of TCP over Ethernet.
    private static let segment = 1448
    /// The least that Linux waits before it sends a segment again.
    private static let retransmission = 0.2
    /// What a router of a slow line holds, bytes; then the sender is held up.
    private static let queue = 256 << 10

    private struct State {
        var cutUntil = 0.0
        var open: [Int32] = []
        var listeners: [Int32] = []
        var dice: SeededDice
        var bytes = 0
        var accepted = 0
    }

    private let quality: Quality
    private let state: Mutex<State>

    init(_ quality: Quality, seed: UInt64) {
        self.quality = quality
        state = Mutex(State(dice: SeededDice(seed: seed)))
    }

    deinit { close() }

    /// Bytes carried, both ways together.
    var bytes: Int { state.withLock { $0.bytes } }

    /// Silence for so many seconds, from now on.
    func pull(seconds: Double) { state.withLock { $0.cutUntil = Self.now + seconds } }

    /// Every connection is reset.
    func reset() {
        let open = state.withLock { state in
            defer { state.open = [] }
            return state.open
        }
        for descriptor in open {
            var abort = linger(l_onoff: 1, l_linger: 0)
            setsockopt(
                descriptor, SOL_SOCKET, SO_LINGER, &abort, socklen_t(MemoryLayout<linger>.size))
            shutdown(descriptor, Int32(SHUT_RDWR))
        }
    }

    /// Closes all connections and listens no more.
    func close() {
        let listeners = state.withLock { state in
            defer { state.listeners = [] }
            return state.listeners
        }
        listeners.forEach { shutdown($0, Int32(SHUT_RDWR)) }
        reset()
    }

    /// Another way to an endpoint `tcp://127.0.0.1:…`, through this network.
    func way(to endpoint: String) -> String {
        guard let port = endpoint.split(separator: ":").last.flatMap({ UInt16($0) }) else {
            return endpoint
        }
        let listener = socket(
            AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = Self.loopback(0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isReady = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, size) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, $0, &size) == 0
            }
        }
        guard isReady else { return endpoint }
        state.withLock { $0.listeners.append(listener) }
        Thread { [self] in serve(listener, port) }.start()
        return "tcp://127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private static var now: Double { Double(DispatchTime.now().uptimeNanoseconds) / 1e9 }

    private func serve(_ listener: Int32, _ port: UInt16) {
        defer { Glibc.close(listener) }
        while case let near = accept(listener, nil, nil), near >= 0 {
            let far = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            var address = Self.loopback(port)
            let isThere = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(far, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            guard isThere else {
                Glibc.close(near)
                Glibc.close(far)
                continue
            }
            var yes: Int32 = 1
            for descriptor in [near, far] {
                setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, 4)
            }
            state.withLock {
                $0.open += [near, far]
                $0.accepted += 1
            }
            let ends = Mutex(2)
            let over: @Sendable () -> Void = { [self] in
                guard
                    ends.withLock({
                        $0 -= 1; return $0 == 0
                    })
                else { return }
                state.withLock { $0.open.removeAll { $0 == near || $0 == far } }
                Glibc.close(near)
                Glibc.close(far)
            }
            carry(from: near, to: far, over)
            carry(from: far, to: near, over)
        }
    }

    /// One direction of a connection: one thread takes bytes in, one lets them out when it is time.
    private func carry(from: Int32, to: Int32, _ over: @escaping @Sendable () -> Void) {
        let line = Line()
        Thread { [self] in
            takeIn(from, line)
            line.put(nil, at: 0)
        }.start()
        Thread { [self] in
            letOut(to, line)
            shutdown(to, Int32(SHUT_RDWR))
            shutdown(from, Int32(SHUT_RDWR))
            line.abandon()
            over()
        }.start()
    }

    private func takeIn(_ descriptor: Int32, _ line: Line) {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        var (free, last) = (0.0, 0.0)
        while case let count = recv(descriptor, &buffer, buffer.count, 0), count > 0 {
            var time = max(Self.now, free)
            if quality.rate > 0 { time += Double(count) * 8 / quality.rate }
            free = time
            last = max(last, time + quality.delay + penalty(count))
            if quality.loss > 0 { free = max(free, last - quality.delay) }
            guard line.put(Array(buffer[..<count]), at: last, limit: Self.queue) else { return }
        }
    }

    /// How much later some bytes come because segments of them were lost.
    private func penalty(_ count: Int) -> Double {
        guard quality.loss > 0 else { return 0 }
        let segments = (count + Self.segment - 1) / Self.segment
        let wait = max(Self.retransmission, 2 * quality.delay)
        return state.withLock { state in
            (0..<segments).reduce(0) { sum, _ in
                Double.random(in: 0..<1, using: &state.dice) < quality.loss ? sum + wait : sum
            }
        }
    }

    private func letOut(_ descriptor: Int32, _ line: Line) {
        while let (bytes, due) = line.take() {
            while case let wait = max(due, state.withLock { $0.cutUntil }) - Self.now, wait > 0 {
                Thread.sleep(forTimeInterval: min(wait, 0.05))
            }
            state.withLock { $0.bytes += bytes.count }
            var rest = bytes[...]
            while !rest.isEmpty {
                let sent = rest.withUnsafeBytes {
                    send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard sent > 0 else { return }
                rest = rest.dropFirst(sent)
            }
        }
    }

    /// Bytes under way in one direction.
    private final class Line: @unchecked Sendable {
        // Unchecked because the condition's lock guards every variable.
        private let changed = NSCondition()
        private var waiting: [(bytes: [UInt8]?, due: Double)] = []
        private var count = 0
        private var isAbandoned = false

        /// False when the other end is gone.
        @discardableResult
        func put(_ bytes: [UInt8]?, at due: Double, limit: Int = .max) -> Bool {
            changed.withLock {
                while count > limit, !isAbandoned { changed.wait() }
                waiting.append((bytes, due))
                count += bytes?.count ?? 0
                changed.broadcast()
                return !isAbandoned
            }
        }

        func take() -> (bytes: [UInt8], due: Double)? {
            changed.withLock {
                while waiting.isEmpty { changed.wait() }
                guard let bytes = waiting[0].bytes else { return nil }
                let due = waiting.removeFirst().due
                count -= bytes.count
                changed.broadcast()
                return (bytes, due)
            }
        }

        func abandon() {
            changed.withLock {
                isAbandoned = true
                changed.broadcast()
            }
        }
    }
}
