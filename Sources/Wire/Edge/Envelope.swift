import NodeKit
import Tensors

/// The header of a message on an edge: version 1 of the byte layout in `Plugins/README.md`.
///
/// Little-endian throughout; everything that comes from the wire is checked before it is believed.
package struct Envelope: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
        /// Consumer: here I am; `count` credits to begin with, and I want what is numbered `sequence`
        /// and later.
        case hello = 1
        /// Consumer: `count` more credits, the slots in `released` may be used again, and what is
        /// numbered below `sequence` will not be asked for again.
        case grant = 2
        /// Consumer: all that came before the end is here.
        case bye = 3
        /// Producer: one tensor.
        case data = 4
        /// Producer: nothing follows.
        case end = 5
    }

    /// Where in the producer's shared memory a payload lies.
    package struct Place: Equatable, Sendable {
        /// Names the slot for ever: never used twice by one process.
        package var slot: UInt64
        package var process: UInt32
        package var descriptor: UInt32
        /// Size of the whole slot in bytes.
        package var capacity: UInt64

        package init(slot: UInt64, process: UInt32, descriptor: UInt32, capacity: UInt64) {
            self.slot = slot
            self.process = process
            self.descriptor = descriptor
            self.capacity = capacity
        }
    }

    package var kind: Kind
    package var stamp = Stamp(frame: 0, captured: 0, presentation: 0)
    /// Counts the messages of an output port, from 0: a gap is a drop.
    package var sequence: UInt64 = 0
    /// When the producer handed the message over, nanoseconds of its monotonic clock.
    package var sent: Int64 = 0
    package var elementType = ElementType.uint8
    package var shape: [Int] = []
    /// Nil when the payload is the next frame of the message.
    package var place: Place?
    /// In `hello`: whether this consumer says in its grants what it will not ask for again.
    package var acknowledges = false
    /// In `hello`: whether the consumer is on another machine, which payloads have to be sent to.
    package var isElsewhere = false
    /// In `hello`: whether the consumer has been here before and lost the connection: what was sent
    /// from `sequence` on never came.
    package var isAgain = false
    /// In `grant`: whether the consumer needs what a new one gets first, such as a key picture.
    package var asksForBeginning = false
    package var count: UInt32 = 0
    package var released: [UInt64] = []

    package init(_ kind: Kind) { self.kind = kind }

    /// `PLV` and the version.
    static let magic: UInt32 = 0x0156_4C50
    static let maximumRank = 8
    /// A tensor larger than this (4 GiB) is taken for rubbish.
    static let maximumBytes = 1 << 32
    private static let fixedBytes = 64

    /// Bytes that the payload must have; nil when the shape overflows.
    package var payloadBytes: Int? {
        var bytes = elementType.byteCount
        for extent in shape {
            let (product, overflow) = bytes.multipliedReportingOverflow(by: extent)
            guard extent >= 0, !overflow, product <= Self.maximumBytes else { return nil }
            bytes = product
        }
        return bytes
    }

    package func encoded() -> [UInt8] {
        var writer = ByteWriter(capacity: 128)
        writer.write(Self.magic)
        writer.write(kind.rawValue)
        writer.write(elementType.rawValue)
        writer.write(UInt8(shape.count))
        writer.write(
            UInt8(place == nil ? 0 : 1) | (acknowledges ? 2 : 0) | (isElsewhere ? 4 : 0)
                | (isAgain ? 8 : 0) | (asksForBeginning ? 16 : 0))
        writer.write(sequence)
        writer.write(stamp.frame)
        writer.write(stamp.captured)
        writer.write(stamp.presentation)
        writer.write(stamp.duration)
        writer.write(sent)
        writer.write(stamp.epoch)
        writer.write(count)
        for extent in shape { writer.write(UInt64(extent)) }
        if let place {
            writer.write(place.slot)
            writer.write(place.process)
            writer.write(place.descriptor)
            writer.write(place.capacity)
        }
        for slot in released { writer.write(slot) }
        return writer.bytes
    }

    package init(decoding bytes: UnsafeRawBufferPointer) throws {
        guard bytes.count >= Self.fixedBytes else {
            throw WireError("a header of \(bytes.count) bytes, \(Self.fixedBytes) are needed")
        }
        var reader = ByteReader(bytes)
        let magic: UInt32 = reader.read()
        guard magic == Self.magic else {
            throw WireError("a header that starts with \(magic), not with \(Self.magic)")
        }
        let kindByte: UInt8 = reader.read()
        guard let kind = Kind(rawValue: kindByte) else {
            throw WireError("a message of unknown kind \(kindByte)")
        }
        self.init(kind)
        let typeByte: UInt8 = reader.read()
        guard let type = ElementType(rawValue: typeByte) else {
            throw WireError("a tensor of unknown element type \(typeByte)")
        }
        elementType = type
        let rank: UInt8 = reader.read()
        let flags: UInt8 = reader.read()
        guard rank <= Self.maximumRank else { throw WireError("a tensor of \(rank) axes, at most 8") }
        acknowledges = flags & 2 != 0
        isElsewhere = flags & 4 != 0
        isAgain = flags & 8 != 0
        asksForBeginning = flags & 16 != 0
        sequence = reader.read()
        stamp.frame = reader.read()
        stamp.captured = reader.read()
        stamp.presentation = reader.read()
        stamp.duration = reader.read()
        sent = reader.read()
        stamp.epoch = reader.read()
        count = reader.read()
        try checkTimes()
        try readTail(&reader, rank: Int(rank), hasPlace: flags & 1 != 0)
    }

    /// Sums of times and of numbers must not overflow, whatever program sent them.
    private func checkTimes() throws {
        guard stamp.isInRange, sequence < UInt64.max, (0..<Stamp.limit).contains(sent) else {
            throw WireError(
                "a number or a time out of range: \(stamp), sequence \(sequence), sent \(sent)")
        }
    }

    private mutating func readTail(
        _ reader: inout ByteReader, rank: Int, hasPlace: Bool
    ) throws {
        guard reader.remaining >= rank * 8 + (hasPlace ? 24 : 0) else {
            throw WireError("a header that ends before its \(rank) axes")
        }
        for _ in 0..<rank {
            let extent: UInt64 = reader.read()
            guard extent <= UInt64(Self.maximumBytes) else {
                throw WireError("a tensor with an axis of \(extent)")
            }
            shape.append(Int(extent))
        }
        if hasPlace {
            place = Place(
                slot: reader.read(), process: reader.read(), descriptor: reader.read(),
                capacity: reader.read())
        }
        guard payloadBytes != nil else { throw WireError("a tensor \(shape) of more than 4 GiB") }
        while reader.remaining >= 8 { released.append(reader.read()) }
        guard reader.remaining == 0 else {
            throw WireError("a header with \(reader.remaining) bytes too many")
        }
    }
}

/// Appends little-endian numbers.
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int) { bytes.reserveCapacity(capacity) }

    mutating func write(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func write(all bytes: [UInt8]) { self.bytes += bytes }
}

/// Takes little-endian numbers off the front; the caller has checked `remaining`.
struct ByteReader {
    private var rest: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

    var remaining: Int { rest.count }

    mutating func read<Value: FixedWidthInteger>() -> Value {
        let value = rest.loadUnaligned(as: Value.self)
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(MemoryLayout<Value>.size))
        return Value(littleEndian: value)
    }

    mutating func read(count: Int) -> [UInt8] {
        defer { rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count)) }
        return Array(rest.prefix(count))
    }
}

extension Stamp {
    fileprivate static let limit = Int64(1) << 62

    /// Whether sums of its times and of frame numbers cannot overflow.
    package var isInRange: Bool {
        let times = 0..<Self.limit
        return frame < FrameSet.largest && times.contains(captured) && times.contains(duration)
            && (-Self.limit..<Self.limit).contains(presentation)
    }
}
