/// Packets on their way to an output that may be slower than the stream, or not there at all.
///
/// It holds so much time and no more. What is too much is dropped in whole groups, from a key picture to
/// the next one, since the rest of a group is of no use without its beginning; so what comes out can
/// always be decoded. A connection that is too slow loses the oldest groups first. Until it has lost none for ten
/// seconds, a quarter of the time is held, and it goes on with the newest group: what it sends is new, and it
/// sends less of it. Pure.
package struct GroupQueue: Sendable {
    package struct Item: Sendable {
        package var packet: FilmPacket
        /// The frame's number in the graph.
        package var frame: UInt64
        /// When the picture was captured, nanoseconds of the monotonic clock.
        package var captured: Int64

        package init(_ packet: FilmPacket, frame: UInt64, captured: Int64) {
            (self.packet, self.frame, self.captured) = (packet, frame, captured)
        }
    }

    /// A frame that goes no further.
    package struct Drop: Equatable, Sendable {
        package var frame: UInt64
        package var reason: String
    }

    package static let notConnected = "there was no connection"
    package static let tooSlow = "the connection took less than was made"
    package static let notWritten = "the file broke off before it was written"
    package static let noBeginning = "a packet before it was missing"

    private let limit: Int64
    private var items: [Item] = []
    /// Where the packet after the last one belongs; nil at first.
    private var next: (stream: UInt32, sequence: UInt64)?
    /// Whether nothing is of use before a key packet.
    private var needsKey = true
    /// Whether packets are taken. While they are not, only the newest group is kept.
    private var isTaken = false
    /// Until which picture the connection counts as too slow.
    private var slowUntil: Int64?

    /// Nanoseconds for which a connection that was too slow counts as such.
    private static let slowTime: Int64 = 10_000_000_000

    /// - Parameter limit: nanoseconds of pictures that are held at most.
    package init(limit: Int64) { self.limit = limit }

    package var isEmpty: Bool { items.isEmpty }
    package var first: Item? { items.first }
    /// Whether any of what waits, or came before, has sound with it.
    package private(set) var sound: AudioFormat?

    /// Nanoseconds from the first picture that waits to the last.
    package var span: Int64 {
        guard let first = items.first, let last = items.last else { return 0 }
        return last.packet.presentation - first.packet.presentation
    }

    /// Puts a packet at the end.
    ///
    /// - Returns: what is dropped for it, perhaps itself.
    package mutating func add(_ item: Item) -> [Drop] {
        let packet = item.packet
        if let next, next != (packet.stream, packet.sequence) { needsKey = true }
        next = (packet.stream, packet.sequence &+ 1)
        if let format = packet.sounds.last?.format { sound = format }
        if needsKey, !packet.isKey { return Self.drops([item], Self.noBeginning) }
        needsKey = false
        var drops: [Drop] = []
        if packet.isKey, !isTaken { drops = drop(items.count, Self.notConnected) }
        items.append(item)
        return drops + shorten()
    }

    /// The next packet to be sent.
    package mutating func take() -> Item? { items.isEmpty ? nil : items.removeFirst() }

    /// A packet that was taken could not be sent.
    package mutating func putBack(_ item: Item) { items.insert(item, at: 0) }

    /// A client takes what comes from now on.
    package mutating func begin() { isTaken = true }

    /// Packets are not taken for now: a new connection begins at a key packet, the newest.
    package mutating func hold() -> [Drop] {
        (isTaken, slowUntil) = (false, nil)
        guard let key = items.lastIndex(where: \.packet.isKey) else {
            needsKey = true
            return drop(items.count, Self.notConnected)
        }
        return drop(key, Self.notConnected)
    }

    /// Nothing more is sent: what waits is dropped.
    package mutating func end() -> [Drop] {
        drop(items.count, isTaken ? Self.tooSlow : Self.notConnected)
    }

    private mutating func shorten() -> [Drop] {
        guard let end = items.last?.packet.presentation else { return [] }
        let isSlow = slowUntil.map { end < $0 } ?? false
        let limit = isSlow ? self.limit / 4 : self.limit
        var drops: [Drop] = []
        let reason = isTaken ? Self.tooSlow : Self.notConnected
        while span > limit {
            if isTaken { slowUntil = end + Self.slowTime }
            let keys = items.indices.dropFirst().filter { items[$0].packet.isKey }
            guard let key = isSlow ? keys.last : keys.first else {
                needsKey = true
                return drops + drop(items.count, reason)
            }
            drops += drop(key, reason)
        }
        return drops
    }

    private mutating func drop(_ count: Int, _ reason: String) -> [Drop] {
        defer { items.removeFirst(count) }
        return Self.drops(items.prefix(count), reason)
    }

    /// A picture that was repeated has its frame's number, and what became of that frame is another matter.
    static func drops(_ items: some Sequence<Item>, _ reason: String) -> [Drop] {
        items.filter { !$0.packet.flags.contains(.repeated) }
            .map { Drop(frame: $0.frame, reason: reason) }
    }
}
