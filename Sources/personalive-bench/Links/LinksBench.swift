import ArgumentParser
import Foundation
import Launch
import NodeKit
import Wire

/// `personalive-bench links`: edges between machines over a poor network, and under attack.
struct LinksBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "links",
        abstract: "Runs edges between two \"machines\" on this one, over TCP with CURVE, through a "
            + "network that delays, loses and breaks, and under attack.",
        discussion: """
            A source and a sink are here; the stage between them is elsewhere. No frame of an offline \
            run may be lost or differ; a live run drops at its source and accounts for every frame. \
            Exit codes: 0 all that is promised was found, 1 something was not.
            """)

    @Option(help: "Which segments are lost; the same seed loses the same ones.")
    var seed: UInt64 = 1

    @Option(help: "Seconds that each live run lasts.")
    var seconds = 12

    @Option(help: "For how many seconds the cable is pulled.")
    var pull = 5.0

    @Option(help: "Megabytes of garbage that are thrown at the port of a running edge.")
    var garbage = 64

    @Option(help: "A plugin's program in the stage's place, with its arguments.")
    var plugin: String?

    @Option(help: "Only measurements that have this word in their name; may be repeated.")
    var only: [String] = []

    @Flag(help: "Print one JSON object.")
    var json = false

    /// 1 % of all segments lost, 100 ms there and 100 ms back, 20 Mbit/s.
    private static let poor = PoorNetwork.Quality(delay: 0.1, rate: 20e6, loss: 0.01)

    private typealias Measure = @Sendable (LinksBench) throws -> [LinkFinding]

    private static let measurements: [(name: String, measure: Measure)] = [
        ("clean", { try $0.clean() }),
        ("offline-poor", { try $0.offlinePoor() }),
        ("offline-pulled", { try $0.offlinePulled() }),
        ("offline-reset", { try $0.offlineReset() }),
        ("live-poor", { try $0.livePoor() }),
        ("live-pulled", { try $0.livePulled() }),
        ("attack", { try $0.attacked() }),
        ("clock", { try $0.clockShifted() }),
    ]

    func run() throws {
        var measurement = Measurement("links", json: json)
        var found: [LinkFinding] = []
        for (name, measure) in Self.measurements
        where only.isEmpty || only.contains(where: { name.contains($0) }) {
            measurement.note("measuring \(name) …")
            let findings = try measure(self).map { $0.named("\(name): \($0.name)") }
            for finding in findings { measurement.show(finding.text) }
            found += findings
        }
        try measurement.finish(
            Dictionary(uniqueKeysWithValues: found.map { ($0.name, $0.value) }))
        let broken = found.filter { !$0.isKept }
        for finding in broken { measurement.note("BROKEN \(finding.text)") }
        if !broken.isEmpty { throw ExitCode(1) }
    }

    private var pluginWords: [String]? { plugin?.split(separator: " ").map(String.init) }

    private func offline(_ run: LinkRun, _ name: String = "frames") throws -> [LinkFinding] {
        run.plugin = pluginWords
        let whole = try LinkRun(messages: run.messages, isAcross: false).finish()
        let outcome = try run.finish()
        return [
            LinkFinding("\(name) sent", Double(run.messages)),
            LinkFinding(
                "\(name) lost, doubled or other than on one machine",
                Double(outcome.differences(from: whole)), atMost: 0),
            LinkFinding("seconds", outcome.snapshot.seconds),
            LinkFinding("megabytes on the wire", Double(outcome.bytes) / 1e6),
        ]
    }

    private func clean() throws -> [LinkFinding] {
        try offline(LinkRun(messages: 400, network: PoorNetwork(.init(), seed: seed)))
    }

    private func offlinePoor() throws -> [LinkFinding] {
        try offline(LinkRun(messages: 60, network: PoorNetwork(Self.poor, seed: seed)))
    }

    private func offlinePulled() throws -> [LinkFinding] {
        let run = LinkRun(messages: 400, rate: 50, network: PoorNetwork(.init(), seed: seed))
        run.disturb(after: 1.5) { [pull] in $0.pull(seconds: pull) }
        return try offline(run)
    }

    private func offlineReset() throws -> [LinkFinding] {
        let run = LinkRun(messages: 600, rate: 100, network: PoorNetwork(.init(), seed: seed))
        for time in [1.0, 2.0, 2.1, 3.5] { run.disturb(after: time) { $0.reset() } }
        return try offline(run)
    }

    private func live(_ run: LinkRun, budget: Double) throws -> [LinkFinding] {
        run.plugin = pluginWords
        let outcome = try run.finish()
        let (ages, snapshot) = (outcome.snapshot.age, outcome.snapshot)
        return [
            LinkFinding("frames in", Double(snapshot.framesIn)),
            LinkFinding("frames out", Double(snapshot.framesOut), atLeast: 10),
            LinkFinding(
                "frames unaccounted", Double(snapshot.unaccounted.count), atMost: 0),
            LinkFinding("age p50, ms", ages.percentile(0.5) ?? 0),
            LinkFinding("age p99, ms", ages.percentile(0.99) ?? 0, atMost: budget),
            LinkFinding("oldest, ms", ages.maximum, atMost: budget),
        ]
            + snapshot.losses.map {
                LinkFinding("dropped at \($0.place), \($0.reason)", Double($0.frames.count))
            }
    }

    private func livePoor() throws -> [LinkFinding] {
        try live(
            LinkRun(
                messages: 30 * seconds, rate: 30, isLive: true,
                network: PoorNetwork(Self.poor, seed: seed), window: 8, oldest: 1900),
            budget: 2000)
    }

    private func livePulled() throws -> [LinkFinding] {
        let run = LinkRun(
            messages: 30 * (seconds + Int(pull)), rate: 30, isLive: true,
            network: PoorNetwork(.init(delay: 0.01), seed: seed), oldest: 900)
        run.disturb(after: Double(seconds) / 2) { [pull] in $0.pull(seconds: pull) }
        return try live(run, budget: 1000)
    }

    private func attacked() throws -> [LinkFinding] {
        let run = LinkRun(messages: 30 * seconds, rate: 30, isLive: true)
        let attack = LinkAttack(megabytes: garbage)
        run.served = { attack.begin(at: $0) }
        var findings = try live(run, budget: 1000)
        findings.append(contentsOf: attack.findings)
        return findings
    }

    /// The stage's clock shows a thousand seconds more, in a time namespace of its own.
    private func clockShifted() throws -> [LinkFinding] {
        let shift = 1000.0
        guard LinkRun.canShiftClocks else {
            FileHandle.standardError.write(
                Data("skipped: this machine permits no time namespaces (unshare -T)\n".utf8))
            return []
        }
        let plain = try LinkRun(messages: 200, rate: 50, isLive: true).finish()
        let outcome = try LinkRun(messages: 200, rate: 50, isLive: true, shift: shift).finish()
        let clock = outcome.clock
        let (age, usual) = (
            outcome.snapshot.age.percentile(0.5) ?? 0, plain.snapshot.age.percentile(0.5) ?? 0
        )
        let hop = outcome.snapshot.nodes[1].report.inputs[0].age.percentile(0.5) ?? 0
        return [
            LinkFinding("injected, s", shift),
            LinkFinding(
                "estimate's error, ms", abs((clock?.offset ?? 0) + shift * 1000),
                atMost: (clock?.uncertainty ?? 0)),
            LinkFinding("uncertainty, ms", clock?.uncertainty ?? .infinity, atMost: 5),
            LinkFinding("age at the sink, ms", age, atMost: usual + 20),
            LinkFinding("age at the sink with one clock, ms", usual),
            LinkFinding("age at the shifted machine, ms", hop, atMost: usual + 20),
        ]
    }
}

/// One figure, and what was promised of it.
struct LinkFinding {
    private(set) var name: String
    let value: Double
    let promise: ClosedRange<Double>

    init(_ name: String, _ value: Double, atLeast: Double = -.infinity, atMost: Double = .infinity)
    {
        (self.name, self.value) = (name, value)
        promise = min(atLeast, atMost)...max(atLeast, atMost)
    }

    var isKept: Bool { promise.contains(value) }

    func named(_ name: String) -> LinkFinding {
        var finding = self
        finding.name = name
        return finding
    }

    var text: String {
        let bounds = [
            promise.lowerBound.isFinite ? "at least \(promise.lowerBound.formatted())" : nil,
            promise.upperBound.isFinite ? "at most \(promise.upperBound.formatted())" : nil,
        ].compactMap { $0 }
        return "\(name): \(value.formatted())"
            + (bounds.isEmpty ? "" : " (promised: \(bounds.joined(separator: ", ")))")
    }
}
