import Launch

/// What `status` says of the edges of a run, looked at again and again: counts only grow, and two edges
/// between the same two nodes keep step.
struct EdgeCounts {
    /// Two edges that one producer feeds in every tick may be so many messages apart while a process
    /// of theirs goes on where another ended.
    private static let step = 32

    private var highest: [String: Int] = [:]
    private(set) var faults: [String] = []

    mutating func look(at status: RunStatus) {
        for node in status.nodes {
            // By edge and the consumer's port, what was sent on all that changes made of it.
            var edges: [String: [String: Int]] = [:]
            for output in node.report.outputs {
                let edge = "\(node.name).\(output.port) → \(output.consumer)"
                edges[edge, default: [:]][output.consumerPort, default: 0] += output.sent
                let key = "\(edge).\(output.consumerPort)~\(output.edition)"
                note(output.sent, of: "sent", key)
                note(output.droppedCount, of: "dropped_count", key)
            }
            for (edge, sent) in edges.sorted(by: { $0.key < $1.key }) {
                compare(sent.sorted { $0.key < $1.key }.map(\.value), of: edge)
            }
        }
    }

    mutating func note(_ count: Int, of what: String, _ edge: String) {
        let key = "\(what) of \(edge)"
        let before = highest[key] ?? 0
        highest[key] = max(before, count)
        if count < before { report("\(key) went back", "from \(before) to \(count)") }
    }

    mutating func compare(_ sent: [Int], of edge: String) {
        guard let most = sent.max(), let least = sent.min(), most - least > Self.step else {
            return
        }
        report("the edges \(edge) do not keep step", "\(sent)")
    }

    /// Each kind of fault once: it is there at every look that follows.
    private mutating func report(_ fault: String, _ detail: String) {
        guard !faults.contains(where: { $0.hasPrefix(fault) }) else { return }
        faults.append("\(fault): \(detail)")
    }
}
