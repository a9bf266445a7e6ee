import Media
import NodeKit
import Tensors

/// Puts the frames of several processes of one node in order: what `replicas:` puts behind these.
///
/// Its ports are those of that node, each input with the number of the process that feeds it: `frame-1`,
/// `frame-2`. The outputs of one node have an order each.
package struct MergeNode: Node {
    package static let replicas = Setting(
        "replicas", Int.self, type: .integer(1...1_000), "processes whose frames come")
    package static let stride = Setting(
        "stride", Int.self, type: .integer(1...Int(Int32.max)),
        "every how many-th frame of the source comes at all")
    package static let patience = Setting(
        "patience", Double.self, type: .number(0...60_000), unit: "ms",
        "how long a frame is held for an earlier one; 0 for as long as it takes")

    package static let spec = NodeSpec(
        "merge", "Puts the frames of several processes of a node in order.",
        settings: [replicas, stride, patience], state: .saved
    ).takingAnything()

    private let settings: Settings
    /// By output.
    private var orders: [String: FrameOrder] = [:]

    package init(settings: Settings) { self.settings = settings }

    private var empty: FrameOrder {
        let patience = settings[Self.patience]
        return FrameOrder(
            inputs: settings[Self.replicas], stride: settings[Self.stride],
            patience: patience > 0 ? Int64(patience * 1e6) : nil)
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
        let now = MonotonicClock.now
        for (name, message) in inputs.all {
            guard let dash = name.lastIndex(of: "-"),
                let number = Int(name[name.index(after: dash)...]), number >= 1,
                number <= settings[Self.replicas]
            else { continue }
            let port = String(name[..<dash])
            var order = orders[port] ?? empty
            send(order.take(message, on: port, from: number - 1, at: now), into: &outputs)
            orders[port] = order
        }
        for port in orders.keys { send(orders[port]!.advance(at: now), into: &outputs) }
        if let due = orders.values.compactMap(\.due).min() { outputs.wake(at: due) }
    }

    package mutating func finish(into outputs: inout Outputs) {
        for port in orders.keys { send(orders[port]!.finish(), into: &outputs) }
    }

    private func send(_ passed: FrameOrder.Passed, into outputs: inout Outputs) {
        for (port, message) in passed.sent { outputs.send(message, on: port) }
        for stamp in passed.late { outputs.drop(stamp, because: "it came behind a later frame") }
    }

    package func save() -> SavedState? {
        var writer = StateWriter()
        writer.write(orders.count)
        for (port, order) in orders.sorted(by: { $0.key < $1.key }) {
            writer.write(text: port)
            writer.write(order.newest.map { $0.map { Int($0) } ?? -1 })
            writer.write(order.last.map { Int($0) } ?? -1)
            writer.write(order.waiting.count)
            for (_, message, _) in order.waiting {
                writer.write(message.stamp)
                writer.write(any: message.tensor)
            }
        }
        return SavedState(writer.bytes)
    }

    package mutating func restore(_ state: [UInt8]) {
        var reader = StateReader(state)
        let now = MonotonicClock.now
        for _ in 0..<reader.number() {
            let port = reader.text()
            func frame(_ number: Int) -> UInt64? { number < 0 ? nil : UInt64(number) }
            let newest = reader.numbers().map(frame), last = frame(reader.number())
            let waiting = (0..<reader.number()).map { _ in
                let stamp = reader.stamp()
                return (port: port, message: Message(reader.anyTensor(), stamp), since: now)
            }
            var order = empty
            // Of other replicas than before nothing is known.
            let isSame = newest.count == settings[Self.replicas]
            order.resume(newest: isSame ? newest : order.newest, last: last, waiting: waiting)
            orders[port] = order
        }
    }
}
