import Media
import NodeKit
import Tensors

/// Brings the two ways of a branch together again: each frame came on one of them, as a number says.
///
/// The number is that of the edges' `when:` and `unless:`. Frames go on in their order.
package struct EitherNode: Node {
    package static let choice = Port(
        "when", Float.self, "1", meaning: "scalar", pace: .each,
        "the number that decided: more than 0 for 'frame', else for 'otherwise'")
    package static let frame = Port(
        "frame", UInt8.self, "1 h w 3", meaning: "rgb", pace: .each,
        "frames for which the number is more than 0")
    package static let otherwise = Port(
        "otherwise", UInt8.self, "1 h w 3", meaning: "rgb", pace: .each, "all others")
    package static let output = Port("frame", UInt8.self, "1 h w 3", meaning: "rgb", "both")

    package static let patience = Setting(
        "patience", Double.self, type: .number(1...60_000), isOptional: true, unit: "ms",
        "how long frames are held for an earlier one of the other way; without it as long as it takes. A live "
            + "graph wants one: a frame that its way has dropped does not come")

    package static let spec = NodeSpec(
        "either", "Brings the two ways of a branch together again.",
        inputs: [choice, frame, otherwise], outputs: [output], settings: [patience], state: .saved)

    /// Nanoseconds.
    private let patience: Int64?
    /// Frames whose number has come, in order, whether they come on the first way, and when the number came.
    private var decided: [(stamp: Stamp, isFirst: Bool, since: Int64)] = []
    private var waiting: [UInt64: Tensor<UInt8>] = [:]
    /// By way, the newest frame that came.
    private var newest: [Bool: UInt64] = [:]
    private var last: UInt64?

    package init(settings: Settings) {
        patience = settings[ifSet: Self.patience].map { Int64($0 * 1e6) }
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        let (stamp, now) = (inputs.stamp, MonotonicClock.now)
        if let number = inputs[ifPresent: Self.choice] {
            decided.append((stamp, number.count > 0 && number.pointer[0] > 0, now))
        }
        for (port, isFirst) in [(Self.frame, true), (Self.otherwise, false)] {
            guard let picture = inputs[ifPresent: port] else { continue }
            newest[isFirst] = stamp.frame
            if let last, stamp.frame <= last {
                outputs.drop(stamp, because: "it came behind a later frame")
            } else {
                waiting[stamp.frame] = picture
            }
        }
        advance(at: now, into: &outputs)
    }

    private mutating func advance(at now: Int64, into outputs: inout Outputs) {
        while let (stamp, isFirst, since) = decided.first {
            if let picture = waiting.removeValue(forKey: stamp.frame) {
                outputs.send(picture, on: Self.output, stamp: stamp)
                last = stamp.frame
                // Their numbers were dropped on the way.
                waiting = waiting.filter { $0.key > stamp.frame }
            } else if newest[isFirst] ?? 0 <= stamp.frame, patience.map({ now - since < $0 }) ?? true {
                // Its way has not come so far.
                if let patience { outputs.wake(at: since + patience) }
                return
            }
            decided.removeFirst()
        }
    }

    package mutating func finish(into outputs: inout Outputs) {
        for (stamp, _, _) in decided {
            if let picture = waiting.removeValue(forKey: stamp.frame) {
                outputs.send(picture, on: Self.output, stamp: stamp)
            }
        }
        decided = []
    }

    package func save() -> SavedState? {
        var writer = StateWriter()
        writer.write(decided.count)
        for (stamp, isFirst, _) in decided {
            writer.write(stamp)
            writer.write(isFirst)
        }
        writer.write(waiting.count)
        for (frame, picture) in waiting.sorted(by: { $0.key < $1.key }) {
            writer.write(Int(frame))
            writer.write(picture)
        }
        writer.write([newest[true], newest[false], last].map { $0.map { Int($0) } ?? -1 })
        return SavedState(writer.bytes)
    }

    package mutating func restore(_ state: [UInt8]) {
        var reader = StateReader(state)
        let now = MonotonicClock.now
        decided = (0..<reader.number()).map { _ in (reader.stamp(), reader.flag(), now) }
        for _ in 0..<reader.number() {
            let frame = UInt64(reader.number())
            waiting[frame] = reader.tensor(UInt8.self)
        }
        let numbers = reader.numbers().map { $0 < 0 ? nil : UInt64($0) }
        (newest[true], newest[false], last) = (numbers[0], numbers[1], numbers[2])
    }
}
