import Foundation
import Glibc
import Synchronization
import Testing

@testable import Launch

@Suite struct LocalServerTests {
    /// A connection to a port of this machine.
    private final class Client {
        private let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)

        init(_ port: UInt16) throws {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            try #require(result == 0)
            var patience = timeval(tv_sec: 20, tv_usec: 0)
            setsockopt(
                descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience,
                socklen_t(MemoryLayout<timeval>.size))
        }

        deinit { close(descriptor) }

        func send(_ text: String) {
            _ = Glibc.send(descriptor, text, text.utf8.count, Int32(MSG_NOSIGNAL))
        }

        /// All that comes until the server closes the connection.
        func rest() -> String {
            var bytes: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 4096)
            while case let count = recv(descriptor, &buffer, buffer.count, 0), count > 0 {
                bytes += buffer[..<count]
            }
            return String(decoding: bytes, as: UTF8.self)
        }

        func get(_ path: String) -> String {
            send("GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return rest()
        }
    }

    /// Serves `/a` while `body` runs.
    private func serving(_ body: @escaping @Sendable (UInt16) throws -> Void) async throws {
        let server = try await LocalServer(
            port: 0, routes: ["/a": { .init(type: "text/x", body: "answer\n") }])
        let (ports, continuation) = AsyncStream<UInt16>.makeStream()
        let serving = Task { try await server.run { continuation.yield($0) } }
        defer { serving.cancel() }
        for await port in ports {
            // Sockets that block wait on a thread of their own.
            return try await withCheckedThrowingContinuation { done in
                Thread { done.resume(with: Result { try body(port) }) }.start()
            }
        }
    }

    @Test func `a route answers with its type, and another path with those there are`() async throws
    {
        try await serving { port in
            let answer = try Client(port).get("/a?x=1"), other = try Client(port).get("/b")

            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(answer.contains("Content-Type: text/x\r\n"))
            #expect(answer.hasSuffix("\r\n\r\nanswer\n"))
            #expect(other.hasPrefix("HTTP/1.1 404 Not Found\r\n"))
            #expect(other.hasSuffix("there is GET of: /a\n"))
        }
    }

    @Test func `clients that never end their requests hold no other one`() async throws {
        try await serving { port in
            let slow = try (0..<80).map { _ in try Client(port) }
            for (index, client) in slow.enumerated() {
                client.send(String("GET /a HTTP".prefix(index % 11)))
            }

            let answer = try Client(port).get("/a")
            slow[2].send("T /a HTTP/1.1\r\nConnection: close\r\n\r\n")

            #expect(answer.hasSuffix("answer\n"))
            #expect(
                slow[2].rest().hasSuffix("answer\n"), "a slow request is answered when it is whole")
        }
    }

    @Test func `a port that is taken is named`() async throws {
        try await serving { port in
            let fault = Mutex<String>("")
            let ended = DispatchSemaphore(value: 0)
            Task {
                do {
                    try await LocalServer(port: port, routes: [:]).run { _ in }
                } catch { fault.withLock { $0 = "\(error)" } }
                ended.signal()
            }
            ended.wait()

            #expect(fault.withLock { $0 } == "Bind: Address already in use")
        }
    }
}
