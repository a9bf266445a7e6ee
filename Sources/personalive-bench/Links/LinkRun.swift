import Foundation
import Glibc
import Launch
import NodeKit
import Tensors
import Wire

/// A source and a sink here, and a stage between them that is elsewhere as far as its edges go.
final class LinkRun {
    struct Outcome {
        let snapshot: RunSnapshot
        /// Frame and hash of everything that came to the sink, in order.
        let arrivals: [Substring]
        /// On the wire, both ways, handshakes included; 0 without a network between.
        let bytes: Int
        /// The other machine's clock, ms, if it was asked.
        let clock: (offset: Double, uncertainty: Double)?

        /// In how many places it differs from another run.
        func differences(from other: Outcome) -> Int {
            abs(arrivals.count - other.arrivals.count)
                + zip(arrivals, other.arrivals).count { $0 != $1 }
        }
    }

    let messages: Int
    private let rate: Double
    private let isLive: Bool
    private let isAcross: Bool
    private let network: PoorNetwork?
    private let shift: Double
    private let window: Int
    private let oldest: Double?
    private var disturbances: [(time: Double, act: @Sendable (PoorNetwork) -> Void)] = []
    /// A plugin's program in the stage's place, with its first arguments.
    var plugin: [String]?
    /// Called with each endpoint that is served to other machines.
    var served: ((String) -> Void)?

    /// - Parameters:
    ///   - rate: frames a second; 0 for as many as go.
    ///   - shift: how many seconds the other machine's clock shows more than this one's.
    ///   - window: messages under way at once on each live edge.
    ///   - oldest: the latency budget, milliseconds.
    init(
        messages: Int, rate: Double = 0, isLive: Bool = false, isAcross: Bool = true,
        network: PoorNetwork? = nil, shift: Double = 0, window: Int = 1, oldest: Double? = nil
    ) {
        (self.window, self.oldest) = (window, oldest)
        (self.messages, self.rate, self.isLive) = (messages, rate, isLive)
        (self.isAcross, self.network, self.shift) = (isAcross, network, shift)
    }

    /// Does something to the network when the run is so many seconds old.
    func disturb(after time: Double, _ act: @escaping @Sendable (PoorNetwork) -> Void) {
        disturbances.append((time, act))
    }

    /// Whether a process may have a clock of its own here.
    static var canShiftClocks: Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["unshare", "-T", "--monotonic", "1000", "true"]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }

    func finish() throws -> Outcome {
        let folder = try RunFolder(for: .trial)
        defer { folder.remove() }
        let list = "\(folder.path)/list.txt"
        let program = try MeasuredProgram.path()
        var plan = RunPlan(
            name: "links", graph: "-", nodes: nodes(folder.path, list, program), isLive: isLive,
            folder: folder.path)
        if isAcross { plan.addresses = [RunPlan.here: "127.0.0.1", "elsewhere": "127.0.0.1"] }
        let supervisor = try Supervisor(
            plan, executable: program, display: RunDisplay(quiet: true))
        var ways: [String: String] = [:]
        supervisor.detour = { [network, served] endpoint in
            if let way = ways[endpoint] { return way }
            served?(endpoint)
            ways[endpoint] = network?.way(to: endpoint) ?? endpoint
            return ways[endpoint]!
        }
        for (time, act) in disturbances {
            let network = network
            Thread {
                Thread.sleep(forTimeInterval: time)
                if let network { act(network) }
            }.start()
        }
        if case .failed(let failure) = supervisor.run() { throw failure }
        let lines = ((try? String(contentsOfFile: list, encoding: .utf8)) ?? "").split(
            separator: "\n")
        let clock = supervisor.clock(of: "elsewhere").map {
            (offset: Double($0.offset) / 1e6, uncertainty: Double($0.uncertainty) / 1e6)
        }
        return Outcome(
            snapshot: supervisor.snapshot,
            arrivals: lines.map { $0.prefix(upTo: $0.lastIndex(of: " ") ?? $0.endIndex) },
            bytes: network?.bytes ?? 0, clock: clock)
    }

    private func nodes(
        _ folder: String, _ list: String, _ program: String
    ) -> [RunPlan.PlannedNode] {
        let keep: Keep = isLive ? .newest : .all
        let names = ["source", "stage", "sink"]
        let settings: [[String: SettingValue]] = [
            [
                "bytes": .integer(65_536), "count": .integer(messages), "rate": .number(rate),
                "numbered": .flag(true),
            ], ["work": .number(isLive ? 10 : 0)], ["list": .text(list)],
        ]
        return names.indices.map { index in
            let inputs =
                index == 0
                ? []
                : [
                    NodeConfiguration.Input(
                        port: "data", producer: names[index - 1], producerPort: "data",
                        endpoint: NodeConfiguration.endpoint(of: names[index - 1], in: folder),
                        keep: keep, window: isLive ? window : 2)
                ]
            let outputs =
                index == 2
                ? []
                : [
                    NodeConfiguration.Output(
                        port: "data", consumer: names[index + 1], consumerPort: "data", keep: keep,
                        window: isLive ? window : 2)
                ]
            let isFar = isAcross && index == 1
            let shifted =
                isFar && shift > 0
                ? [
                    "/usr/bin/env", "unshare", "-T", "--monotonic", "\(Int(shift))",
                    program, "node",
                ] : nil
            var configuration = NodeConfiguration(
                name: names[index], settings: Settings(settings[index]), inputs: inputs,
                outputs: outputs)
            configuration.oldest = oldest.map { Int64($0 * 1e6) }
            var node = RunPlan.PlannedNode(
                name: names[index], kind: "test-\(names[index])", configuration: configuration,
                command: shifted ?? (isFar ? plugin : nil), state: index == 1 ? .none : .saved)
            if isFar { node.configuration.spec = Self.stage }
            if isFar { node.machine = "elsewhere" }
            return node
        }
    }

    /// What a plugin in the stage's place is.
    private static let stage = NodeSpec(
        "test-stage", "Passes on what comes.",
        inputs: [Port("data", UInt8.self, "bytes", meaning: "bytes")],
        outputs: [Port("data", UInt8.self, "bytes", meaning: "bytes")], state: .none)
}
