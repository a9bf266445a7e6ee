import Wire

/// Where people can look on at an output of a running graph.
package struct EdgePlace: Sendable, Codable, Equatable {
    package let port: String
    /// Where its node serves it, on the node's machine.
    package let endpoint: String
    /// What starts an agent on that machine, as the run itself does; nil on the supervisor's.
    package var command: [String]?
    /// What to add to that machine's clock to get the supervisor's, nanoseconds.
    package var clockOffset: Int64 = 0
}

extension Supervisor {
    /// Where an output, `node.port`, is to be seen.
    ///
    /// - Throws: ``SwapRefusal`` when there is no such node, or its machine cannot be reached.
    func place(of output: String) throws -> EdgePlace {
        let words = output.split(separator: ".", maxSplits: 1).map(String.init)
        guard words.count == 2, let member = members.first(where: { $0.name == words[0] }) else {
            throw SwapRefusal("'\(output)' is no output of this run")
        }
        return try place(of: words[1], member)
    }

    func place(of port: String, _ member: Member) throws -> EdgePlace {
        let process = member.current
        let machine = process.planned.machine
        return EdgePlace(
            port: port,
            endpoint: NodeConfiguration.endpoint(of: process.id, in: folder(of: process)),
            command: try link(to: machine)?.launcher.command(),
            clockOffset: clock(of: machine)?.offset ?? 0)
    }
}
