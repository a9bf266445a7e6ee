import NodeKit

/// An edge whose ports exist and meet; its window may still be open.
struct PlannedEdge {
    var edge: CheckedEdge
    let fromIndex: Int
    let toIndex: Int
    /// Where the edge stands in the file, and its `window:` if it gives one.
    let place: SourceRange
    let window: Located<Int>?
}

/// Works out how many messages each edge must hold so that no join waits forever.
///
/// A node such as the denoiser keeps its first frames to itself. Where its output meets frames that
/// went around it, the edge around it has to hold as many, and two more so that both ends can work.
struct EdgeWindows {
    /// One message is worked on while the next is on its way.
    static let usual = 2

    private(set) var findings: Findings

    init(findings: Findings) { self.findings = findings }

    /// Sets the window of every edge; one that the file makes too small is reported.
    mutating func plan(_ edges: inout [PlannedEdge], order: [Int], specs: [NodeSpec?]) {
        var incoming: [Int: [Int]] = [:]
        for (index, planned) in edges.enumerated() where planned.edge.input.pace == .frame {
            incoming[planned.toIndex, default: []].append(index)
        }
        var held = [Int](repeating: 0, count: specs.count)
        var holders = [[String]](repeating: [], count: specs.count)
        for node in order {
            let joined = incoming[node] ?? []
            let longest = joined.max { held[edges[$0].fromIndex] < held[edges[$1].fromIndex] }
            for index in joined {
                let missing = held[edges[longest!].fromIndex] - held[edges[index].fromIndex]
                guard missing > 0 else { continue }
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
    fileprivate func with(window: Int) -> CheckedEdge {
        CheckedEdge(
            from: from, to: to, output: output, input: input, keep: keep, window: window,
            extents: extents)
    }
}
