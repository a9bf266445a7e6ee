import ArgumentParser
import BuiltinNodes
import Dataflow
import Foundation

/// `personalive plan`: what a graph will take, before anything is loaded.
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "States each node's peak memory, and whether its machine can give it.",
        discussion: """
            Weights are counted exactly. The working set is estimated for pictures of the model's \
            size (512x512 for FLUX.2's tiny autoencoder); frames that nodes hold besides are not in it.

            Exit codes: 0 the graph fits, 1 it does not or has faults, 2 the file cannot be read, 64 \
            the command line is wrong.
            """)

    @Argument(help: "The graph file.", completion: .file(extensions: ["yaml", "yml"]))
    var file: String

    @OptionGroup var settings: GraphSettings

    @Flag(help: "Print one JSON object.")
    var json = false

    private struct Report: Codable {
        var nodes: [MemoryPlan.Line]
        var machines: [MemoryPlan.Place]
    }

    func run() throws {
        let check = GraphFile.check(
            path: file, overrides: settings.overrides,
            registry: PluginFolders.load(besides: file).registry)
        FileHandle.standardError.write(Data(check.text.utf8))
        guard let graph = check.graph else { throw ExitCode(check.isReadable ? 1 : 2) }
        let plan = MemoryPlan(graph)
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            let report = Report(nodes: plan.lines, machines: plan.places)
            print(String(decoding: try encoder.encode(report), as: UTF8.self))
        } else {
            print(plan.text)
        }
        guard let refusal = plan.refusal else { return }
        FileHandle.standardError.write(Data(refusal.utf8))
        throw ExitCode(1)
    }
}
