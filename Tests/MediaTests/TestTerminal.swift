import Glibc

/// A terminal of the test's own: what is written to ``path`` is read from ``descriptor``.
final class TestTerminal {
    let descriptor = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK)
    let path: String

    /// TIOCGPTN and TIOCSPTLCK of Linux's ioctls.h, which Swift does not see.
    private static let (number, lock): (UInt, UInt) = (0x8004_5430, 0x4004_5431)

    init() {
        var (number, isLocked): (Int32, Int32) = (0, 0)
        precondition(ioctl(descriptor, Self.lock, &isLocked) == 0, "no terminal can be made")
        precondition(ioctl(descriptor, Self.number, &number) == 0, "no terminal can be made")
        path = "/dev/pts/\(number)"
    }

    deinit { close(descriptor) }
}
