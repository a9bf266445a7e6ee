import ArgumentParser
import Dataflow

/// `personalive schema`: what editors need to complete graph files.
struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Prints the JSON Schema of graph files, for editors.",
        discussion: """
            Save it, and begin a graph file with
            # yaml-language-server: $schema=personalive.schema.json
            and editors complete kinds, inputs and settings and underline what is wrong.
            """)

    func run() {
        let plugins = PluginFolders.load()
        plugins.report()
        print(GraphSchema(plugins.registry).json.serialized())
    }
}
