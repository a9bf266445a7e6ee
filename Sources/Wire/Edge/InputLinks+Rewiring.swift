/// Inputs that go on with other edges while the node runs.
///
/// The edge that an input has is used up to its end, and only then the next one is connected, so
/// nothing is lost, made twice or overtaken. Its producer lets go of it when the node has done with
/// all that came on it: until then it may be asked again, by a successor of this process.
extension InputLinks {
    /// The inputs of the node as they are to be.
    func rewire(_ inputs: [NodeConfiguration.Input]) throws {
        // A node that has had its last tick wants nothing more.
        guard !links.isEmpty else { return }
        for index in links.indices where !inputs.contains(where: { $0.port == links[index].port.name }) {
            links[index].isDropped = true
            if ended.contains(index) { try moveOn(index) }
        }
        for input in inputs {
            guard let index = links.firstIndex(where: { $0.port.name == input.port }) else {
                try add(input)
                continue
            }
            guard links[index].configuration.key != input.key else { continue }
            links[index].successor = input
            if ended.contains(index) { try moveOn(index) }
        }
    }

    private func add(_ new: NodeConfiguration.Input) throws {
        links.append(try link(new))
        report.append(NodeReport.Input(port: new.port, pace: links[links.count - 1].port.pace))
        exchange.add(input(links[links.count - 1]))
        sendHello(links.count - 1)
    }

    /// The edge of an input has ended: its successor is next, if there is one.
    func moveOn(_ index: Int) throws {
        guard let successor = links[index].successor else {
            exchange.end(index)
            guard links[index].isDropped else { return }
            tell(index, Envelope(.bye))
            return say(.left(edge: links[index].configuration.key))
        }
        let former = links[index]
        links[index] = try link(successor)
        formers.append(former)
        ended.remove(index)
        exchange.move(index, to: successor, next: links[index].next)
        sendHello(index)
        say(.moved(edge: successor.key))
        releaseFormers()
    }

    /// Sends `bye` to producers of which nothing is in use any more.
    func releaseFormers() {
        formers.removeAll { former in
            let isUsedUp = former.port.pace == .last || former.acknowledged >= former.next
            guard former.lent == 0, isUsedUp else { return false }
            Self.tell(former, Envelope(.bye))
            say(.left(edge: former.configuration.key))
            return true
        }
    }

    /// The producer of an edge that has ended is another process now.
    func reconnectFormer(_ key: String, to endpoint: String) throws {
        guard let index = formers.firstIndex(where: { $0.configuration.key == key }),
            formers[index].endpoint != endpoint
        else { return }
        try connect(&formers[index], to: endpoint)
        var hello = Envelope(.hello)
        hello.isElsewhere = formers[index].isElsewhere
        hello.sequence = formers[index].next
        hello.acknowledges = true
        Self.tell(formers[index], hello)
        releaseFormers()
    }
}
