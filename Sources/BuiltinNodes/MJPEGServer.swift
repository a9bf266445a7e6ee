import Foundation
import HTTP
import Synchronization

/// Sends the newest picture to each viewer as fast as it takes pictures. The thread that gives pictures
/// waits for nobody.
final class MJPEGServer: Sendable {
    /// A picture as one part of the answer.
    private struct Part: Sendable {
        var bytes: [UInt8] = []
        var number: UInt64 = 0
    }

    /// Those who look on.
    private final class Audience: Sendable {
        struct Counts { var (viewers, skipped) = (0, 0) }
        let counts = Mutex(Counts())
    }

    /// One who looks on, as long as its answer lasts.
    private final class Viewer: Sendable {
        private let audience: Audience
        private let newest: Newest<Part>
        private let seen: Mutex<UInt64>

        init(_ audience: Audience, _ newest: Newest<Part>) {
            (self.audience, self.newest) = (audience, newest)
            seen = Mutex(newest.current.value.number)
            audience.counts.withLock { $0.viewers += 1 }
        }

        deinit { audience.counts.withLock { $0.viewers -= 1 } }

        /// The newest picture that it has not had, as soon as there is one.
        func next() async -> [UInt8]? {
            while !Task.isCancelled {
                let (part, version) = newest.current
                let last = seen.withLock { seen in
                    defer { seen = part.number }
                    return seen
                }
                if part.number != last {
                    audience.counts.withLock { $0.skipped += Int(part.number - last - 1) }
                    return part.bytes
                }
                await newest.change(since: version, atMost: .seconds(60))
            }
            return nil
        }
    }

    private let newest: Newest<Part>
    private let audience: Audience
    private let server: RunningServer

    private static let boundary = "picture"
    /// Bytes that the system holds for a viewer: one or two pictures, so that what a slow one sees is new.
    private static let sendBuffer: Int32 = 1 << 16

    /// - Parameter port: of 127.0.0.1; 0 for any.
    init(port: UInt16) throws {
        let (newest, audience) = (Newest(Part()), Audience())
        (self.newest, self.audience) = (newest, audience)
        server = try RunningServer(port: port, sendBuffer: MJPEGServer.sendBuffer) { request in
            MJPEGServer.answer(request, newest, audience)
        }
    }

    private static func answer(
        _ request: LocalServer.Request, _ newest: Newest<Part>, _ audience: Audience
    ) -> LocalServer.Response {
        switch request.path {
        case "/": return .init(type: "text/html; charset=utf-8", body: .bytes(Array(page.utf8)))
        case "/live.mjpg":
            let viewer = Viewer(audience, newest)
            var answer = LocalServer.Response(
                type: "multipart/x-mixed-replace; boundary=\(boundary)",
                body: .stream { await viewer.next() })
            answer.headers = ["Cache-Control": "no-store"]
            return answer
        default: return .init(status: 404, body: "there is GET of: /, /live.mjpg\n")
        }
    }

    private static let page = """
        <!doctype html><meta charset="utf-8"><title>personalive</title>
        <style>body{margin:0;background:#111;display:grid;place-items:center;height:100vh}
        img{max-width:100%;max-height:100vh}</style><img src="live.mjpg" alt="the live picture">

        """

    var port: UInt16 { server.port }
    var viewers: Int { audience.counts.withLock { $0.viewers } }
    /// Pictures that viewers did not get since a newer one had come.
    var skipped: Int { audience.counts.withLock { $0.skipped } }

    /// Shows a JPEG picture.
    ///
    /// - Parameter captured: when it was taken, seconds since 1970.
    func show(_ picture: [UInt8], captured: Double) {
        let head =
            "--\(Self.boundary)\r\nContent-Type: image/jpeg\r\nContent-Length: \(picture.count)\r\n"
            + "X-Timestamp: \(String(format: "%.6f", captured))\r\n\r\n"
        let bytes = Array(head.utf8) + picture + Array("\r\n".utf8)
        newest.update {
            $0.bytes = bytes
            $0.number += 1
        }
    }
}
