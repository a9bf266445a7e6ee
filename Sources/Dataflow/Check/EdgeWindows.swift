import NodeKit

/// An edge whose ports exist and meet; its window may still be open.
struct PlannedEdge {
    var edge: CheckedEdge
    let fromIndex: Int
    let toIndex: Int
    /// Where the edge stands in the file, and its `window:` if it gives one.
    let place: SourceRange
    let window: Located<Int>?
    /// What the file says is done with frames that the consumer has no time for, if it does.
    let keep: Located<Keep>?
}

/// Works out how many messages each edge must hold so that no join waits forever.
///
/// A node such as the denoiser keeps its first frames to itself. Where its output meets frames that
/// went around it, the edge around it has to hold as many, and two more so that both ends can work.
struct EdgeWindows {
    /// One message is worked on while the next is on its way.
    static let usual = 2
    /// In a live graph no frame lies in a queue: it would only grow old there. 30 frames a second into
    /// a stage that makes 20 are 36 ms old (p99) with one credit, which comes back when the stage is
    /// done, and 84 ms with two.
    static let usualLive = 1

    static func usual(_ mode: CheckedGraph.Mode, _ port: PortSpec) -> Int {
        guard mode == .live else { return usual }
        return port.liveWindow ?? (port.pace.isOfFrames ? usualLive : usual)
    }

    private(set) var findings: Findings

    init(findings: Findings) { self.findings = findings }

    /// Sets the window of every edge; one that the file makes too small is reported.
    mutating func plan(
        _ edges: inout [PlannedEdge], order: [Int], specs: [NodeSpec?], mode: CheckedGraph.Mode
    ) {
        if mode == .live { spreadEvenly(&edges, order, specs) }
        var incoming: [Int: [Int]] = [:]
        for (index, planned) in edges.enumerated() where planned.edge.input.pace.isOfFrames {
            incoming[planned.toIndex, default: []].append(index)
        }
        var held = [Int](repeating: 0, count: specs.count)
        var holders = [[String]](repeating: [], count: specs.count)
        for node in order {
            let joined = incoming[node] ?? []
            let longest = joined.max { held[edges[$0].fromIndex] < held[edges[$1].fromIndex] }
            for index in joined {
                let missing = held[edges[longest!].fromIndex] - held[edges[index].fromIndex]
                guard missing > 0, edges[index].edge.input.pace == .frame else { continue }
                widen(&edges[index], by: missing, holders[edges[longest!].fromIndex])
            }
            let own = specs[node]?.heldFrames ?? 0
            held[node] = own + (longest.map { held[edges[$0].fromIndex] } ?? 0)
            holders[node] = longest.map { holders[edges[$0].fromIndex] } ?? []
            if own > 0, let name = edges.first(where: { $0.toIndex == node })?.edge.to.node {
                holders[node].append(name)
            }
        }
    }

    /// Where frames enter a live graph that works on several at once, so many are taken in one go, and
    /// evenly: the newest ones would be a burst, and the film would jump.
    private func spreadEvenly(_ edges: inout [PlannedEdge], _ order: [Int], _ specs: [NodeSpec?]) {
        var chunks = specs.map { $0?.chunk ?? 1 }
        for node in order.reversed() {
            for planned in edges
            where planned.fromIndex == node && planned.edge.input.pace.isOfFrames {
                chunks[node] = max(chunks[node], chunks[planned.toIndex])
            }
        }
        for index in edges.indices where edges[index].keep == nil {
            let chunk = chunks[edges[index].toIndex]
            guard edges[index].edge.keep == .newest, chunk > 1 else { continue }
            edges[index].edge = edges[index].edge.with(
                keep: .even, window: edges[index].window?.value ?? chunk)
        }
    }

    private mutating func widen(_ planned: inout PlannedEdge, by missing: Int, _ holders: [String])
    {
        let needed = missing + Self.usual
        if let window = planned.window, window.value < needed {
            let fault = EdgeFault.windowTooSmall(
                given: window.value, needed: needed, holders: holders, node: planned.edge.to.node)
            findings.report(fault, at: window.place)
        } else if planned.window == nil {
            planned.edge = planned.edge.with(window: needed)
        }
    }
}

extension CheckedEdge {
    fileprivate func with(keep: Keep? = nil, window: Int) -> CheckedEdge {
        CheckedEdge(
            from: from, to: to, output: output, input: input, keep: keep ?? self.keep, window: window,
            extents: extents, wire: wire, thinning: thinning, group: group, condition: condition)
    }
}
