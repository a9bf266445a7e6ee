import Foundation
import HTTP
import Media

/// Answers viewers of a live stream over HTTP: at once what is there, and what comes next as soon as it is.
///
/// The thread that adds to the stream waits for nobody.
final class HLSServer: Sendable {
    private let playlist: Newest<HLSPlaylist>
    private let server: RunningServer

    /// Bytes that the system holds for a viewer: more than a part of 200 ms at 20 Mbit/s.
    private static let sendBuffer: Int32 = 1 << 19

    /// - Parameter port: of 127.0.0.1; 0 for any.
    init(port: UInt16, _ playlist: HLSPlaylist) throws {
        let newest = Newest(playlist)
        self.playlist = newest
        server = try RunningServer(port: port, sendBuffer: HLSServer.sendBuffer) { request in
            await HLSServer.respond(to: request, newest)
        }
    }

    var port: UInt16 { server.port }

    /// Adds what was made to the stream.
    func update(_ change: (inout HLSPlaylist) -> Void) { playlist.update(change) }

    private static func respond(
        to request: LocalServer.Request, _ playlist: Newest<HLSPlaylist>
    ) async -> LocalServer.Response {
        guard request.path != "/" else { return page }
        guard let file = HLSPlaylist.File(request.path.dropFirst()) else {
            return .init(status: 404, body: "there is GET of: /, /live.m3u8\n")
        }
        return file == .playlist
            ? await text(request.query, playlist) : await bytes(of: file, playlist)
    }

    private static let page: LocalServer.Response = {
        var page = LocalServer.Response(
            type: "text/html; charset=utf-8", body: .bytes(PackageResources.player_html))
        page.headers = [
            "Cache-Control": "no-store",
            "Content-Security-Policy": "default-src 'self' 'unsafe-inline'; media-src 'self' blob:",
        ]
        return page
    }()

    /// Waits until the playlist has what the query says: `_HLS_msn` and `_HLS_part` of the draft's
    /// section 6.2.5.2.
    private static func text(
        _ query: [String: String], _ playlist: Newest<HLSPlaylist>
    ) async -> LocalServer.Response {
        let segment = query["_HLS_msn"].flatMap { Int($0) }
        let part = query["_HLS_part"].flatMap { Int($0) }
        guard let segment else {
            // Without a picture there is no playlist; players try again.
            guard playlist.current.value.hasSegments else {
                return .init(status: 503, body: "no picture has come yet\n")
            }
            return text(of: playlist.current.value)
        }
        let now = playlist.current.value
        guard segment <= now.next.segment + 2 else {
            return .init(
                status: 400, body: "_HLS_msn=\(segment), but \(now.next.segment) is made now\n")
        }
        let found = await wait(for: playlist) { $0.has(segment: segment, part: part) }
        return found.has(segment: segment, part: part)
            ? text(of: found) : .init(status: 503, body: "it has not come\n")
    }

    private static func text(of playlist: HLSPlaylist) -> LocalServer.Response {
        var response = LocalServer.Response(
            type: "application/vnd.apple.mpegurl", body: playlist.text(isLowLatency: true))
        response.headers = ["Cache-Control": "no-cache"]
        return response
    }

    private static func bytes(
        of file: HLSPlaylist.File, _ playlist: Newest<HLSPlaylist>
    ) async -> LocalServer.Response {
        var found = playlist.current.value
        // The one that the playlist hints at is there soon, or never, should its segment end before it.
        if case .part(let place) = file, place == found.next {
            found = await wait(for: playlist) { $0.next > place }
        }
        guard let bytes = found.bytes(of: file) else {
            return .init(status: 404, body: "there is no \(file.name) (any more)\n")
        }
        var response = LocalServer.Response(type: "video/mp4", body: .bytes(bytes))
        // A name is never used again for other bytes.
        response.headers = ["Cache-Control": "max-age=3600"]
        return response
    }

    /// The playlist when something is so, or after as long as a draft's server may wait: three targets.
    private static func wait(
        for playlist: Newest<HLSPlaylist>, until isSo: (HLSPlaylist) -> Bool
    ) async -> HLSPlaylist {
        let (first, _) = playlist.current
        let end = ContinuousClock.now + .seconds(min(3 * first.targetDuration, 9))
        while true {
            let (value, version) = playlist.current
            let rest = end - .now
            guard !isSo(value), rest > .zero else { return value }
            await playlist.change(since: version, atMost: rest)
        }
    }
}
