import Glibc

/// The bytes behind one or more tensors, given back when the last of them is gone.
///
/// What "given back" means is the owner's choice: freed, returned to a pool, unmapped, or handed to
/// the process that lent them.
public final class TensorMemory: @unchecked Sendable {
    // Unchecked because the pointer is constant and the bytes follow the tensor's rule: whoever
    // writes has not yet shared it.

    /// First byte; aligned to 64 bytes unless the memory belongs to someone else's layout.
    public let base: UnsafeMutableRawPointer
    /// How many bytes may be touched.
    public let byteCount: Int
    /// An object that the memory's owner wants kept or found again (a pool's slot, a mapped file).
    public let owner: AnyObject?
    private let release: (@Sendable (UnsafeMutableRawPointer) -> Void)?

    /// Wraps memory that belongs to someone else; `release` runs once, on whichever thread drops it.
    public init(
        base: UnsafeMutableRawPointer, byteCount: Int, owner: AnyObject? = nil,
        release: (@Sendable (UnsafeMutableRawPointer) -> Void)? = nil
    ) {
        self.base = base
        self.byteCount = byteCount
        self.owner = owner
        self.release = release
    }

    /// Fresh memory of its own, aligned to 64 bytes, not cleared.
    public convenience init(byteCount: Int) {
        let base = Self.allocate(byteCount: byteCount)
        self.init(base: base, byteCount: byteCount) {
            Self.deallocate($0, byteCount: byteCount)
        }
    }

    private static let hugePage = 1 << 21

    /// Fresh memory, aligned to 64 bytes, which the caller must give to ``deallocate(_:byteCount:)``.
    ///
    /// Large blocks ask for pages of 2 MiB: touching a GiB first took 0.26 s instead of 0.7 s. They
    /// are mapped one by one, so that what is freed is gone: the C library's heap kept 1.2 GB of holes
    /// where weights had been rounded and dropped.
    package static func allocate(byteCount: Int) -> UnsafeMutableRawPointer {
        guard isMapped(byteCount) else {
            return .allocate(byteCount: max(byteCount, 1), alignment: 64)
        }
        let length = pages(byteCount)
        let mapped = mmap(
            nil, length + hugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let mapped, mapped != MAP_FAILED else {
            fatalError("there is no memory for \(byteCount) bytes: \(String(cString: strerror(errno)))")
        }
        let base = mapped.alignedUp(toMultipleOf: hugePage)
        if base > mapped { munmap(mapped, base - mapped) }
        let excess = mapped + hugePage - base
        if excess > 0 { munmap(base + length, excess) }
        madvise(base, length, MADV_HUGEPAGE)
        return base
    }

    /// Frees what ``allocate(byteCount:)`` gave for so many bytes.
    package static func deallocate(_ base: UnsafeMutableRawPointer, byteCount: Int) {
        if isMapped(byteCount) { munmap(base, pages(byteCount)) } else { base.deallocate() }
    }

    private static func isMapped(_ byteCount: Int) -> Bool { byteCount >= 2 * hugePage }

    private static func pages(_ byteCount: Int) -> Int { (byteCount + 4095) / 4096 * 4096 }

    deinit { release?(base) }
}
