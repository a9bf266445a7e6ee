import Media
import NodeKit
import Tensors

/// Sends a number at an even rate: the seconds since it began.
package struct TimerNode: Node {
    package static let tick = Port(
        "tick", Float.self, "1", meaning: "scalar", "seconds since the first one")
    package static let rate = Setting(
        "rate", Double.self, type: .number(0.001...1_000), default: 1, unit: "Hz",
        "ticks a second")
    package static let count = Setting(
        "count", Int.self, type: .integer(1...Int(Int32.max)), isOptional: true,
        "stop after so many ticks")
    package static let realtime = Setting(
        "realtime", Bool.self, default: true,
        "send each when its time has come, instead of as fast as it is taken")

    package static let spec = NodeSpec(
        "timer", "Sends a number at an even rate: the seconds since it began.", outputs: [tick],
        settings: [rate, count, realtime], state: .saved)

    /// Nanoseconds.
    private static let longestPause: Int64 = 200_000_000

    private let period: Int64
    private let count: Int?
    private let isRealtime: Bool
    private var sent = 0
    private var began: Int64?

    package init(settings: Settings) {
        period = Int64((1e9 / settings[Self.rate]).rounded())
        count = settings[ifSet: Self.count]
        isRealtime = settings[Self.realtime]
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        if let count {
            guard sent < count else { return outputs.finish() }
            outputs.expect(frames: count)
        }
        let time = Int64(sent) * period
        let start = began ?? MonotonicClock.now - time
        began = start
        if isRealtime {
            // Piece by piece: the host can end the node only between two calls.
            let pause = MonotonicClock.now + Self.longestPause
            outputs.wait { MonotonicClock.sleep(until: min(start + time, pause)) }
            if pause < start + time { return }
        }
        let stamp = Stamp(
            frame: UInt64(sent), captured: MonotonicClock.now, presentation: time,
            duration: period)
        outputs.send(
            Tensor<Float>([Float(Double(time) / 1e9)], shape: [1]), on: Self.tick, stamp: stamp)
        sent += 1
    }

    package func save() -> SavedState? { SavedState(number: sent) }
    package mutating func restore(_ state: [UInt8]) { sent = SavedState.number(state) }
}
