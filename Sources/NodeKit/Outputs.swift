import Glibc
import Tensors

/// What a node hands to its host during one tick.
public struct Outputs {
    /// Where the host wants a port's next tensor written (shared memory), so that nothing is copied.
    private let allocate: (String, Int) -> TensorMemory
    /// The stamp that messages get when the node gives none: the tick's.
    public var stamp: Stamp?
    /// Messages in the order in which they were sent, with the port's name.
    public private(set) var sent: [(port: String, message: Message)] = []
    /// Frames that the node decided not to pass on, with the reason.
    public private(set) var dropped: [(stamp: Stamp, reason: String)] = []
    /// Things that a person should read.
    public private(set) var warnings: [String] = []
    /// Set by a source that has nothing more to say.
    public private(set) var isFinished = false
    /// How many frames a source thinks it will send in all, for progress and time left.
    public private(set) var expectedFrames: Int?

    /// Ports on which a consumer has begun to take messages since the tick before.
    package var newConsumers: Set<String> = []

    /// Whether a consumer has begun to take an output's messages since the tick before: one that needs a
    /// beginning, such as a key picture, has none yet.
    public func hasNewConsumer<Element>(of port: Port<Element>) -> Bool {
        newConsumers.contains(port.name)
    }

    /// Inputs whose producers are asked for a beginning.
    package private(set) var wantedBeginnings: Set<String> = []

    /// Asks an input's producer for what its output needs to begin with, as for a consumer that has come: a
    /// key picture, say.
    package mutating func askForBeginning(on input: String) { wantedBeginnings.insert(input) }

    /// When the node is called once more if nothing comes before, nanoseconds of the monotonic clock.
    package private(set) var wakeTime: Int64?

    /// Asks for a call of ``Node/process(_:into:)`` without inputs, should nothing come before a time
    /// (nanoseconds of the monotonic clock). It holds until the next call, which may ask again.
    package mutating func wake(at time: Int64) { wakeTime = time }

    /// How long the node waited for a device or a clock in this tick, nanoseconds.
    public private(set) var waited: Int64 = 0

    /// Hosts and tests make these; `allocate` gets a port's name and a number of bytes.
    public init(
        stamp: Stamp? = nil,
        allocate: @escaping (String, Int) -> TensorMemory = { TensorMemory(byteCount: $1) }
    ) {
        self.stamp = stamp
        self.allocate = allocate
    }

    /// Sends one tensor with the tick's stamp.
    ///
    /// - Precondition: the tick has a stamp (a source sends with its own stamps).
    public subscript<Element>(port: Port<Element>) -> Tensor<Element>? {
        get { sent.last { $0.port == port.name }?.message.tensor.typed() }
        set {
            guard let newValue else { return }
            guard let stamp else { preconditionFailure("a source must stamp what it sends") }
            send(newValue, on: port, stamp: stamp)
        }
    }

    /// Sends one tensor with a stamp of its own; may be called several times in a tick.
    public mutating func send<Element>(
        _ tensor: Tensor<Element>, on port: Port<Element>, stamp: Stamp
    ) {
        sent.append((port.name, Message(AnyTensor(tensor), stamp)))
    }

    /// Room for a port's next tensor where the next process can read it: fill it, then send it.
    public func tensor<Element>(for port: Port<Element>, shape: [Int]) -> Tensor<Element> {
        let bytes = shape.reduce(1, *) * Element.elementType.byteCount
        return Tensor(shape: shape, memory: allocate(port.name, bytes))
    }

    /// Sends a message on a port that is known by its name only.
    package mutating func send(_ message: Message, on port: String) {
        sent.append((port, message))
    }

    /// Room for a port's next payload where the next process can read it.
    package func memory(for port: String, bytes: Int) -> TensorMemory { allocate(port, bytes) }

    /// Waits for a device or a clock, as sources do: the time in which the thread does not compute
    /// meanwhile is not counted as work.
    public mutating func wait<Result>(for body: () throws -> Result) rethrows -> Result {
        let began = Self.idleTime
        defer { waited += max(Self.idleTime - began, 0) }
        return try body()
    }

    /// Grows while the thread does not compute, nanoseconds.
    private static var idleTime: Int64 {
        func now(_ clock: clockid_t) -> Int64 {
            var time = timespec()
            clock_gettime(clock, &time)
            return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
        }
        return now(CLOCK_MONOTONIC) - now(CLOCK_THREAD_CPUTIME_ID)
    }

    /// Says that a frame ends here, so that frames in = frames out + frames dropped.
    public mutating func drop(_ stamp: Stamp, because reason: String) {
        dropped.append((stamp, reason))
    }

    /// Says something that a person should read; the run goes on.
    public mutating func warn(_ text: String) { warnings.append(text) }

    /// A source's last word: no further tick will come.
    public mutating func finish() { isFinished = true }

    /// A source's guess of how many frames it will send in all.
    public mutating func expect(frames: Int) { expectedFrames = frames }
}
