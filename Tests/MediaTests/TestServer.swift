import Foundation
import Glibc

/// A server of one file over HTTP, on a free port of this machine; gone with the test.
final class TestServer: @unchecked Sendable {
    // Unchecked because all is set before its thread starts.
    enum Manner {
        /// The whole file, each time.
        case whole
        /// Nothing but silence after so many bytes of the file; below 0, no answer at all.
        case silent(after: Int)
        /// The connection is closed after the whole file, whose length is not said: as live streams are.
        case live
    }

    let port: UInt16
    private let listener: Int32
    private let bytes: [UInt8]
    private let manner: Manner

    var address: String { "http://127.0.0.1:\(port)/film" }

    init(_ bytes: [UInt8], _ manner: Manner) {
        (self.bytes, self.manner) = (bytes, manner)
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                precondition(bind(socket, $0, size) == 0 && listen(socket, 8) == 0)
                getsockname(socket, $0, &size)
            }
        }
        port = UInt16(bigEndian: place.sin_port)
        listener = socket
        Thread.detachNewThread {
            while case let client = accept(socket, nil, nil), client >= 0 {
                Self.answer(client, bytes, manner)
            }
        }
    }

    deinit { shutdown(listener, Int32(SHUT_RDWR)); close(listener) }

    private static func answer(_ client: Int32, _ bytes: [UInt8], _ manner: Manner) {
        var request = [UInt8](repeating: 0, count: 4_096)
        let count = recv(client, &request, request.count, 0)
        let text = String(decoding: request.prefix(max(count, 0)), as: UTF8.self)
        let from =
            text.firstMatch(of: #/[Rr]ange: bytes=(?<from>[0-9]+)-/#).flatMap {
                Int($0.output.from)
            } ?? 0
        func send(_ bytes: [UInt8]) {
            _ = Glibc.send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        }
        switch manner {
        case .whole:
            send(
                Array(
                    ("HTTP/1.1 206 Partial Content\r\nContent-Length: \(bytes.count - from)\r\n"
                        + "Content-Range: bytes \(from)-\(bytes.count - 1)/\(bytes.count)\r\n"
                        + "Accept-Ranges: bytes\r\nConnection: close\r\n\r\n").utf8)
                    + bytes.dropFirst(from))
            close(client)
        case .silent(let after):
            // The client is left waiting, and closes the connection itself.
            guard after >= 0 else { return }
            send(
                Array("HTTP/1.1 200 OK\r\nContent-Length: \(bytes.count)\r\n\r\n".utf8)
                    + bytes.prefix(after))
        case .live:
            let size = String(bytes.count, radix: 16)
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            send(Array((head + size + "\r\n").utf8) + bytes + Array("\r\n0\r\n\r\n".utf8))
            close(client)
        }
    }
}
