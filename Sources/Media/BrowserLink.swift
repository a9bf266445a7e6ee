import Foundation
import Glibc

/// Where a browser's camera comes in: a Unix socket of mode 0600 in a run's folder, to which the studio
/// connects. There is no port.
///
/// Both ways a message is its length (u32, little endian) and its bytes: a ``LiveMessage`` from the
/// browser, a JSON text to it. One browser sends at a time, the one that connected last.
package final class BrowserLink {
    /// What came.
    package enum Event: Equatable {
        case chunk(LiveMessage)
        /// Another browser sends from now on.
        case began
        /// Nobody sends any more.
        case left
    }

    private let path: String
    private let listener: Int32
    private var inode: ino_t = 0
    private var client: Int32 = -1
    private var bytes: [UInt8] = []

    /// Bytes of one message.
    private static let largest = 4 << 20

    /// - Parameter path: of the socket; what is left of an earlier process is removed.
    package init(_ path: String) throws(MediaError) {
        self.path = path
        unlink(path)
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw .failed(call: "bind", argument: path, reason: "the path is too long for a socket")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        // Nobody else may connect, not even for a moment: Linux makes the file with the socket's own mode. A
        // umask would hold for what other threads make meanwhile, too.
        fchmod(listener, 0o600)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0, listen(listener, 4) == 0 else {
            // `deinit` closes the socket, after `errno` was read.
            throw .failed(call: "bind", argument: path, reason: String(cString: strerror(errno)))
        }
        inode = Self.inode(of: path)
    }

    private static func inode(of path: String) -> ino_t {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_ino : 0
    }

    deinit {
        leave()
        close(listener)
        // A process that took over listens under the same name.
        if Self.inode(of: path) == inode { unlink(path) }
    }

    /// The next event, or nil when none came within `milliseconds`.
    package func next(milliseconds: Int32) -> Event? {
        if let message = parsed() { return .chunk(message) }
        var items = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
        if client >= 0 { items.append(pollfd(fd: client, events: Int16(POLLIN), revents: 0)) }
        guard poll(&items, nfds_t(items.count), milliseconds) > 0 else { return nil }
        if items[0].revents != 0 {
            let next = accept(listener, nil, nil)
            guard next >= 0 else { return nil }
            _ = fcntl(next, F_SETFD, FD_CLOEXEC)
            if client >= 0 { tell(#"{"camera":"another page sends its camera now","taken":true}"#) }
            leave()
            client = next
            return .began
        }
        var part = [UInt8](repeating: 0, count: 1 << 16)
        let count = recv(client, &part, part.count, Int32(MSG_DONTWAIT))
        guard count > 0 else {
            if count < 0, errno == EAGAIN { return nil }
            leave()
            return .left
        }
        bytes += part[..<count]
        return parsed().map { .chunk($0) }
    }

    /// The first whole message of what has come.
    private func parsed() -> LiveMessage? {
        guard bytes.count >= 4 else { return nil }
        let count = (0..<4).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
        guard count <= Self.largest else {
            leave()
            return nil
        }
        guard bytes.count >= 4 + count else { return nil }
        let message = LiveMessage(Array(bytes[4..<(4 + count)]))
        bytes.removeFirst(4 + count)
        return message
    }

    /// Tells the browser something; it is lost where there is no room for it.
    package func tell(_ text: String) {
        guard client >= 0 else { return }
        let bytes = withUnsafeBytes(of: UInt32(text.utf8.count).littleEndian) { Array($0) } + text.utf8
        _ = send(client, bytes, bytes.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
    }

    private func leave() {
        if client >= 0 { close(client) }
        (client, bytes) = (-1, [])
    }
}
