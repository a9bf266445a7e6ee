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
        let keep: Keep
        let window: Int
        var waiting: [Numbered] = []
        var hasEnded = false
        var unpaired = FrameSet()
        /// Credits owed to an `even` producer, returned all at once.
        var owed = 0
        /// Number of the message that comes after those that were used up or dropped.
        var next: UInt64 = 0
        /// Counts the producer's processes: a credit for a message of an earlier one means nothing.
        var generation = 0
        /// How many of the first that wait came from an earlier process.
        var inherited = 0
    }

    /// Messages for one call of `process`, and the inputs that get a credit when it is done.
    struct Tick {
        let inputs: Inputs
        let credits: [Int]
        let isFrame: Bool
        let published: Int64
        /// By input, the number of the message after those that are used up with this tick.
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
    private let ownPorts: [Int]
    private let requiredKept: [String]

    init(inputs: [Input], required: Set<String>) {
        self.inputs = inputs
        framePorts = inputs.indices.filter { inputs[$0].pace == .frame }
        ownPorts = inputs.indices.filter { inputs[$0].pace == .own }
        requiredKept = inputs.filter { $0.pace == .last && required.contains($0.port) }.map(\.port)
    }

    /// Takes a message in; a value that replaces the last one is done at once.
    mutating func deliver(_ message: Numbered, to input: Int) {
        if inputs[input].pace == .last {
            kept[inputs[input].port] = message.message
            returned.append(input)
        } else {
            inputs[input].waiting.append(message)
        }
    }

    /// A message that has come is not wanted.
    mutating func forgo(_ input: Int, sequence: UInt64) {
        inputs[input].next = max(inputs[input].next, sequence + 1)
        returned.append(input)
    }

    mutating func end(_ input: Int) { inputs[input].hasEnded = true }

    /// The producer is another process now.
    ///
    /// - Parameter resends: whether it sends again what has not been used up.
    mutating func reconnect(_ input: Int, resends: Bool) {
        if resends { inputs[input].waiting = [] }
        inputs[input].inherited = inputs[input].waiting.count
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
    mutating func next() -> Tick? {
        guard requiredKept.allSatisfy({ kept[$0] != nil }) else { return nil }
        if let input = ownPorts.first(where: { !inputs[$0].waiting.isEmpty }) {
            return takeTick([input], isFrame: false)
        }
        guard !framePorts.isEmpty, alignFrames() else { return nil }
        return takeTick(framePorts, isFrame: true)
    }

    /// The node ends: what still waits for a tick will not get one.
    mutating func abandon() {
        for port in framePorts { while !inputs[port].waiting.isEmpty { dropFirst(of: port) } }
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
        for (port, message) in zip(ports, messages) { all[inputs[port].port] = message.message }
        let stamp = messages[0].message.stamp
        return Tick(
            inputs: Inputs(stamp: stamp, messages: all), credits: ports, isFrame: isFrame,
            published: messages.map(\.published).min() ?? 0, usedUp: usedUp,
            generations: generations)
    }

    /// Drops what has no partner; true when the first message of every input is of one frame.
    private mutating func alignFrames() -> Bool {
        if framesAreOver {
            for port in framePorts { while !inputs[port].waiting.isEmpty { dropFirst(of: port) } }
            return false
        }
        while framePorts.allSatisfy({ !inputs[$0].waiting.isEmpty }) {
            let frames = framePorts.map { inputs[$0].waiting[0].message.stamp.frame }
            guard let newest = frames.max(), frames.contains(where: { $0 < newest }) else {
                return true
            }
            for (port, frame) in zip(framePorts, frames) where frame < newest { dropFirst(of: port) }
        }
        return false
    }

    /// By input, the number of the message after those that are used up.
    var usedUp: [String: UInt64] {
        Dictionary(uniqueKeysWithValues: inputs.map { ($0.port, $0.next) })
    }

    /// The first that waits, and which of its producer's processes wants a credit for it.
    private mutating func takeFirst(of port: Int) -> (Numbered, generation: Int?) {
        let message = inputs[port].waiting.removeFirst()
        inputs[port].next = message.sequence + 1
        guard inputs[port].inherited > 0 else { return (message, inputs[port].generation) }
        inputs[port].inherited -= 1
        return (message, nil)
    }

    private mutating func dropFirst(of port: Int) {
        let (message, generation) = takeFirst(of: port)
        inputs[port].unpaired.insert(message.message.stamp.frame)
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
