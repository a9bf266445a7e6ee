import CPosix
import Glibc
import Synchronization
import Tensors

/// Room in memory that other processes of this machine can read: what large payloads are written
/// into, so that only a small message saying where has to pass through a socket.
///
/// Every slot is an anonymous file: no folder lists it, and it is gone with its last user however
/// that user ends. Its size is sealed, so that a consumer can map it without fear. A consumer opens it as
/// `/proc/<process>/fd/<descriptor>`.
final class SlotPool: Sendable {
    /// One anonymous file, mapped.
    final class Slot: Sendable {
        let number: UInt64
        let descriptor: Int32
        let capacity: Int
        nonisolated(unsafe) let base: UnsafeMutableRawPointer

        init(number: UInt64, capacity: Int) throws {
            self.number = number
            self.capacity = capacity
            descriptor = posix_sealed_file("personalive", capacity)
            guard descriptor >= 0 else {
                throw WireError("memfd_create(\(capacity)): \(String(cString: strerror(-descriptor)))")
            }
            let mapped = mmap(nil, capacity, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
            guard let mapped, mapped != MAP_FAILED else {
                close(descriptor)
                throw WireError("mmap(\(capacity)): \(String(cString: strerror(errno)))")
            }
            base = mapped
        }

        deinit {
            guard !SlotPool.outlivesItsUsers.load(ordering: .relaxed) else { return }
            munmap(base, capacity)
            close(descriptor)
        }
    }

    /// Set by a process that is about to end: what it sent last may not have been opened yet, and is
    /// there for as long as the process is.
    static let outlivesItsUsers = Atomic(false)

    private struct State {
        var free: [Slot] = []
        var next: UInt64 = 0
    }
    private let state = Mutex(State())

    static let threshold = SharedMemory.threshold
    /// Free slots beyond this many are given back to the system.
    private static let keptSlots = 8

    /// Memory of at least `bytes`, taken from a free slot when one fits without much waste.
    func allocate(_ bytes: Int) throws -> TensorMemory {
        let slot = try state.withLock { state in
            let fitting = state.free.lastIndex { $0.capacity >= bytes && $0.capacity / 2 <= bytes }
            if let fitting { return state.free.remove(at: fitting) }
            state.next += 1
            let page = 4096
            return try Slot(number: state.next, capacity: max(1, (bytes + page - 1) / page) * page)
        }
        return TensorMemory(base: slot.base, byteCount: slot.capacity, owner: slot) { [self] _ in
            give(back: slot)
        }
    }

    private func give(back slot: Slot) {
        state.withLock { state in
            state.free.append(slot)
            if state.free.count > Self.keptSlots { state.free.removeFirst() }
        }
    }
}

/// A producer's slots as a consumer sees them: opened once, then found again by number.
///
/// What is sealed against shrinking is mapped. Of anything else a copy is read: touching a mapped page
/// that its producer has cut off would end this process.
final class SlotView {
    private struct Key: Hashable {
        let process: UInt32
        let slot: UInt64
    }

    /// A mapping that lives as long as someone reads from it.
    private final class Mapping: Sendable {
        nonisolated(unsafe) let base: UnsafeMutableRawPointer
        let capacity: Int

        init(base: UnsafeMutableRawPointer, capacity: Int) {
            self.base = base
            self.capacity = capacity
        }

        deinit { munmap(base, capacity) }
    }

    /// A file that its producer can shrink at any time.
    private final class UnsealedFile: Sendable {
        let path: String
        let descriptor: Int32

        init(path: String, descriptor: Int32) { (self.path, self.descriptor) = (path, descriptor) }
        deinit { close(descriptor) }

        /// A copy of its first bytes.
        func copy(of bytes: Int) throws -> TensorMemory {
            let memory = TensorMemory(byteCount: bytes)
            var done = 0
            while done < bytes {
                let count = pread(descriptor, memory.base + done, bytes - done, done)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else {
                    throw WireError("\(path), which has \(done) bytes now of the \(bytes) announced")
                }
                done += count
            }
            return memory
        }
    }

    private enum Slot {
        case sealed(Mapping)
        case unsealed(UnsealedFile)
    }

    private var slots: [Key: Slot] = [:]
    private var order: [Key] = []
    /// More than a producer keeps; beyond it the one not used for longest is dropped.
    private static let keptSlots = 24

    /// The payload at `place`, or nil when its process is gone; `release` runs when its last reader is
    /// gone.
    func memory(
        at place: Envelope.Place, bytes: Int, release: @escaping @Sendable () -> Void
    ) throws -> TensorMemory? {
        guard UInt64(bytes) <= place.capacity else {
            throw WireError("a payload of \(bytes) bytes in a slot of \(place.capacity)")
        }
        switch try slot(of: place) {
        case nil: return nil
        case .sealed(let mapping):
            return TensorMemory(base: mapping.base, byteCount: mapping.capacity, owner: mapping) { _ in
                release()
            }
        case .unsealed(let file):
            defer { release() }
            return try file.copy(of: bytes)
        }
    }

    private func slot(of place: Envelope.Place) throws -> Slot? {
        let key = Key(process: place.process, slot: place.slot)
        order.removeAll { $0 == key }
        order.append(key)
        if let slot = slots[key] { return slot }
        guard let slot = try open(place) else { return nil }
        slots[key] = slot
        if order.count > Self.keptSlots { slots[order.removeFirst()] = nil }
        return slot
    }

    private func open(_ place: Envelope.Place) throws -> Slot? {
        let path = "/proc/\(place.process)/fd/\(place.descriptor)"
        let descriptor = posix_open_for_reading(path)
        if descriptor == -ESRCH || (descriptor == -ENOENT && Self.isGone(place.process)) { return nil }
        guard descriptor >= 0 else {
            throw WireError("open(\(path)): \(String(cString: strerror(-descriptor)))")
        }
        let file = UnsealedFile(path: path, descriptor: descriptor)
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw WireError("\(path), which is no memory but a pipe, a socket or a device")
        }
        guard UInt64(status.st_size) >= place.capacity else {
            throw WireError("\(path), which is smaller than the \(place.capacity) bytes announced")
        }
        guard posix_cannot_shrink(descriptor) != 0 else { return .unsealed(file) }
        let capacity = Int(place.capacity)
        let base = mmap(nil, capacity, PROT_READ, MAP_SHARED, descriptor, 0)
        guard let base, base != MAP_FAILED else {
            throw WireError("mmap(\(path)): \(String(cString: strerror(errno)))")
        }
        return .sealed(Mapping(base: base, capacity: capacity))
    }

    /// Whether a process has ended or is about to: it has no descriptors, not even its standard input,
    /// long before no process of its number is left.
    private static func isGone(_ process: UInt32) -> Bool {
        guard let folder = opendir("/proc/\(process)/fd") else { return true }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            // All names but "." and "..".
            if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { return false }
        }
        return true
    }
}
