import Foundation
import Glibc

/// A small server on this machine that answers like a hub, one connection per request.
final class HubServer: @unchecked Sendable {
    // Unchecked because what changes is used under the lock.

    struct Request: Sendable {
        let method: String
        let path: String
        /// By names in small letters.
        let headers: [String: String]

        /// The first byte asked for.
        var rangeStart: Int? {
            headers["range"].flatMap { Int($0.dropFirst("bytes=".count).dropLast()) }
        }
    }

    struct Response: Sendable {
        var status = 200
        var headers: [String: String] = [:]
        var body: [UInt8] = []
        /// Close the connection after so many bytes of the body.
        var breaksAfter: Int?
        /// Wait before the body.
        var waits: (@Sendable () -> Void)?
    }

    let port: UInt16
    private let socket: Int32
    private let lock = NSLock()
    private var seen: [Request] = []
    private let answer: @Sendable (Request) -> Response

    var endpoint: String { "http://127.0.0.1:\(port)" }
    /// What was asked so far, in order.
    var requests: [Request] { lock.withLock { seen } }
    /// Where each range that was fetched began; nil for whole files.
    var startsOfRanges: [Int?] { requests.filter { $0.method == "GET" }.map(\.rangeStart) }

    init(_ answer: @escaping @Sendable (Request) -> Response) {
        self.answer = answer
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = socket
        port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                precondition(bind(descriptor, $0, length) == 0 && listen(descriptor, 16) == 0)
                getsockname(descriptor, $0, &length)
            }
            return UInt16(bigEndian: pointer.pointee.sin_port)
        }
        Thread { [self] in accept() }.start()
    }

    /// Ends the server; a thread that still answers ends with its answer.
    func stop() { shutdown(socket, Int32(SHUT_RDWR)) }

    private func accept() {
        while true {
            let connection = Glibc.accept(socket, nil, nil)
            if connection < 0 { return }
            Thread { [self] in
                serve(connection)
                close(connection)
            }.start()
        }
    }

    private func serve(_ connection: Int32) {
        guard let request = Self.read(connection) else { return }
        lock.withLock { seen.append(request) }
        let response = answer(request)
        var head = "HTTP/1.1 \(response.status) Word\r\nConnection: close\r\n"
        if response.headers["Content-Length"] == nil {
            head += "Content-Length: \(response.body.count)\r\n"
        }
        for (name, value) in response.headers where !value.isEmpty {
            head += "\(name): \(value)\r\n"
        }
        Self.write(connection, Array((head + "\r\n").utf8))
        guard request.method != "HEAD" else { return }
        response.waits?()
        Self.write(connection, Array(response.body.prefix(response.breaksAfter ?? .max)))
    }

    private static func read(_ connection: Int32) -> Request? {
        var text = "", byte: UInt8 = 0
        while !text.hasSuffix("\r\n\r\n") {
            guard recv(connection, &byte, 1, 0) == 1 else { return nil }
            text.unicodeScalars.append(Unicode.Scalar(byte))
        }
        let lines = text.components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] =
                line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        return Request(method: String(words[0]), path: String(words[1]), headers: headers)
    }

    private static func write(_ connection: Int32, _ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                send(
                    connection, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return }
            sent += count
        }
    }
}

/// A file on such a server, with the headers that a hub gives it.
struct HostedFile: Sendable {
    let path: String
    let bytes: [UInt8]
    /// SHA-256, or what the hub says it is.
    var etag: String

    /// Whether a request is for it: for what it is by the branch, for its bytes by the commit.
    func isAsked(by request: HubServer.Request) -> Bool {
        request.path
            == (request.method == "HEAD" ? path : path.replacing("/main/", with: "/c0ffee/"))
    }

    /// How a hub answers, honouring ranges.
    func response(to request: HubServer.Request) -> HubServer.Response {
        var response = HubServer.Response(
            headers: [
                "X-Repo-Commit": "c0ffee", "ETag": "\"\(etag)\"", "X-Linked-Etag": "\"\(etag)\"",
                "X-Linked-Size": "\(bytes.count)",
            ], body: bytes)
        if let start = request.rangeStart, start <= bytes.count {
            response.status = 206
            response.headers["Content-Range"] = "bytes \(start)-\(bytes.count - 1)/\(bytes.count)"
            response.body = Array(bytes[start...])
        }
        return response
    }
}

/// The two files of a repository `a/b`.
extension HostedFile {
    // Sums by `sha256sum`: of 300000 bytes that count up, and of "small".
    static let large = HostedFile(
        path: "/a/b/resolve/main/large.bin", bytes: (0..<300_000).map { UInt8($0 % 251) },
        etag: "3c65ea93424a9c362fec0e3a69ea36031e8a358441479dd665cc6110eabe7b08")
    static let small = HostedFile(
        path: "/a/b/resolve/main/sub/small.json", bytes: Array("small".utf8),
        etag: "81db8ebbbbc69c6c6ad4a6aa92b76e0c08af547da236b9e2c9dbe1d8285a8130")

    /// How a hub answers that has just these.
    static func answer(_ request: HubServer.Request) -> HubServer.Response {
        let file = [large, small].first { $0.isAsked(by: request) }
        return file?.response(to: request) ?? HubServer.Response(status: 404)
    }
}
