import ArgumentParser
import BuiltinNodes
import Glibc
import NodeKit
import Wire

/// Hosts one node: what every launcher starts, here or on another machine.
struct NodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node", abstract: "Hosts one node of a running graph (launchers call this).",
        shouldDisplay: false)

    @Argument(help: "The node's name in the graph.")
    var name: String

    @Option(help: "The kind of node, as in YAML's 'use:'.")
    var kind: String

    @Option(help: "The folder of the run's sockets.")
    var folder: String

    func run() throws {
        let look: (any Node.Type)? = kind == LookNode.spec.kind ? LookNode.self : nil
        guard let type = look ?? BuiltinKinds.make(kind: kind) else {
            throw ValidationError("there is no kind of node called '\(kind)'")
        }
        // Not exit(): a node that is told to end now may still be computing, and the libraries'
        // own farewells would pull the floor from under it.
        _exit(NodeHost.run(type, name: name, folder: folder))
    }
}
