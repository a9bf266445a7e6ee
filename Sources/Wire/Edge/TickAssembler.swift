import NodeKit
import Tensors

/// The consumer's end of a node's edges: puts messages together that belong to one tick.
///
/// A pure value. Inputs of pace `frame` meet by frame number: a message whose partner was dropped
/// upstream can never meet it, so it is dropped here, and counted.
struct TickAssembler {
    /// One input of the node with what waits there.
    struct Input {
        let port: String
        let pace: Pace
        /// Whether its number decides if a frame gets a tick, and what it has to be then: more than 0 or not.
        let condition: Bool?
        private(set) var keep: Keep
        private(set) var window: Int
        fileprivate(set) var waiting: [Waiting] = []
        fileprivate(set) var hasEnded = false
        /// Frames that came, and those of them that got no tick: earlier processes of the node included.
        fileprivate(set) var arrived: FrameSet
        fileprivate(set) var drops: Drops
        /// Credits owed to an `even` producer, returned all at once.
        fileprivate(set) var owed = 0
        /// Name of the edge that is heard, and by edge the number of the message that comes after those
        /// that were used up or dropped.
        private(set) var key: String
        fileprivate(set) var cursors: [String: UInt64]
        /// Counts the producer's processes: a credit for a message of an earlier one means nothing.
        fileprivate(set) var generation = 0

        /// - Parameters:
        ///   - key: of the edge; the port's name if nil.
        ///   - cursors: of edges that have ended, should a process before this one have used them.
        ///   - past: what earlier processes of the node took in here.
        init(
            port: String, pace: Pace, keep: Keep, window: Int, key: String? = nil,
            next: UInt64 = 0, cursors: [String: UInt64] = [:],
            past: JournalRecord.Input = .init(), condition: Bool? = nil
        ) {
            (self.port, self.pace, self.keep, self.window) = (port, pace, keep, window)
            self.condition = condition
            (arrived, drops) = (past.arrived, past.drops)
            self.key = key ?? port
            self.cursors = cursors
            self.cursors[self.key] = next
        }

        /// Number of the message that comes after those of its edge that were used up or dropped.
        var next: UInt64 { cursors[key] ?? 0 }

        /// Messages that wait, of the edge and the producer's process that are heard now.
        var waitingNow: Int { waiting.count { $0.key == key && $0.generation == generation } }

        /// What comes from now on belongs to another edge.
        fileprivate mutating func move(to edge: NodeConfiguration.Input, next: UInt64) {
            (key, keep, window) = (edge.key, edge.keep, edge.window)
            cursors[key] = next
        }
    }

    /// A message, the edge that it came on, and which of its producers' processes sent it.
    struct Waiting {
        let numbered: Numbered
        let key: String
        let generation: Int
    }

    /// Messages for one call of `process`, and the inputs that get a credit when it is done.
    struct Tick {
        let inputs: Inputs
        let credits: [Int]
        let isFrame: Bool
        /// The input that the one message of the tick came on, of several of which each frame is a tick.
        let chosenInput: Int?
        let published: Int64
        /// By edge, the number of the message after those that are used up with this tick.
        let usedUp: [String: UInt64]
        /// Which of each producer's processes the messages came from, in the order of `credits`; nil
        /// when that one is gone.
        let generations: [Int?]
    }

    private(set) var inputs: [Input]
    private var kept: [String: Message] = [:]
    /// Inputs whose messages were dropped unpaired since the last look: each gets a credit.
    private var returned: [Int] = []
    private let framePorts: [Int]
    /// Inputs of which each message is a tick: sound, and frames of pace `each`.
    private var ownPorts: [Int]
    private let conditions: [Int]
    private let requiredKept: [String]
    /// Age at which a frame that waits is dropped where its edge may drop, nanoseconds.
    private let oldest: Int64?
    /// Messages of earlier epochs are dropped.
    private var epoch: UInt32 = 0

    init(inputs: [Input], required: Set<String>, oldest: Int64? = nil) {
        (self.inputs, self.oldest) = (inputs, oldest)
        framePorts = inputs.indices.filter { inputs[$0].pace == .frame }
        ownPorts = inputs.indices.filter { inputs[$0].pace == .own || inputs[$0].pace == .each }
        conditions = inputs.indices.filter { inputs[$0].condition != nil }
        requiredKept = inputs.filter { $0.pace == .last && required.contains($0.port) }.map(\.port)
    }

    /// Another input is connected from now on; ticks of frames do not wait for it.
    mutating func add(_ input: Input) {
        precondition(input.pace != .frame, "input '\(input.port)' would be waited for at once")
        inputs.append(input)
        if input.pace != .last { ownPorts.append(inputs.count - 1) }
    }

    /// Takes a message in; a value that replaces the last one is done at once.
    mutating func deliver(_ message: Numbered, to input: Int) {
        if inputs[input].pace == .last {
            kept[inputs[input].port] = message.message
            returned.append(input)
        } else {
            if inputs[input].pace.isOfFrames { inputs[input].arrived.insert(message.frame) }
            inputs[input].waiting.append(
                Waiting(
                    numbered: message, key: inputs[input].key,
                    generation: inputs[input].generation))
        }
    }

    /// Messages of earlier epochs get no tick: neither those that wait nor those that come.
    mutating func flush(before epoch: UInt32) { self.epoch = max(self.epoch, epoch) }

    mutating func end(_ input: Int) { inputs[input].hasEnded = true }

    /// The producer is another process now.
    ///
    /// - Parameter resends: whether it sends again what has not been used up.
    mutating func reconnect(_ input: Int, resends: Bool) {
        // What came on an edge that has ended is not sent again by this one's producer.
        let key = inputs[input].key
        if resends { inputs[input].waiting.removeAll { $0.key == key } }
        beginAgain(input)
    }

    /// The edge has ended and the input goes on with another one; what still waits is used first.
    ///
    /// - Parameter next: number of the first message of it that is wanted.
    mutating func move(_ input: Int, to edge: NodeConfiguration.Input, next: UInt64) {
        inputs[input].move(to: edge, next: next)
        beginAgain(input)
    }

    private mutating func beginAgain(_ input: Int) {
        inputs[input].hasEnded = false
        inputs[input].owed = 0
        inputs[input].generation += 1
        returned.removeAll { $0 == input }
    }

    /// Inputs that get a credit back now, once per message that went without a tick.
    mutating func takeReturned() -> [Int] {
        defer { returned = [] }
        return returned
    }

    /// The name of an input that ended without ever giving the value that the node needs.
    var starved: String? {
        inputs.first { $0.pace == .last && $0.hasEnded && requiredKept.contains($0.port)
            && kept[$0.port] == nil }?.port
    }

    /// Whether no further tick can come.
    var isExhausted: Bool {
        guard !framePorts.isEmpty || !ownPorts.isEmpty else { return false }
        let own = ownPorts.allSatisfy { inputs[$0].hasEnded && inputs[$0].waiting.isEmpty }
        return own && (framePorts.isEmpty || framesAreOver)
    }

    /// A node without paced inputs makes its own ticks.
    var isSource: Bool { framePorts.isEmpty && ownPorts.isEmpty }

    /// The next tick, or nil when something is still missing.
    ///
    /// - Parameter now: nanoseconds of the monotonic clock.
    mutating func next(at now: Int64 = 0) -> Tick? {
        dropStale(at: now)
        guard requiredKept.allSatisfy({ kept[$0] != nil }) else { return nil }
        // The one that has waited longest: an input that is never empty must not hide the others.
        let waiting = ownPorts.filter { !inputs[$0].waiting.isEmpty }
        let oldest = waiting.min {
            inputs[$0].waiting[0].numbered.published < inputs[$1].waiting[0].numbered.published
        }
        if let input = oldest { return takeTick([input], isFrame: inputs[input].pace == .each) }
        guard !framePorts.isEmpty else { return nil }
        while alignFrames() {
            if conditions.allSatisfy(isMet) { return takeTick(framePorts, isFrame: true) }
            for port in framePorts { dropFirst(of: port, .unmet) }
        }
        return nil
    }

    /// Whether the number that waits at an input lets its frame pass.
    private func isMet(_ port: Int) -> Bool {
        let tensor: Tensor<Float>? = inputs[port].waiting[0].numbered.message.tensor.typed()
        return (tensor.map { $0.count > 0 && $0.pointer[0] > 0 } ?? false) == inputs[port].condition
    }

    /// A node passed the frame of a tick over: another input's is sent instead.
    mutating func passOver(_ frame: UInt64, of input: Int) {
        inputs[input].drops.insert(frame, .unchosen)
    }

    /// The node ends: what still waits for a tick will not get one.
    mutating func abandon() {
        for port in framePorts { dropAll(of: port, framePorts.count > 1 ? .unpaired : .unwanted) }
        for port in ownPorts where inputs[port].pace == .each { dropAll(of: port, .unwanted) }
    }

    /// Another process takes the node over: what waits on an edge that sends nothing twice is lost.
    mutating func handOver() {
        for port in framePorts + ownPorts
        where inputs[port].pace.isOfFrames && inputs[port].keep.mayDrop { dropAll(of: port, .lost) }
    }

    /// Drops what was flushed, and what is too old to be worth the work.
    private mutating func dropStale(at now: Int64) {
        guard epoch > 0 || oldest != nil else { return }
        for port in ownPorts + framePorts {
            let limit = inputs[port].pace.isOfFrames && inputs[port].keep.mayDrop ? oldest : nil
            while let stamp = inputs[port].waiting.first?.numbered.message.stamp {
                if stamp.epoch < epoch {
                    dropFirst(of: port, .flushed)
                } else if let limit, now - stamp.captured > limit {
                    dropFirst(of: port, .late)
                } else {
                    break
                }
            }
        }
    }

    private var framesAreOver: Bool {
        framePorts.contains { inputs[$0].hasEnded && inputs[$0].waiting.isEmpty }
    }

    private mutating func takeTick(_ ports: [Int], isFrame: Bool) -> Tick {
        var (messages, generations): ([Numbered], [Int?]) = ([], [])
        for port in ports {
            let (message, generation) = takeFirst(of: port)
            messages.append(message)
            generations.append(generation)
        }
        var all = kept
        for (port, message) in zip(ports, messages) where inputs[port].condition == nil {
            all[inputs[port].port] = message.message
        }
        let stamp = messages[0].message.stamp
        return Tick(
            inputs: Inputs(stamp: stamp, messages: all), credits: ports, isFrame: isFrame,
            chosenInput: ports.count == 1 && inputs[ports[0]].pace == .each ? ports[0] : nil,
            published: messages.map(\.published).min() ?? 0, usedUp: usedUp,
            generations: generations)
    }

    /// Drops what has no partner; true when the first message of every input is of one frame.
    private mutating func alignFrames() -> Bool {
        if framesAreOver {
            abandon()
            return false
        }
        while framePorts.allSatisfy({ !inputs[$0].waiting.isEmpty }) {
            let frames = framePorts.map { inputs[$0].waiting[0].numbered.message.stamp.frame }
            guard let newest = frames.max(), frames.contains(where: { $0 < newest }) else {
                return true
            }
            for (port, frame) in zip(framePorts, frames) where frame < newest {
                dropFirst(of: port, .unpaired)
            }
        }
        return false
    }

    /// By edge, the number of the message after those that are used up.
    var usedUp: [String: UInt64] {
        inputs.reduce(into: [:]) { $0.merge($1.cursors) { $1 } }
    }

    /// The first that waits, and which of its producer's processes wants a credit for it.
    private mutating func takeFirst(of port: Int) -> (Numbered, generation: Int?) {
        let first = inputs[port].waiting.removeFirst()
        inputs[port].cursors[first.key] = first.numbered.sequence + 1
        let isCurrent = first.generation == inputs[port].generation
        return (first.numbered, isCurrent ? first.generation : nil)
    }

    private mutating func dropAll(of port: Int, _ reason: DropReason) {
        while !inputs[port].waiting.isEmpty { dropFirst(of: port, reason) }
    }

    private mutating func dropFirst(of port: Int, _ reason: DropReason) {
        let (message, generation) = takeFirst(of: port)
        if inputs[port].pace.isOfFrames { inputs[port].drops.insert(message.frame, reason) }
        if generation != nil { returned.append(port) }
    }

    /// How many credits to send to an input's producer when one message is done: an `even`
    /// producer gets its whole window at once, so that it can choose.
    mutating func creditsToGrant(_ input: Int, done: Int) -> Int {
        guard inputs[input].keep == .even else { return done }
        inputs[input].owed += done
        guard inputs[input].owed >= inputs[input].window else { return 0 }
        defer { inputs[input].owed = 0 }
        return inputs[input].owed
    }
}
