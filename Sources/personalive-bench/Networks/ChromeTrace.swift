import Foundation
import Layers
import Tensors

/// Operations of networks as a file for `chrome://tracing` or ui.perfetto.dev.
struct ChromeTrace {
    private struct Event: Codable {
        var name: String
        var cat: String
        var ph = "X"
        /// Microseconds.
        var ts, dur: Double
        var pid = 1
        var tid = 1
        var args: [String: Double]
    }

    private var events: [Event] = []

    /// Adds one run of a network.
    mutating func append(_ operations: [Profile.Event], of network: String) {
        for operation in operations {
            let (seconds, gflop) = (Double(operation.duration) / 1e9, Double(operation.work) / 1e9)
            var facts = ["processor_ms": Double(operation.processorTime) / 1e6]
            if gflop > 0 { facts["gflop"] = gflop }
            events.append(
                Event(
                    name: operation.name, cat: network, ts: Double(operation.start) / 1e3,
                    dur: seconds * 1e6, args: facts))
        }
    }

    func write(to path: String) throws {
        try Draft.write(JSONEncoder().encode(events), to: path)
    }
}
