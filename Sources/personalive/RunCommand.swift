import ArgumentParser
import BuiltinNodes
import Dataflow
import Foundation
import Launch
import NodeKit

/// `personalive run`: checks a graph, starts its processes, and sees them to their end.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs a graph: one process per node, until its sources end or Ctrl-C.",
        discussion: """
            Ctrl-C finishes the frames under way and closes the files; a second one closes them at \
            once; a third kills.

            Exit codes: 0 the run is complete, 1 faults were found and nothing was started, 2 the \
            file cannot be read, 3 a node failed, 4 frames are unaccounted for, 64 the command line is \
            wrong, 5 a sink was down at the end, and the graph had gone on without it, 130 stopped by the user with its files closed.
            """)

    @Argument(help: "The graph file.", completion: .file(extensions: ["yaml", "yml"]))
    var file: String

    @OptionGroup var settings: GraphSettings

    @Flag(name: .shortAndLong, help: "No progress and no output of nodes; faults are still shown.")
    var quiet = false

    @Flag(help: "Print one JSON object about the run at its end, instead of the summary.")
    var json = false

    @Flag(help: "Start even when the nodes' estimated memory is more than their machine has.")
    var ignoreMemory = false

    @Option(
        help: """
            What other commands call the run; else the graph file's name without its ending, with a \
            number where another run has it.
            """)
    var name: String?

    @Flag(help: "Start even when frames can become older than the graph's latency budget.")
    var ignoreBudget = false

    @Option(
        help: ArgumentHelp(
            "Serves figures for Prometheus at http://127.0.0.1:PORT/metrics while the graph runs; 0 takes "
                + "any port, which 'status' says.", valueName: "port"))
    var metrics: UInt16?

    func validate() throws {
        guard let name else { return }
        guard !name.isEmpty, !name.hasPrefix("-"), !name.contains("/"), !name.contains("=") else {
            throw ValidationError("--name takes a name without '/', '=' and a '-' at its beginning")
        }
    }

    func run() throws {
        // Until the supervisor has them: no node is started and no output is open.
        for interrupt in [SIGINT, SIGTERM] { signal(interrupt) { _ in _exit(130) } }
        let plugins = PluginFolders.load(besides: file)
        plugins.report()
        let check = GraphFile.check(
            path: file, overrides: settings.overrides, registry: plugins.registry)
        printToStandardError(check.text)
        guard let graph = check.graph else { throw ExitCode(check.isReadable ? 1 : 2) }
        if let input = graph.openInputs.first {
            printToStandardError(
                "error: \(file) is a part of other graphs: nothing feeds its input '\(input)'\n"
                    + "  use it in a graph: 'use: ./\(URL(fileURLWithPath: file).lastPathComponent)' with "
                    + "'in: { \(input): node.port }'\n")
            throw ExitCode(1)
        }
        if let refusal = graph.placementRefusal {
            printToStandardError(refusal + "  nothing was started\n")
            throw ExitCode(1)
        }
        if let refusal = lackOfRequirements(graph) {
            printToStandardError(refusal + "  nothing was started\n")
            throw ExitCode(1)
        }
        if !ignoreMemory, let refusal = MemoryPlan(graph).refusal {
            printToStandardError(refusal + "  nothing was started (--ignore-memory would)\n")
            throw ExitCode(1)
        }
        if graph.mode == .live, !ignoreBudget, let refusal = AgePlan(graph).refusal {
            printToStandardError(refusal + "  nothing was started (--ignore-budget would)\n")
            throw ExitCode(1)
        }
        try run(graph)
    }

    private func run(_ graph: CheckedGraph) throws {
        let folder = try runFolder(for: graph)
        defer { folder.remove() }
        var outputs = RunOutputs(of: graph, in: folder.path)
        if let refusal = outputs.refusal {
            printToStandardError(refusal + "  nothing was started\n")
            throw ExitCode(1)
        }
        // What other commands call the run stays, whatever file is applied to it.
        let name = folder.name
        let log = runLog(of: name ?? file, graph)
        defer { close(log) }
        let metrics = try metricsProcess(folder)
        let display = RunDisplay(quiet: quiet, log: log)
        if let metrics { display.note("figures for Prometheus: \(metrics.address)") }
        let (logs, address) = (log?.folder.path, metrics?.address)
        let plan = { (graph: CheckedGraph) in
            var plan = RunPlan(graph, name: name, folder: folder.path)
            plan.notices = Self.notices(of: graph)
            (plan.logs, plan.metrics) = (logs, address)
            return plan
        }
        let planner = Replanner(
            graph, settings.overrides,
            waivers: .init(memory: ignoreMemory, budget: ignoreBudget), plan: plan)
        let provenance = RunProvenance(of: name ?? file, in: folder.path) {
            printToStandardError("warning: \($0)\n")
        }
        func note(_ graph: CheckedGraph, _ event: String, _ now: RunGraph?) {
            provenance.note(
                graph, event: event, text: Array((now?.text ?? "").utf8),
                values: now?.overrides ?? [:])
        }
        note(graph, "begin", planner?.current)
        planner?.changed = { note($0, "change", $1) }
        let supervisor = try Supervisor(
            plan(graph), executable: Personalive.executable, display: display, planner: planner)
        let outcome = withExtendedLifetime(metrics) { supervisor.run() }
        folder.remove()
        outputs.add(planner?.graph ?? graph)
        log?.note(Self.words(for: outcome))
        try report(outcome, supervisor.snapshot, outputs, log)
    }

    /// What plugins on this machine list as requirements and is not there; those on others say so when they
    /// are started.
    private func lackOfRequirements(_ graph: CheckedGraph) -> String? {
        let faults = graph.requiringPlugins(on: graph.localMachines).flatMap { plugin -> [String] in
            do {
                let found = try PluginRequirements.look(
                    for: plugin, installs: false, executable: Personalive.executable)
                return found.isWell ? [] : found.lines
            } catch { return ["\(error)"] }
        }
        return faults.isEmpty ? nil : faults.map { "error: \($0)\n" }.joined()
    }

    /// The folder of a run that is called as its user wants, or else as its file.
    private func runFolder(for graph: CheckedGraph) throws -> RunFolder {
        let file = RunPlan.name(of: graph)
        do {
            let folder = try RunFolder(named: name ?? file, isGiven: name != nil)
            if let found = folder.name, name == nil, found != file {
                printToStandardError(
                    "note: this run is called '\(found)', since '\(file)' runs already\n")
            }
            return folder
        } catch let error as LaunchError {
            printToStandardError("error: \(error)\n  nothing was started\n")
            throw ExitCode(1)
        }
    }

    /// What there is to know of the graph's models, each once.
    private static func notices(of graph: CheckedGraph) -> [String] {
        let all = graph.nodes.compactMap { BuiltinKinds.notice(of: $0.kind, $0.settings) }
        return all.enumerated().filter { !all[..<$0.offset].contains($0.element) }.map(\.element)
    }

    /// The log of the run. That it cannot be written stops no run.
    private func runLog(of name: String, _ graph: CheckedGraph) -> RunLog? {
        do {
            let log = try RunLog(of: name, nodes: graph.nodes.map(\.name))
            log.note("run '\(name)' of \(file) begins")
            return log
        } catch {
            printToStandardError("warning: this run has no log: \(error)\n")
            return nil
        }
    }

    /// Waits until the log is written.
    private func close(_ log: RunLog?) {
        log?.flush()
        if let fault = log?.takeFault() { printToStandardError("warning: \(fault)\n") }
    }

    /// How the run ended, for its log.
    private static func words(for outcome: Supervisor.Outcome) -> String {
        switch outcome {
        case .completed: "the run is complete"
        case .stopped: "the run was stopped"
        case .failed(let failure): failure.description
        }
    }

    /// What answers Prometheus, if it is wanted; before anything is started.
    private func metricsProcess(_ folder: RunFolder) throws -> MetricsProcess? {
        do {
            return try metrics.map {
                try MetricsProcess(
                    port: $0, folder: folder.path, executable: Personalive.executable)
            }
        } catch {
            printToStandardError(
                "error: port \(metrics ?? 0) of this machine cannot be had for --metrics: \(error)\n"
                    + "  nothing was started; take another port, or 0 for any\n")
            throw ExitCode(1)
        }
    }

    private func report(
        _ outcome: Supervisor.Outcome, _ snapshot: RunSnapshot, _ outputs: RunOutputs,
        _ log: RunLog?
    ) throws {
        let unfinished = outputs.settle()
        if case .failed(let failure) = outcome {
            printToStandardError(failure.description + "\n")
            if let name = log?.folder.name {
                printToStandardError(
                    "  'personalive logs \(name) \(failure.node)' shows all of its lines\n")
            }
            for path in outputs.made + unfinished {
                printToStandardError("  what was made before that is in \(path)\n")
            }
            for place in outputs.made(by: snapshot) {
                printToStandardError(
                    "  what was made before that is in \(place), or in a draft beside it\n")
            }
            throw ExitCode(3)
        }
        for path in unfinished {
            printToStandardError("warning: what was made before the run was killed is in \(path)\n")
        }
        var isStopped = false
        if case .stopped = outcome { isStopped = true }
        if json {
            print(try snapshot.json())
        } else {
            (outputs.made + outputs.made(by: snapshot)).forEach { print($0) }
            print(snapshot.summary(stopped: isStopped))
        }
        for (node, reason) in snapshot.outages {
            printToStandardError(
                "warning: sink '\(node.name)' (\(node.kind)) was down at the end: \(reason)\n")
        }
        if !snapshot.outages.isEmpty { throw ExitCode(5) }
        if isStopped { throw ExitCode(130) }
        if snapshot.unaccountedCount > 0 {
            printToStandardError(
                "warning: \(snapshot.unaccountedCount) frames went in and did not come out, and nothing "
                    + "says where they were dropped: please report this with the graph and the output "
                    + "of 'personalive run --json'\n")
            throw ExitCode(4)
        }
    }

    private func printToStandardError(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
}
