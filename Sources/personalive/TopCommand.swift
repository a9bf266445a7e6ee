import ArgumentParser
import Foundation
import Glibc
import Launch
import Wire

/// `personalive top`: a running graph on one screen.
struct TopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Shows a running graph: nodes, rates, ages, credits, drops and restarts, live.",
        discussion: """
            Rates and ages are those of the last interval; drops and restarts count from the start. \
            Ctrl-C leaves; the graph goes on. Exit codes: 0 left, or the run ended, 1 no such run, \
            64 the command line is wrong.
            """)

    @OptionGroup var target: RunArgument

    @Option(help: "Seconds between two looks.")
    var interval = 1.0

    @Flag(help: "Look twice, print one screen, and leave.")
    var once = false

    func validate() throws {
        guard interval >= 0.1, interval <= 3600 else {
            throw ValidationError("--interval is between 0.1 and 3600 seconds")
        }
    }

    func run() throws {
        let (client, first) = try target.reached()
        var before = first
        let isTerminal = isatty(1) == 1 && !once
        while true {
            Thread.sleep(forTimeInterval: interval)
            guard let now = try? client.status() else {
                print("the run has ended")
                return
            }
            let screen = RunScreen(now, since: before).text
            print(isTerminal ? "\u{1B}[H\u{1B}[2J\(screen)" : screen)
            if once { return }
            before = now
        }
    }
}

/// Two looks at a running graph as a screen of text.
struct RunScreen {
    private let now: RunStatus
    private let before: RunStatus

    init(_ now: RunStatus, since before: RunStatus) {
        self.now = now
        self.before = before
    }

    private var seconds: Double { max(now.seconds - before.seconds, 0.001) }

    var text: String {
        ([title, ""] + nodes + settings + notes + [""] + edges + machines).joined(separator: "\n")
    }

    /// The other machines' clocks, by which ages are put right.
    private var machines: [String] {
        var seen: Set<String> = []
        let rows = now.nodes.compactMap { node -> [String]? in
            guard let machine = node.machine, seen.insert(machine).inserted else { return nil }
            let names = now.nodes.filter { $0.machine == machine }.map(\.name)
            let clock = node.clock_uncertainty_ns.map {
                String(
                    format: "%+.3f ms ± %.3f ms", -Double(node.clock_offset_ns ?? 0) / 1e6,
                    Double($0) / 1e6)
            }
            let strangers = now.nodes.filter { $0.machine == machine }.map(\.report.refusedPeers)
            return [
                machine, names.joined(separator: " "), clock ?? "not known yet",
                "\(strangers.reduce(0, +))",
            ]
        }
        guard !rows.isEmpty else { return [] }
        return [""]
            + Self.aligned([["machine", "nodes", "clock ahead by", "turned away"]] + rows, left: 2)
    }

    private var title: String {
        let (source, sink) = (now.snapshot.framesIn, now.snapshot.framesOut)
        let made = Double(sink - before.snapshot.framesOut) / seconds
        var parts = [
            "\(now.name): \(now.state)", String(format: "%.0f s", now.seconds),
            "\(source) frames in, \(sink) out", String(format: "%.1f fps", made),
        ]
        let age = now.snapshot.age.since(before.snapshot.age)
        if let p50 = age.percentile(0.5), let p99 = age.percentile(0.99) {
            parts.append(
                "age \(now.snapshot.sourceName) → \(now.snapshot.sinkName) "
                    + "p50 \(Self.time(p50)), p99 \(Self.time(p99))")
        }
        return parts.joined(separator: " · ")
    }

    private var nodes: [String] {
        let header = [
            "node", "kind", "state", "fps", "busy", "no input", "no room", "memory", "restarts",
        ]
        return Self.aligned(
            [header]
                + now.nodes.map { node in
                    let old = before.nodes.first { $0.name == node.name }?.report ?? NodeReport()
                    let shares = Shares(of: node.report, since: old, seconds: seconds)
                    // A process that took over counts from 0.
                    let ticks = max(node.report.ticks - old.ticks, 0)
                    return [
                        node.name, node.kind, node.state,
                        String(format: "%.1f", Double(ticks) / seconds), shares.text(\.busy),
                        shares.text(\.waitingForInput), shares.text(\.waitingForOutput),
                        "\(node.report.peakMemory >> 20) MB", "\(node.restarts)",
                    ]
                }, left: 3)
    }

    /// Live settings, node by node.
    private var settings: [String] {
        let rows = now.nodes.compactMap { node in node.settingsText.map { [node.name, $0] } }
        return rows.isEmpty ? [] : [""] + Self.aligned([["live", "settings"]] + rows, left: 2)
    }

    /// What nodes say of themselves, and why some are down.
    private var notes: [String] {
        let notes = now.nodes.compactMap { node in node.note.map { "  \(node.name): \($0)" } }
        return notes.isEmpty ? [] : [""] + notes
    }

    private var edges: [String] {
        let header = [
            "edge", "keep", "MB/s", "age p50", "age p99", "hop p50", "credits", "waiting",
            "dropped",
        ]
        return Self.aligned(
            [header] + now.edges.map { edge in row(edge, EdgeFigures(edge, in: now)) }, left: 2)
    }

    private func row(_ edge: RunStatus.Edge, _ figures: EdgeFigures) -> [String] {
        let old = EdgeFigures(edge, in: before)
        let bytes = (figures.input?.bytes ?? 0) - (old.input?.bytes ?? 0)
        func age(_ ages: (NodeReport.Input) -> AgeHistogram, _ fraction: Double) -> String {
            guard let input = figures.input else { return "-" }
            let recent = old.input.map { ages(input).since(ages($0)) } ?? ages(input)
            return recent.percentile(fraction).map(Self.time) ?? "-"
        }
        func count(_ value: (NodeReport.Output) -> Int) -> String {
            figures.output.map { "\(value($0))" } ?? "-"
        }
        return [
            "\(edge.from) → \(edge.to)", "\(edge.keep) \(edge.window)",
            String(format: "%.1f", Double(max(bytes, 0)) / seconds / 1e6), age(\.age, 0.5),
            age(\.age, 0.99), age(\.hop, 0.5), count(\.credits), count(\.waiting),
            count(\.droppedCount),
        ]
    }

    private static func time(_ milliseconds: Double) -> String {
        switch milliseconds {
        case ..<10: String(format: "%.2f ms", milliseconds)
        case ..<1000: String(format: "%.0f ms", milliseconds)
        default: String(format: "%.2f s", milliseconds / 1000)
        }
    }

    /// - Parameter left: how many columns are aligned to the left.
    private static func aligned(_ rows: [[String]], left: Int) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max()! }
        return rows.map { row in
            zip(row, widths).enumerated().map { index, cell in
                let padding = String(repeating: " ", count: cell.1 - cell.0.count)
                return index < left ? cell.0 + padding : padding + cell.0
            }.joined(separator: "  ")
        }
    }
}
