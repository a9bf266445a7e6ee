import Foundation
import Glibc
import Media
import Synchronization

/// The way to a run's `browser-camera`: its Unix socket in the run's folder.
///
/// Messages go as a length (u32, little endian) and the bytes of a ``LiveMessage``; texts come back in
/// the same form. When the node has no time, whole messages are dropped here, and the page is asked
/// for a keyframe.
struct CameraLine: Sendable {
    let path: String

    /// Connects; nil where nobody listens. Texts of the node are handed to `hear`.
    func connected(hear: @escaping @Sendable (String) -> Void) -> Connection? {
        let connection = Connection(path, hear)
        if connection == nil {
            hear(#"{"camera":"the browser-camera of this graph does not listen yet; it is tried again"}"#)
        }
        return connection
    }

    /// A socket that is closed when nobody uses it any more: its number cannot become another file's
    /// while somebody sends.
    private final class OpenSocket: Sendable {
        let descriptor: Int32
        init(_ descriptor: Int32) { self.descriptor = descriptor }
        deinit { Glibc.close(descriptor) }
    }

    final class Connection: Sendable {
        private struct State {
            /// Nil once nothing that is sent arrives any more.
            var socket: OpenSocket?
            /// A picture was dropped, so those up to the next keyframe are of no use.
            var needsKey = true
            /// Messages that wait.
            var pictures = 0
            var sounds = 0
        }

        private let state: Mutex<State>
        private let queue = DispatchQueue(label: "personalive.camera-line")
        private let hear: @Sendable (String) -> Void
        /// Messages that may wait for the node: at 25 pictures and 50 packets of sound a second, those of
        /// 160 ms.
        private static let most = (pictures: 4, sounds: 8)
        /// The kind of a message of sound: none needs another one, and no keyframe mends what is lost.
        private static let soundKind = LiveMessage.Kind.audioUp.rawValue

        fileprivate init?(_ path: String, _ hear: @escaping @Sendable (String) -> Void) {
            let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else { return nil }
            let open = OpenSocket(descriptor)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            let room = MemoryLayout.size(ofValue: address.sun_path)
            guard path.utf8.count < room else { return nil }
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(open.descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            guard result == 0 else { return nil }
            state = Mutex(State(socket: open))
            self.hear = hear
            Thread { [weak self] in
                withExtendedLifetime(open) { Self.listen(open.descriptor) { self?.heard($0) } }
            }.start()
        }

        deinit { close() }

        /// Whether nothing that is sent arrives any more.
        var isClosed: Bool { state.withLock { $0.socket == nil } }

        /// Ends the connection; the thread that listens sees it, and so does who still sends.
        func close() {
            state.withLock { state in
                guard let socket = state.socket else { return }
                shutdown(socket.descriptor, Int32(SHUT_RDWR))
                state.socket = nil
            }
        }

        /// Sends a message, or drops it when the node is behind.
        func send(_ message: [UInt8]) {
            guard message.count >= 24 else { return }
            let isSound = message[0] == Self.soundKind
            let isRoom = isSound ? isRoomForSound() : isRoomForPicture(isKey: message[1] & 1 != 0)
            if isRoom { queue.async { [self] in write(message, isSound: isSound) } }
        }

        private func isRoomForSound() -> Bool {
            state.withLock { state -> Bool in
                guard state.sounds < Self.most.sounds else { return false }
                state.sounds += 1
                return true
            }
        }

        /// Judged in the order in which pictures come: a keyframe that waits mends nothing that was dropped
        /// after it.
        private func isRoomForPicture(isKey: Bool) -> Bool {
            let (isFull, isRoom) = state.withLock { state -> (Bool, Bool) in
                let isFull = state.pictures >= Self.most.pictures
                state.needsKey = isFull || state.needsKey && !isKey
                if !state.needsKey { state.pictures += 1 }
                return (isFull, !state.needsKey)
            }
            if isFull { hear(#"{"key":true}"#) }
            return isRoom
        }

        private func write(_ message: [UInt8], isSound: Bool) {
            defer { state.withLock { if isSound { $0.sounds -= 1 } else { $0.pictures -= 1 } } }
            guard let socket = state.withLock({ $0.socket }) else { return }
            defer { withExtendedLifetime(socket) {} }
            var bytes = withUnsafeBytes(of: UInt32(message.count).littleEndian) { Array($0) }
            bytes += message
            var done = 0
            while done < bytes.count {
                let count = bytes.withUnsafeBytes {
                    Glibc.send(
                        socket.descriptor, $0.baseAddress! + done, $0.count - done,
                        Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { return }
                done += count
            }
        }

        private func heard(_ text: String?) {
            if let text { return hear(text) }
            close()
        }

        /// Hands on what the node says, then nil.
        private static func listen(_ descriptor: Int32, _ hear: (String?) -> Void) {
            func read(_ count: Int) -> [UInt8]? {
                var bytes = [UInt8](repeating: 0, count: count)
                var done = 0
                while done < count {
                    let part = bytes.withUnsafeMutableBytes {
                        recv(descriptor, $0.baseAddress! + done, count - done, 0)
                    }
                    guard part > 0 else { return nil }
                    done += part
                }
                return bytes
            }
            while let head = read(4) {
                let count = head.enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
                guard count <= 65_536, let text = read(count) else { break }
                hear(String(decoding: text, as: UTF8.self))
            }
            hear(nil)
        }
    }
}
