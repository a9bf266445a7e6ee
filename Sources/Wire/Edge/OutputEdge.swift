import NodeKit
import Tensors

/// One message on its way, numbered by its output port.
struct Numbered: Sendable {
    var sequence: UInt64
    var message: Message
    /// When the node handed it over, nanoseconds.
    var published: Int64
    /// The same tensor where it outlives the process, when a consumer may ask for it again.
    var kept: AnyTensor?

    var frame: UInt64 { message.stamp.frame }
}

extension Numbered {
    /// With the tensor that outlives the process, if there is one, so that slots come back.
    fileprivate var toHold: Numbered {
        guard let kept else { return self }
        return Numbered(
            sequence: sequence, message: Message(kept, message.stamp), published: published)
    }
}

/// The producer's end of one edge: spends the consumer's credits and decides who waits.
///
/// A pure value: the owner of the socket asks it what to send.
struct OutputEdge {
    let keep: Keep
    /// Credits that the consumer grants at a time; what `even` takes in one go.
    let window: Int
    /// Which frames go this way, where not all do, and the slot of time of the last one that was offered.
    private let thinning: Thinning?
    private var slot: Int64?
    /// The first frame that goes this way, and the first that does not any more.
    private let since: UInt64
    private var until: UInt64?
    private(set) var credits = 0
    private(set) var waiting: [Numbered] = []
    private(set) var sentCount = 0
    /// What did not go this way, earlier processes of the node included.
    private(set) var drops = Drops()
    /// How many messages this process dropped, and how many did not reach the consumer for any reason.
    private(set) var droppedCount = 0
    private(set) var missedCount = 0
    /// Frames of earlier epochs are dropped.
    private var epoch: UInt32 = 0
    /// Under `keep: last`, the value that is valid.
    private(set) var latest: Numbered?
    /// Under `keep: all`, what the consumer may still ask for, oldest first.
    private var held: [Numbered] = []
    /// How many of those have been sent.
    private var heldSent = 0
    /// Which of the consumer's processes is heard: what an earlier one granted means nothing.
    private(set) var connection: UInt64 = 0
    /// Whether the consumer says what it will not ask for again; else a credit means that.
    private var consumerAcknowledges = false
    /// Slots that the consumer has not given back, kept from being written again.
    private var lent: [UInt64: (memory: TensorMemory, count: Int)] = [:]
    private(set) var hasEnded = false
    private(set) var isClosed = false
    private var endSent = false
    /// Whether the consumer has said hello: before that it would hear nothing.
    private var isConnected = false
    /// Whether the consumer's process is down and the graph goes on without it: nothing waits for it.
    private(set) var isAway = false
    /// Whether it is away and was tried too often to be waited for at the end of the stream.
    private(set) var isDown = false
    /// Whether the consumer cannot read this machine's memory.
    private(set) var isElsewhere = false
    /// What went out on an edge that sends nothing twice, until its credit is back: lost if the
    /// connection breaks.
    private var underWay: [(sequence: UInt64, frame: UInt64)] = []

    init(
        keep: Keep, window: Int, since: UInt64? = nil, until: UInt64? = nil,
        thinning: Thinning? = nil
    ) {
        (self.keep, self.window, self.since) = (keep, window, since ?? 0)
        self.thinning = thinning
        if let until { stop(before: until) }
    }

    /// Whether a frame goes this way.
    private func takes(_ message: Numbered) -> Bool {
        let frame = message.frame
        return frame >= since && until.map { frame < $0 } ?? true
    }

    /// From some frame on nothing goes this way: the edge ends before it. Before frame 0 is now.
    mutating func stop(before frame: UInt64) {
        until = frame
        if frame == 0 { end() }
    }

    /// Messages that the producer has to wait for before it makes more.
    var backlog: Int { keep == .all ? waiting.count : 0 }

    /// Whether a frame is one of those that the edge is there for.
    mutating func wants(_ message: Numbered) -> Bool {
        thinning?.takes(message.message.stamp, after: &slot) ?? true
    }

    /// Whether the consumer waits for a message.
    var isFree: Bool { credits > 0 && waiting.isEmpty && !isAway && !isClosed }

    /// Passes on a message, or drops it.
    ///
    /// - Parameter isChosen: whether it goes this way whatever the edge's thinning says of it.
    mutating func offer(_ message: Numbered, isChosen: Bool = false) {
        if let until, message.frame >= until { return end() }
        guard takes(message) else { return }
        guard isChosen || wants(message) else { return drop(message, .thinned) }
        guard !isClosed else { return miss(message.frame, .unwanted) }
        guard !isAway || keep == .last else { return drop(message, .away) }
        guard keep == .last || message.message.stamp.epoch >= epoch else {
            return drop(message, .flushed)
        }
        switch keep {
        case .all:
            waiting.append(message)
            held.append(message.toHold)
        case .newest:
            if credits == 0 { dropWaiting(.superseded) { _ in true } }
            waiting.append(message)
        case .last:
            waiting = [message]
            latest = message.toHold
        case .even:
            waiting.append(message)
            if waiting.count > SharedMemory.evenCapacity { dropWaiting(.superseded) { $0 % 2 == 1 } }
        }
    }

    /// A message goes to another process of the same node.
    mutating func passBy(_ message: Numbered) {
        if let until, message.frame >= until { end() }
    }

    /// What a process before this one has sent, and a consumer may still ask for; and what it dropped.
    ///
    /// - Parameter isShared: whether frames that do not go this way go to another process of the consumer.
    mutating func adopt(
        _ messages: [Numbered], drops: Drops = Drops(), isShared: Bool = false
    ) {
        self.drops.add(drops)
        var chosen: [Numbered] = []
        for message in messages where takes(message) {
            // That process may have ended before it noted that the edge leaves the frame out.
            if wants(message) {
                chosen.append(message)
            } else if !isShared {
                miss(message.frame, .thinned)
            }
        }
        switch keep {
        case .all:
            held = chosen
            waiting = chosen
        case .last:
            latest = chosen.last
            waiting = chosen.suffix(1)
        case .newest, .even: break
        }
    }

    /// The consumer is there, perhaps anew, with its first credits, and wants what is numbered
    /// `next` and later.
    ///
    /// - Parameter isAgain: whether it is the same process as before, whose connection broke: what it
    ///   has not seen of an edge that sends nothing twice is lost.
    mutating func connect(
        credits: Int, next: UInt64 = 0, connection: UInt64 = 0, acknowledges: Bool = false,
        isElsewhere: Bool = false, isAgain: Bool = false
    ) {
        // What the process before it did not take in, nothing sends again.
        for sent in underWay where !isAgain || sent.sequence >= next { miss(sent.frame, .lost) }
        underWay = []
        self.isElsewhere = isElsewhere
        self.credits = credits
        self.connection = connection
        isConnected = true
        (isAway, isDown) = (false, false)
        consumerAcknowledges = acknowledges
        isClosed = false
        endSent = false
        lent = [:]
        switch keep {
        case .all:
            // What is below may be asked for again all the same, by the consumer's next process: only
            // a grant says that it is in its journal.
            waiting = held.filter { $0.sequence >= next }
            heldSent = held.count - waiting.count
        case .last: if waiting.isEmpty, let latest { waiting = [latest] }
        case .newest, .even: break
        }
    }

    /// The consumer will not ask again for what is numbered below `next`.
    private mutating func acknowledge(below next: UInt64) {
        let count = held.prefix { $0.sequence < next }.count
        held.removeFirst(count)
        heldSent = max(0, heldSent - count)
    }

    /// Credits, slots that are back, and what will not be asked for again.
    mutating func grant(
        _ count: Int, released: [UInt64], below next: UInt64 = 0, connection: UInt64 = 0
    ) {
        guard connection == self.connection else { return }
        if consumerAcknowledges {
            acknowledge(below: next)
        } else {
            let done = min(count, heldSent)
            held.removeFirst(done)
            heldSent -= done
        }
        credits += count
        underWay.removeFirst(min(count, underWay.count))
        for slot in released {
            guard let loan = lent[slot] else { continue }
            lent[slot] = loan.count > 1 ? (loan.memory, loan.count - 1) : nil
        }
    }

    /// The next message that may go, or nil. A slot that it lies in is lent until given back.
    mutating func next() -> Numbered? {
        if keep == .even, credits >= window, waiting.count > window { thin() }
        guard credits > 0, !waiting.isEmpty else { return nil }
        credits -= 1
        sentCount += 1
        let message = waiting.removeFirst()
        switch keep {
        case .all: heldSent += 1
        case .newest, .even: underWay.append((message.sequence, message.frame))
        case .last: break
        }
        return message
    }

    /// Whether the consumer has used up what it was sent. Under `even` credits come back together,
    /// and say nothing of the last few.
    var isTaken: Bool {
        isClosed || isAway || waiting.isEmpty && (keep == .even || credits >= window)
    }

    /// One tensor may be sent several times: each time has to be given back.
    mutating func lend(_ memory: TensorMemory, as slot: UInt64) {
        lent[slot] = (memory, (lent[slot]?.count ?? 0) + 1)
    }

    /// Nothing more will be offered.
    mutating func end() { hasEnded = true }

    /// Whether it is time to say that nothing follows; true once.
    mutating func takeEnd() -> Bool {
        guard isConnected, hasEnded, !endSent, !isClosed, waiting.isEmpty else { return false }
        endSent = true
        return true
    }

    /// The consumer has everything that it wants: what waits, and what comes, has nowhere to go.
    ///
    /// - Returns: whether it has not been told yet that nothing follows.
    mutating func close() -> Bool {
        defer { endSent = true }
        isClosed = true
        giveUpHeld(isAway ? .away : .unwanted)
        for message in waiting where keep != .last {
            miss(message.frame, .unwanted)
        }
        waiting = []
        held = []
        heldSent = 0
        lent = [:]
        return !endSent
    }

    /// Drops what waits of earlier epochs, and what comes of them.
    mutating func flush(before epoch: UInt32) {
        guard keep != .last, epoch > self.epoch else { return }
        self.epoch = epoch
        let waiting = waiting
        held.removeAll { message in
            message.message.stamp.epoch < epoch
                && waiting.contains { $0.sequence == message.sequence }
        }
        dropWaiting(.flushed) { waiting[$0].message.stamp.epoch < epoch }
    }

    /// The consumer's process is down, and the graph goes on: until another one connects, what comes is
    /// dropped. What was sent and not acknowledged is still held for that one.
    mutating func leaveOut(isDown: Bool = false) {
        (isAway, self.isDown) = (true, isDown)
        credits = 0
        guard keep != .last, !isClosed else { return }
        let (unsent, lost) = (waiting, underWay)
        held.removeAll { held in unsent.contains { $0.sequence == held.sequence } }
        heldSent = held.count
        for sent in lost { miss(sent.frame, .lost) }
        underWay = []
        dropWaiting(.away) { _ in true }
    }

    /// The consumer takes nothing any more: what it was sent and has not acknowledged counts as dropped. What
    /// it has taken of that is in its own sets. On a busy machine a consumer that left early was gone before
    /// the last message reached it.
    private mutating func giveUpHeld(_ reason: DropReason) {
        guard keep == .all else { return }
        for message in held.prefix(heldSent) { miss(message.frame, reason) }
    }

    /// Leaves `window` of the waiting messages, evenly spaced, the newest among them.
    private mutating func thin() {
        let count = waiting.count
        let chosen = Set((1...window).map { $0 * count / window - 1 })
        dropWaiting(.superseded) { !chosen.contains($0) }
    }

    /// Another process goes on: what waits at an edge that sends nothing twice, or is under way there,
    /// is not sent by that one.
    mutating func dropWaiting() {
        guard keep.mayDrop else { return }
        for sent in underWay { miss(sent.frame, .lost) }
        underWay = []
        dropWaiting(.superseded) { _ in true }
    }

    private mutating func dropWaiting(_ reason: DropReason, where isDropped: (Int) -> Bool) {
        var kept: [Numbered] = []
        for (index, message) in waiting.enumerated() {
            if isDropped(index) { drop(message, reason) } else { kept.append(message) }
        }
        waiting = kept
    }

    private mutating func drop(_ message: Numbered, _ reason: DropReason) {
        miss(message.frame, reason)
        droppedCount += 1
    }

    private mutating func miss(_ frame: UInt64, _ reason: DropReason) {
        drops.insert(frame, reason)
        missedCount += 1
    }
}
