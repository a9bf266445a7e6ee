import CPosix
import Foundation
import Glibc
import NodeKit
import Synchronization
import Tensors

/// What outlives a node's process: memory that the supervisor made, and lends to each process of
/// the node in turn.
///
/// After every tick the node commits a ``JournalRecord`` here: what it has used up of its inputs,
/// what it remembers, and what it has sent that some consumer may ask for again. Only then does it
/// send, and tell producers that they may forget. So a successor goes on after the last commit, and
/// what it finds is neither lost nor made twice, whenever the process ended.
///
/// The file is sparse: a page of it takes memory once it is written. It holds two places for
/// records, of which a number at its beginning says the valid one, and then the tensors.
package final class Journal: Sendable {
    /// Names the descriptor in a node's environment.
    package static let variable = "PERSONALIVE_JOURNAL"

    /// Bytes that the file can hold; pages that were never written take no memory.
    package static let capacity = 64 << 30
    private static let recordsBegin = 4096
    private static let recordCapacity = 1 << 30
    private static let tensorsBegin = 4 << 30

    private struct Rooms {
        /// Offsets of free rooms, by size.
        var free: [Int: [Int]] = [:]
        var end = Journal.tensorsBegin
        /// What some consumer may still ask for, by offset.
        var held: [Int: JournalRecord.Entry] = [:]
    }

    private nonisolated(unsafe) let base: UnsafeMutableRawPointer
    private let rooms = Mutex(Rooms())

    /// Makes the file; the supervisor keeps the descriptor.
    package static func create() throws -> Int32 {
        let descriptor = posix_anonymous_file("personalive-journal", capacity)
        guard descriptor >= 0 else {
            throw WireError("memfd_create: \(String(cString: strerror(-descriptor)))")
        }
        return descriptor
    }

    /// The journal that this process was lent, if any.
    static func lent() throws -> Journal? {
        guard let text = ProcessInfo.processInfo.environment[variable],
            let descriptor = Int32(text)
        else { return nil }
        return try Journal(descriptor)
    }

    init(_ descriptor: Int32) throws {
        let mapped = mmap(
            nil, Self.capacity, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, descriptor, 0)
        guard let mapped, mapped != MAP_FAILED else {
            throw WireError("mmap(journal): \(String(cString: strerror(errno)))")
        }
        base = mapped
    }

    deinit { munmap(base, Self.capacity) }

    // MARK: Tensors

    /// Copies a tensor to where it outlives this process; its room is free again with its last user.
    func keep(_ entry: JournalRecord.Entry, _ tensor: AnyTensor) throws -> AnyTensor {
        var entry = entry
        let size = Self.roomSize(tensor.byteCount)
        entry.offset = try rooms.withLock { rooms in
            if let offset = rooms.free[size]?.popLast() { return offset }
            guard rooms.end + size <= Self.capacity else {
                throw WireError("more than \(Self.capacity >> 30) GiB wait to be acknowledged")
            }
            defer { rooms.end += size }
            return rooms.end
        }
        tensor.withBytes {
            (base + entry.offset).copyMemory(from: $0.baseAddress!, byteCount: $0.count)
        }
        return hold(entry)
    }

    /// The tensor of an entry, which stays in the record until its last user is gone.
    private func hold(_ entry: JournalRecord.Entry) -> AnyTensor {
        rooms.withLock { $0.held[entry.offset] = entry }
        let memory = TensorMemory(base: base + entry.offset, byteCount: max(entry.bytes, 1)) {
            [self] _ in free(entry)
        }
        return AnyTensor(elementType: entry.elementType, shape: entry.shape, memory: memory)
    }

    private func free(_ entry: JournalRecord.Entry) {
        rooms.withLock { rooms in
            rooms.held[entry.offset] = nil
            rooms.free[Self.roomSize(entry.bytes), default: []].append(entry.offset)
        }
    }

    /// Sizes that are powers of two find a room again; what is not written takes no memory.
    private static func roomSize(_ bytes: Int) -> Int {
        var size = 4096
        while size < bytes { size *= 2 }
        return size
    }

    // MARK: Records

    /// Makes `record`, with everything that is held, the one that a successor finds.
    func commit(_ record: JournalRecord) throws {
        var record = record
        record.entries = rooms.withLock { $0.held.values.sorted { $0.sequence < $1.sequence } }
        var writer = ByteWriter(capacity: 4096)
        record.write(to: &writer)
        let state = record.state ?? []
        let bytes = writer.bytes
        guard 16 + bytes.count + state.count <= Self.recordCapacity else {
            throw WireError("a state of \(state.count) bytes, at most 1 GiB can be saved")
        }
        let active = base.load(as: UInt64.self)
        let next: UInt64 = active == 1 ? 2 : 1
        let area = place(of: next)
        area.storeBytes(of: UInt64(bytes.count), as: UInt64.self)
        area.storeBytes(of: UInt64(state.count), toByteOffset: 8, as: UInt64.self)
        bytes.withUnsafeBytes { (area + 16).copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
        state.withUnsafeBytes { bytes in
            guard let from = bytes.baseAddress else { return }
            (area + 16 + writer.bytes.count).copyMemory(from: from, byteCount: bytes.count)
        }
        base.storeBytes(of: next, as: UInt64.self)
    }

    /// The last record, and the tensors that a predecessor held, oldest first; nil at first.
    ///
    /// - Parameter takesOver: whether no other process uses the journal any more.
    func read(takesOver: Bool = false) throws -> (record: JournalRecord, held: [(JournalRecord.Entry, AnyTensor)])? {
        let active = base.load(as: UInt64.self)
        guard active != 0 else { return nil }
        let area = place(of: active)
        let (count, stateCount) = (
            Int(area.load(as: UInt64.self)), Int(area.load(fromByteOffset: 8, as: UInt64.self))
        )
        guard count + stateCount <= Self.recordCapacity else { throw WireError("a broken journal") }
        var reader = ByteReader(UnsafeRawBufferPointer(start: area + 16, count: count))
        var record = try JournalRecord(reading: &reader)
        if record.hasState {
            record.state = Array(
                UnsafeRawBufferPointer(start: area + 16 + count, count: stateCount))
        }
        let end = record.entries.map { $0.offset + Self.roomSize($0.bytes) }.max()
        rooms.withLock { $0.end = max($0.end, end ?? 0) }
        if takesOver { giveBack(outside: record.entries) }
        return (record, record.entries.map { ($0, hold($0)) })
    }

    /// Rooms of a predecessor's that hold nothing any more: this process does not know of them, and
    /// their pages would stay in memory for ever, about a frame with every swap.
    private func giveBack(outside entries: [JournalRecord.Entry]) {
        var start = Self.tensorsBegin
        for entry in entries.sorted(by: { $0.offset < $1.offset }) {
            if entry.offset > start { madvise(base + start, entry.offset - start, MADV_REMOVE) }
            start = max(start, entry.offset + Self.roomSize(entry.bytes))
        }
        madvise(base + start, Self.capacity - start, MADV_REMOVE)
    }

    private func place(of area: UInt64) -> UnsafeMutableRawPointer {
        base + Self.recordsBegin + (area == 1 ? 0 : Self.recordCapacity)
    }
}
