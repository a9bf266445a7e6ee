import ArgumentParser
import Dataflow
import Foundation
import NodeKit

/// `personalive nodes`: the kinds of node, their ports and settings.
struct NodesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nodes",
        abstract: "Lists the kinds of node and the parts, or the ports and settings of one.")

    @Argument(help: "A kind or a part, as in YAML's 'use:'.")
    var kind: String?

    @Option(help: "How kinds are written: text for people, json for programs.")
    var format = CheckCommand.Format.text

    func run() throws {
        let plugins = PluginFolders.load()
        plugins.report()
        let registry = plugins.registry
        let parts = PartFolders().listing(registry: registry)
        let known = registry.specs + parts.map(\.spec)
        let specs = try kind.map { [try spec($0, known, registry)] } ?? known
        for part in parts where kind == nil || kind == part.spec.kind {
            FileHandle.standardError.write(Data(part.text.utf8))
        }
        let listing = NodeListing(specs)
        switch (format, kind) {
        case (.json, nil): print(listing.json.serialized())
        case (.json, _): print(specs[0].json.serialized())
        case (.text, nil):
            print(listing.summary + "\n'personalive nodes KIND' shows ports and settings.")
        case (.text, _): print(listing.details, terminator: "")
        }
    }

    private func spec(
        _ kind: String, _ known: [NodeSpec], _ registry: NodeRegistry
    ) throws -> NodeSpec {
        if let spec = known.first(where: { $0.kind == kind }) { return spec }
        let nearest = registry.nearest(to: kind, among: known.map(\.kind)).map {
            ": did you mean '\($0)'?"
        }
        throw ValidationError(
            "there is no kind of node called '\(kind)'"
                + (nearest ?? " ('personalive nodes' lists them)"))
    }
}
