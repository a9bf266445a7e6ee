import Glibc

/// Ports of this machine's loopback that no socket uses at the moment.
package enum FreePort {
    /// Asks the kernel for one. Nothing keeps it: another process may take it first.
    ///
    /// - Throws: ``LaunchError/system(call:reason:)``.
    package static func find() throws -> UInt16 { try bound(to: 0) }

    /// Says why a port cannot be had; nothing where it can.
    ///
    /// - Throws: ``LaunchError/system(call:reason:)``.
    package static func check(_ port: UInt16) throws { _ = try bound(to: port) }

    /// Binds a socket for a moment, and returns its port.
    private static func bound(to port: UInt16) throws -> UInt16 {
        let descriptor = socket(
            AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else {
            throw LaunchError.system(call: "socket", reason: String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        // A server that has just ended leaves connections that hold no port.
        var yes: Int32 = 1
        setsockopt(
            descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_port = port.bigEndian
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let found = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        guard found else {
            throw LaunchError.system(
                call: "bind(127.0.0.1:\(port))", reason: String(cString: strerror(errno)))
        }
        return UInt16(bigEndian: address.sin_port)
    }
}
