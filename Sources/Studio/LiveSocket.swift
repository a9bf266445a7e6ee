import CPosix
import FlyingFox
import Foundation
import Media
import Synchronization

/// One page's WebSocket, protocol `personalive.v1`: pictures down, the camera up, and a few words as
/// JSON texts. docs/studio.md describes it.
///
/// FlyingFox would queue without bounds what it is given, so frames are pulled by the socket's own pace.
struct LiveSocket: WSHandler {
    /// Pictures that are watched; nil for none.
    let tap: PictureTap?
    /// What the page can show.
    let layer: PictureLayer
    /// Where pictures of the page's camera go; nil of a page that may not send any.
    let camera: CameraLine?

    /// Bytes of one message, which may come in pieces.
    private static let largestMessage = 4 << 20

    /// What a page says.
    private struct Words: Decodable {
        /// The page's time in milliseconds, which comes back with the server's.
        var clock: Double?
        /// Pictures that the page has got.
        var ack: UInt32?
        /// Its camera was started, or stopped.
        var camera: Bool?
    }

    func makeFrames(for client: AsyncThrowingStream<WSFrame, any Error>) async throws
        -> AsyncStream<WSFrame>
    {
        let outbox = Outbox()
        let viewer = tap?.add(PageViewer(outbox, layer))
        outbox.send(#"{"hello":"personalive.v1","window":\#(Outbox.window)}"#)
        let line = camera.map { CameraWay($0) { outbox.send($0) } }
        let reader = Task {
            do {
                try await read(client, outbox, line)
            } catch {
                let words = (try? JSONEncoder().encode(["error": "\(error)"])) ?? Data("{}".utf8)
                outbox.send(String(decoding: words, as: UTF8.self))
            }
            outbox.close()
        }
        let end: @Sendable () -> Void = { [tap] in
            reader.cancel()
            if let viewer { tap?.remove(viewer) }
            line?.close()
            outbox.close()
        }
        let guardian = Guardian(end)
        return AsyncStream<WSFrame> {
            guardian.touch()
            guard let item = await outbox.next() else {
                guardian.finish()
                return nil
            }
            switch item {
            case .text(let text):
                return WSFrame(fin: true, opcode: .text, mask: nil, payload: Data(text.utf8))
            case .bytes(let bytes):
                return WSFrame(fin: true, opcode: .binary, mask: nil, payload: Data(bytes))
            }
        }
    }

    /// A page that watches.
    private final class PageViewer: PictureTap.Viewer {
        private let outbox: Outbox
        private let choice: Mutex<LayerChoice>

        init(_ outbox: Outbox, _ layer: PictureLayer) {
            self.outbox = outbox
            choice = Mutex(LayerChoice(layer))
        }

        var layer: PictureLayer { choice.withLock { $0.layer } }

        func take(_ shot: PictureTap.Shot) {
            let isCut = outbox.send(
                picture: Outbox.Picture(
                    shot.bytes, isKey: shot.isKey, isAlone: shot.layer == .jpeg,
                    isPast: shot.isPast))
            choice.withLock { $0.note(isCut: isCut, at: .now) }
        }
    }

    private func read(
        _ client: AsyncThrowingStream<WSFrame, any Error>, _ outbox: Outbox,
        _ line: CameraWay?
    ) async throws {
        var message: [UInt8] = []
        var isText = false
        var count = 0
        for try await frame in client {
            switch frame.opcode {
            case .close: return
            case .ping, .pong: continue
            case .text, .binary:
                (message, isText) = (Array(frame.payload), frame.opcode == .text)
            case .continuation: message += frame.payload
            default: return
            }
            guard message.count <= Self.largestMessage else { return }
            guard frame.fin else { continue }
            if isText {
                hear(message, outbox, line)
            } else {
                // From this the page knows what is still on its way, buffers of the network included.
                count += 1
                outbox.send(#"{"got":\#(count)}"#)
                line?.send(message)
            }
            message = []
        }
    }

    private func hear(_ text: [UInt8], _ outbox: Outbox, _ line: CameraWay?) {
        guard let words = try? JSONDecoder().decode(Words.self, from: Data(text)) else { return }
        if let camera = words.camera { line?.turn(on: camera) }
        if let ack = words.ack { outbox.acknowledge(ack) }
        if let clock = words.clock {
            let now = Double(posix_monotonic_ns()) / 1e6
            outbox.send(#"{"clock":\#(clock),"server":\#(now),"replaced":\#(outbox.replaced)}"#)
        }
    }

    /// Ends what belongs to a socket once, when its last frame was taken or its stream is let go.
    private final class Guardian: Sendable {
        private let end: Mutex<(@Sendable () -> Void)?>
        init(_ end: @escaping @Sendable () -> Void) { self.end = Mutex(end) }
        deinit { finish() }
        /// Keeps this value with the stream that calls it.
        func touch() {}
        func finish() {
            let end = end.withLock { end in
                defer { end = nil }
                return end
            }
            end?()
        }
    }
}
