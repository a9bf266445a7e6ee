import ArgumentParser
import Dataflow
import Foundation
import Glibc
import Launch

/// `personalive-bench chaos`: a graph that is killed, stopped and swapped at random, and what came
/// of its frames.
struct ChaosBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chaos",
        abstract:
            "Kills, stops, swaps, adds and removes nodes of a running graph at random; no frame "
            + "may differ.",
        discussion: "Exit codes: 0 every frame came once, in order and whole; 1 one did not.")

    @Option(help: "What happens when; the same seed repeats it.")
    var seed: UInt64 = 1

    @Option(help: "Messages of a run.")
    var messages = 10_000

    @Option(help: "Messages a second.")
    var rate = 200

    @Option(help: "Go on with further seeds for so many minutes.")
    var minutes: Double = 0

    @Flag(help: "Print one JSON object.")
    var json = false

    @Flag(
        help: """
            Only kill, but the nodes of the portrait graph with the model in Models/small: from the \
            project's folder.
            """)
    var portrait = false

    func run() throws {
        if portrait { return try killPortraits() }
        try repeatedly(Chaos.Outcome.self) { seed in
            let outcome = try Chaos(seed: seed, messages: messages, rate: rate).run()
            return (outcome, outcome.text, outcome.isWhole)
        }
    }

    private func killPortraits() throws {
        let folder = FileManager.default.currentDirectoryPath
        let expected = try PortraitChaos(seed: seed, folder: folder).undisturbed()
        try repeatedly(PortraitChaos.Outcome.self) { seed in
            let outcome = try PortraitChaos(seed: seed, folder: folder).run(expecting: expected)
            return (outcome, outcome.text, outcome.isWhole)
        }
    }

    /// One run for each seed until the time is over.
    private func repeatedly<Outcome: Codable>(
        _ type: Outcome.Type,
        _ run: (_ seed: UInt64) throws -> (outcome: Outcome, text: String, isWhole: Bool)
    ) throws {
        var measurement = Measurement("chaos", json: json)
        let end = ContinuousClock.now + .seconds(minutes * 60)
        var next = seed
        var outcomes: [Outcome] = []
        var failed = false
        repeat {
            let (outcome, text, isWhole) = try run(next)
            measurement.show(text)
            outcomes.append(outcome)
            failed = failed || !isWhole
            next += 1
        } while ContinuousClock.now < end
        try measurement.finish(outcomes)
        if failed { throw ExitCode(1) }
    }
}

/// One run under random disturbances.
struct Chaos {
    struct Outcome: Codable {
        let seed: UInt64
        var messages = 0, lost = 0, twice = 0, unordered = 0, damaged = 0
        var kills = 0, stalls = 0, swaps = 0, applies = 0, refused = 0
        var status: Int32 = 0
        var errors = ""

        var isWhole: Bool { status == 0 && lost + twice + unordered + damaged == 0 }

        private var figures: [(String, Int)] {
            [
                ("seed", Int(seed)), ("messages", messages), ("lost", lost), ("twice", twice),
                ("unordered", unordered), ("damaged", damaged), ("kills", kills),
                ("stalls", stalls), ("swaps", swaps), ("applies", applies), ("refused", refused),
                ("status", Int(status)),
            ]
        }

        var text: String {
            figures.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
                + (isWhole ? "" : "\n\(errors)")
        }
    }

    let seed: UInt64
    let messages: Int
    let rate: Int

    private static let restart = "restart: { limit: 1000, backoff: 10ms }"
    private static let nodes = ["source", "small", "large", "sink"]

    /// - Parameter isLonger: with another stage before the sink.
    private func graph(isLonger: Bool) -> String {
        let between = "between: { use: test-stage, \(Self.restart), in: { data: large.data } }"
        return """
            nodes:
              \(isLonger ? between : "# nothing between")
              source:
                use: test-source
                \(Self.restart)
                with: { bytes: 60000, count: \(messages), rate: \(rate), numbered: true }
              small: { use: test-stage, \(Self.restart), in: { data: source.data }, with: { work: 1 } }
              large: { use: test-stage, \(Self.restart), in: { data: small.data }, with: { work: 2 } }
              sink:
                use: test-sink
                \(Self.restart)
                in: { data: \(isLonger ? "between" : "large").data }
                with: { list: FOLDER/list.txt }
            """
    }

    func run() throws -> Outcome {
        var dice = SeededDice(seed: seed)
        var outcome = Outcome(seed: seed)
        let run = try DisturbedRun(graph(isLonger: false))
        let client = try run.client()
        var isLonger = false
        _ = run.wait { !run.arrivals.isEmpty }
        while run.isRunning {
            usleep(UInt32.random(in: 10_000...300_000, using: &dice))
            if Int.random(in: 0..<10, using: &dice) == 0 {
                try apply(&isLonger, to: run, &dice, &outcome)
            } else {
                try disturb(run, client, &dice, &outcome)
            }
        }
        outcome.status = run.finish().status
        outcome.errors = run.errors + "\n"
        judge(run.arrivals, &outcome)
        return outcome
    }

    private func disturb(
        _ run: DisturbedRun, _ client: RunClient, _ dice: inout SeededDice, _ outcome: inout Outcome
    ) throws {
        let choice = Int.random(in: 0..<10, using: &dice)
        let name = Self.nodes.randomElement(using: &dice)!
        let work = Int.random(in: 0...3, using: &dice)
        let pause = UInt32.random(in: 20_000...200_000, using: &dice)
        guard let status = try? client.status(seconds: 10), status.state == "running",
            let node = status.nodes.first(where: { $0.name == name }), node.state != "ended"
        else { return }
        switch choice {
        case 0..<6:
            if kill(node.pid, SIGKILL) == 0 { outcome.kills += 1 }
        case 6..<8:
            guard kill(node.pid, SIGSTOP) == 0 else { return }
            outcome.stalls += 1
            usleep(pause)
            kill(node.pid, SIGCONT)
        default:
            let stage = name == "small" ? "small" : "large"
            let wanted = NodeReplacement(
                node: stage, kind: "test-stage", settings: ["work": "\(work)"])
            if case .done? = try? client.ask(.change(.replace(wanted)), seconds: 20) {
                outcome.swaps += 1
            } else {
                outcome.refused += 1
            }
        }
    }

    /// A stage is put before the sink, or taken out again, and a node is killed meanwhile.
    private func apply(
        _ isLonger: inout Bool, to run: DisturbedRun, _ dice: inout SeededDice,
        _ outcome: inout Outcome
    ) throws {
        let name = Self.nodes.randomElement(using: &dice)!
        let pause = UInt32.random(in: 0...150_000, using: &dice)
        let file = "\(run.folder)/other.yaml"
        let text = graph(isLonger: !isLonger).replacing("FOLDER", with: run.folder)
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        let order = Order(.change(.file(path: file)), of: run.name)
        usleep(pause)
        if let client = try? RunClient(run.name), let status = try? client.status(seconds: 10),
            let node = status.nodes.first(where: { $0.name == name }), node.state != "ended",
            kill(node.pid, SIGKILL) == 0
        {
            outcome.kills += 1
        }
        if order.wasDone {
            outcome.applies += 1
            isLonger.toggle()
        } else {
            outcome.refused += 1
        }
    }

    /// The source numbers its payloads, so that equal frames have equal hashes in every run.
    private func judge(_ arrivals: [DisturbedRun.Arrival], _ outcome: inout Outcome) {
        outcome.messages = arrivals.count
        var seen: [UInt64: Int] = [:]
        for arrival in arrivals { seen[arrival.frame, default: 0] += 1 }
        outcome.lost = (0..<UInt64(messages)).count { seen[$0] == nil }
        outcome.twice = seen.values.count { $0 > 1 }
        let back = arrivals.indices.dropFirst().filter {
            arrivals[$0 - 1].frame >= arrivals[$0].frame
        }
        outcome.unordered = back.count
        for index in back.prefix(3) {
            let around = arrivals[max(0, index - 4)..<min(arrivals.count, index + 4)]
            outcome.errors += "came: \(around.map { String($0.frame) }.joined(separator: " "))\n"
        }
        let hashes = Self.hashes(messages, bytes: 60_000)
        outcome.damaged = arrivals.count { arrival in
            arrival.frame >= hashes.count || hashes[Int(arrival.frame)] != arrival.hash
        }
    }

    /// What an undisturbed run would list.
    private static func hashes(_ count: Int, bytes: Int) -> [String] {
        (0..<count).map { TestPayload.hash(number: $0, bytes: bytes) }
    }
}

/// A change that is asked for on a thread of its own, so that it can be disturbed.
private final class Order: @unchecked Sendable {
    // Unchecked because the result is read after the thread has signalled its end.
    private let end = DispatchSemaphore(value: 0)
    private var reply: RunReply?

    init(_ request: RunRequest, of run: String) {
        Thread.detachNewThread { [self] in
            reply = try? RunClient(run).ask(request, seconds: 30)
            end.signal()
        }
    }

    /// Waits for what comes of it.
    var wasDone: Bool {
        end.wait()
        if case .done? = reply { return true }
        return false
    }
}
