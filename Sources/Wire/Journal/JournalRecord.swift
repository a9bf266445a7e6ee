import NodeKit
import Tensors

/// Where a node stands after a tick: all that a successor needs to go on.
struct JournalRecord {
    /// One message that some consumer may still ask for, and where its tensor lies.
    struct Entry {
        var port: String
        var sequence: UInt64
        var stamp: Stamp
        var published: Int64
        var elementType: ElementType
        var shape: [Int]
        var offset = 0

        var bytes: Int { shape.reduce(elementType.byteCount, *) }
    }

    /// What came in at one input: which frames, and which of them got no tick.
    struct Input {
        var arrived = FrameSet()
        var drops = Drops()
    }

    /// How far the node has come.
    enum Phase: UInt8 {
        case running
        /// It has had its last tick and has made all that it makes.
        case finished
        /// Its consumers have everything, too.
        case closed
    }

    /// The kind of node that wrote it: another kind has no use for its state.
    var kind = ""
    var phase = Phase.running
    /// Calls of `process` so far.
    var ticks: UInt64 = 0
    /// Number of the next message that is wanted, by input.
    var inputs: [String: UInt64] = [:]
    /// Number of the next message to be sent, by output.
    var outputs: [String: UInt64] = [:]
    /// What the node remembers, in its own form.
    var state: [UInt8]?
    private(set) var hasState = false
    /// A source's epoch: what its own numbers and times lack to be the stream's.
    var epoch = Epoch()
    /// When the last frame that a source sent is over, nanoseconds from the stream's start.
    var end: Int64 = 0
    /// The ledger: frames that left the node, that it took as a sink, and that it dropped itself; and
    /// by input and by edge what came and what was dropped there.
    var emitted = FrameSet(), delivered = FrameSet()
    var lateCount = 0
    var dropped: [NodeReport.Dropped] = []
    var arrivals: [String: Input] = [:]
    var edgeDrops: [String: Drops] = [:]
    var entries: [Entry] = []

    init() {}

    /// The record of a node that begins anew: numbers, times and the ledger go on in a new epoch, all
    /// else is forgotten.
    var anew: JournalRecord {
        var fresh = self
        (fresh.phase, fresh.ticks, fresh.state) = (.running, 0, nil)
        let last = ([emitted.last] + dropped.map(\.frames.last)).compactMap { $0 }.max()
        fresh.epoch = Epoch(
            number: epoch.number + 1, first: last.map { $0 + 1 } ?? epoch.first, begin: end)
        return fresh
    }

    /// Of what is written below: a plugin may have been built with another version of this.
    private static let layout: UInt32 = 0x504C_0005

    func write(to writer: inout ByteWriter) {
        writer.write(Self.layout)
        writer.write(kind)
        writer.write(phase.rawValue)
        writer.write(UInt8(state == nil ? 0 : 1))
        writer.write(ticks)
        writer.write(epoch.number)
        writer.write(epoch.first)
        writer.write(epoch.begin)
        writer.write(end)
        for cursors in [inputs, outputs] {
            writer.write(UInt32(cursors.count))
            for (port, next) in cursors {
                writer.write(port)
                writer.write(next)
            }
        }
        writer.write(emitted)
        writer.write(delivered)
        writer.write(UInt64(lateCount))
        writer.write(UInt32(dropped.count))
        for drop in dropped {
            writer.write(drop.reason)
            writer.write(drop.frames)
        }
        writer.write(UInt32(arrivals.count))
        for (port, input) in arrivals {
            writer.write(port)
            writer.write(input.arrived)
            writer.write(input.drops)
        }
        writer.write(UInt32(edgeDrops.count))
        for (edge, drops) in edgeDrops {
            writer.write(edge)
            writer.write(drops)
        }
        writer.write(UInt32(entries.count))
        for entry in entries { writer.write(entry) }
    }

    init(reading reader: inout ByteReader) throws {
        guard reader.read() as UInt32 == Self.layout else {
            throw WireError(
                "the journal is of another version of personalive: build this node's program anew")
        }
        kind = reader.readText()
        phase = Phase(rawValue: reader.read()) ?? .running
        hasState = (reader.read() as UInt8) == 1
        ticks = reader.read()
        epoch = Epoch(number: reader.read(), first: reader.read(), begin: reader.read())
        end = reader.read()
        inputs = reader.readCursors()
        outputs = reader.readCursors()
        emitted = reader.readFrames()
        delivered = reader.readFrames()
        lateCount = Int(reader.read() as UInt64)
        for _ in 0..<(reader.read() as UInt32) {
            dropped.append(.init(reason: reader.readText(), frames: reader.readFrames()))
        }
        for _ in 0..<(reader.read() as UInt32) {
            let port = reader.readText()
            arrivals[port] = Input(arrived: reader.readFrames(), drops: reader.readDrops())
        }
        for _ in 0..<(reader.read() as UInt32) {
            let edge = reader.readText()
            edgeDrops[edge] = reader.readDrops()
        }
        for _ in 0..<(reader.read() as UInt32) { entries.append(reader.readEntry()) }
    }
}

extension ByteWriter {
    fileprivate mutating func write(_ text: String) {
        write(UInt32(text.utf8.count))
        for byte in text.utf8 { write(byte) }
    }

    fileprivate mutating func write(_ frames: FrameSet) {
        write(UInt64(frames.old.bytes.count))
        write(all: frames.old.bytes)
        write(frames.old.end)
        write(UInt32(frames.recent.count))
        for bound in frames.recent { write(bound) }
    }

    fileprivate mutating func write(_ drops: Drops) {
        for reason in DropReason.allCases { write(drops[reason]) }
    }

    fileprivate mutating func write(_ entry: JournalRecord.Entry) {
        write(entry.port)
        write(entry.sequence)
        write(entry.stamp.frame)
        write(entry.stamp.captured)
        write(entry.stamp.presentation)
        write(entry.stamp.duration)
        write(entry.stamp.epoch)
        write(entry.published)
        write(entry.elementType.rawValue)
        write(UInt8(entry.shape.count))
        for extent in entry.shape { write(UInt64(extent)) }
        write(UInt64(entry.offset))
    }
}

extension ByteReader {
    fileprivate mutating func readText() -> String {
        let count = Int(read() as UInt32)
        var bytes: [UInt8] = []
        for _ in 0..<count { bytes.append(read()) }
        return String(decoding: bytes, as: UTF8.self)
    }

    fileprivate mutating func readCursors() -> [String: UInt64] {
        var cursors: [String: UInt64] = [:]
        for _ in 0..<(read() as UInt32) {
            let port = readText()
            cursors[port] = read()
        }
        return cursors
    }

    fileprivate mutating func readFrames() -> FrameSet {
        let packed = read(count: Int(read() as UInt64))
        let old = PackedRuns(bytes: packed, end: read())
        return FrameSet(old: old, recent: (0..<(read() as UInt32)).map { _ in read() })
    }

    fileprivate mutating func readDrops() -> Drops {
        var drops = Drops()
        for reason in DropReason.allCases { drops[reason] = readFrames() }
        return drops
    }

    fileprivate mutating func readEntry() -> JournalRecord.Entry {
        let port = readText()
        let sequence: UInt64 = read()
        let stamp = Stamp(
            frame: read(), captured: read(), presentation: read(), duration: read(), epoch: read())
        let published: Int64 = read()
        let type = ElementType(rawValue: read()) ?? .uint8
        let rank: UInt8 = read()
        let shape = (0..<rank).map { _ in Int(read() as UInt64) }
        return .init(
            port: port, sequence: sequence, stamp: stamp, published: published, elementType: type,
            shape: shape, offset: Int(read() as UInt64))
    }
}
