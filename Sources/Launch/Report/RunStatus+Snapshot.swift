extension RunStatus {
    /// The run as its summary sees it.
    package var snapshot: RunSnapshot {
        RunSnapshot(
            seconds: seconds,
            nodes: nodes.map { node in
                .init(
                    name: node.name, kind: node.kind,
                    isSource: !edges.contains { $0.to.hasPrefix(node.name + ".") },
                    isSink: !edges.contains { $0.from.hasPrefix(node.name + ".") },
                    report: node.report)
            })
    }
}
