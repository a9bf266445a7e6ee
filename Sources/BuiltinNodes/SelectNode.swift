import Media
import NodeKit
import Tensors

/// Sends the frames of one of several streams: which one, `personalive set` says while it runs.
///
/// What it sends is a stream of its own: frames are numbered anew, and are of the size of the first that was
/// sent.
package struct SelectNode: Node {
    private static let names = "abcdefgh".map { String($0) }
    package static let streams: [Port<UInt8>] = names.map { name in
        Port(
            name, UInt8.self, "1 \(name)h \(name)w 3", meaning: "rgb", pace: .each,
            isOptional: name != "a", "one of the streams")
    }
    package static let frame = Port(
        "frame", UInt8.self, "1 h w 3", meaning: "rgb", "the stream that is on air")
    package static let source = Setting(
        "source", String.self, type: .choice(names), default: "a", "the input that is on air"
    ).live()
    package static let silence = Setting(
        "on-silence", String.self, type: .choice(StreamSwitch.OnSilence.allCases.map(\.rawValue)),
        isOptional: true,
        "what is sent while that one gives nothing: nothing (wait), the last picture again (hold), the "
            + "slate, or the next input that gives something; without it the slate if there is one, "
            + "else nothing"
    ).live()
    package static let slate = Setting(
        "slate", String.self, type: .inputFile, isOptional: true,
        "a picture for the time in which the input is silent")
    package static let patience = Setting(
        "patience", Double.self, type: .number(1...3_600_000), isOptional: true, unit: "ms",
        "an input that gives nothing for so long is silent; without it two of its own frames"
    ).live()
    package static let rate = Setting(
        "rate", Double.self, type: .number(0.1...1_000), default: 25, unit: "fps",
        "of the slate, until a frame has come and says how long it is shown")

    package static let spec = NodeSpec(
        "select", "Sends one of several streams, chosen while it runs.", inputs: streams,
        outputs: [frame], settings: [source, silence, slate, patience, rate], state: .saved
    ).beginningStream()

    private let slate: Tensor<UInt8>?
    private let period: Int64
    private let connected: Set<String>
    private var settings: Settings
    private var streams: StreamSwitch
    /// What was sent last, to be sent again.
    private var last: Tensor<UInt8>?
    /// Rows and columns of all that is sent.
    private var size: [Int] = []
    private var number: UInt64 = 0
    private var epoch: UInt32 = 0
    /// The last stamp that was sent, and of a frame the input and the stamp that it had.
    private var sent: Stamp?
    private var origin: (input: Int, stamp: Stamp)?
    private var warned: Set<String> = []

    package init(settings: Settings) throws {
        self.settings = settings
        slate = try settings[ifSet: Self.slate].map { try ImageReader.read($0) }
        period = Int64(1e9 / settings[Self.rate])
        connected = settings.connectedInputs
        streams = StreamSwitch(
            inputs: Self.streams.count, source: 0, onSilence: .wait, patience: nil,
            period: period, hasSlate: slate != nil, at: MonotonicClock.now)
        adopt(settings)
    }

    private mutating func adopt(_ settings: Settings) {
        let usual = slate == nil ? StreamSwitch.OnSilence.wait : .slate
        streams.source = Self.names.firstIndex(of: settings[Self.source]) ?? 0
        streams.onSilence =
            settings[ifSet: Self.silence].flatMap(StreamSwitch.OnSilence.init) ?? usual
        streams.patience = settings[ifSet: Self.patience].map { Int64($0 * 1e6) }
    }

    package mutating func update(settings: Settings) {
        self.settings = settings
        adopt(settings)
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        warnIfUnfed(into: &outputs)
        let now = MonotonicClock.now
        for (index, port) in Self.streams.enumerated() {
            guard let picture = inputs[ifPresent: port] else { continue }
            epoch = max(epoch, inputs.stamp.epoch)
            if streams.take(from: index, lasting: inputs.stamp.duration, at: now) {
                let stamp = stamp(for: inputs.stamp, of: index)
                origin = (index, inputs.stamp)
                send(picture, stamp, into: &outputs)
            } else {
                outputs.drop(inputs.stamp, because: "another input is on air")
            }
        }
        if let filler = streams.filler(at: now) { fill(filler, at: now, into: &outputs) }
        if let due = streams.due { outputs.wake(at: due) }
    }

    private mutating func warnIfUnfed(into outputs: inout Outputs) {
        let name = settings[Self.source]
        guard !connected.isEmpty, !connected.contains(name), warned.insert(name).inserted else {
            return
        }
        outputs.warn("input '\(name)' is to be on air, and nothing feeds it")
    }

    private mutating func fill(
        _ filler: StreamSwitch.Filler, at now: Int64, into outputs: inout Outputs
    ) {
        guard let picture = filler == .slate ? slate ?? last : last ?? slate else { return }
        let stamp = Stamp(
            frame: number, captured: now,
            presentation: sent.map { $0.presentation + max(now - $0.captured, 1) } ?? 0,
            duration: sent?.duration ?? period, epoch: epoch)
        origin = nil
        send(picture, stamp, into: &outputs)
    }

    /// When a frame is shown: as long after the one before it as its own stream says, or, behind another
    /// stream's, as it was captured after that.
    private func stamp(for stamp: Stamp, of input: Int) -> Stamp {
        var result = stamp
        (result.frame, result.epoch) = (number, epoch)
        if let sent {
            let isNext = origin?.input == input && origin?.stamp.epoch == stamp.epoch
            let since = isNext
                ? stamp.presentation - origin!.stamp.presentation : stamp.captured - sent.captured
            result.presentation = sent.presentation + max(since, 1)
        }
        return result
    }

    private mutating func send(
        _ picture: Tensor<UInt8>, _ stamp: Stamp, into outputs: inout Outputs
    ) {
        if size.isEmpty { size = Array(picture.shape[1...2]) }
        let room = outputs.tensor(for: Self.frame, shape: [1, size[0], size[1], 3])
        PictureFit.inside.fill(room, with: picture)
        outputs.send(room, on: Self.frame, stamp: stamp)
        if last?.pointer != picture.pointer { last = room }
        sent = stamp
        number += 1
    }

    package func save() -> SavedState? {
        var writer = StateWriter()
        writer.write([Int(number), Int(epoch)] + size)
        writer.write(sent != nil)
        if let sent { writer.write(sent) }
        return SavedState(writer.bytes)
    }

    package mutating func restore(_ state: [UInt8]) {
        var reader = StateReader(state)
        let numbers = reader.numbers()
        (number, epoch) = (UInt64(numbers[0]), UInt32(numbers[1]))
        size = Array(numbers[2...])
        sent = reader.flag() ? reader.stamp() : nil
    }
}
