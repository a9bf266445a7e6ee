import NodeKit

/// Draws a checked graph as text that other tools turn into pictures.
package struct GraphDrawing {
    private let graph: CheckedGraph
    private let indices: [String: Int]

    package init(_ graph: CheckedGraph) {
        self.graph = graph
        indices = Dictionary(
            uniqueKeysWithValues: graph.nodes.enumerated().map { ($1.name, $0) })
    }

    /// A flowchart for Mermaid, which GitHub and many editors show as a picture.
    package var mermaid: String {
        var lines = ["flowchart LR"]
        for (machine, nodes) in nodesByMachine {
            let boxes = boxes(nodes) { node in
                let label = "<b>\(node.name)</b><br/>\(node.kind)"
                return "  n\(indices[node.name]!)[\"\(label)\"]"
            } part: { part, number in
                ("  subgraph p\(number)[\"\(Self.mermaidText(part.label))\"]", "  end")
            }
            guard !isAllLocal, let index = graph.machines.firstIndex(of: machine) else {
                lines += boxes
                continue
            }
            lines.append("  subgraph m\(index)[\"\(Self.mermaidText(machine.label))\"]")
            lines += boxes.map { "  " + $0 } + ["  end"]
        }
        for edge in graph.edges {
            let label = Self.mermaidText(edge.labelLines.joined(separator: "\n"))
                .replacing("\n", with: "<br/>")
            lines.append(
                "  n\(indices[edge.from.node]!) -->|\"\(label)\"| n\(indices[edge.to.node]!)")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A digraph for Graphviz.
    package var dot: String {
        var lines = [
            "digraph \"\(Self.dotText(graph.path))\" {",
            "  rankdir=LR; newrank=true; labeljust=l; fontname=\"Helvetica\"; nodesep=0.4; ranksep=0.8;",
            "  node [shape=box, style=\"rounded,filled\", fillcolor=\"#eef3fb\", "
                + "color=\"#5b7db1\", fontname=\"Helvetica\", fontsize=12];",
            "  edge [color=\"#5b7db1\", fontname=\"Helvetica\", fontsize=9];",
        ]
        for (machine, nodes) in nodesByMachine {
            let boxes = boxes(nodes) { node in
                "  n\(indices[node.name]!) [label=\"\(node.name)\\n\(node.kind)\"];"
            } part: { part, number in
                (
                    "  subgraph cluster_p\(number) { style=dashed; "
                        + "label=\"\(Self.dotText(part.label))\";", "  }"
                )
            }
            guard !isAllLocal, let index = graph.machines.firstIndex(of: machine) else {
                lines += boxes
                continue
            }
            lines.append("  subgraph cluster_\(index) { label=\"\(Self.dotText(machine.label))\";")
            lines += boxes.map { "  " + $0 } + ["  }"]
        }
        lines += graph.edges.map { edge in
            let label = edge.labelLines.map(Self.dotText).joined(separator: "\\n")
            let style = edge.keep == .last ? ", style=dashed" : ""
            return "  n\(indices[edge.from.node]!) -> n\(indices[edge.to.node]!) "
                + "[label=\"\(label)\"\(style)];"
        }
        return lines.joined(separator: "\n") + "\n}\n"
    }

    /// A list for the terminal: each node with what flows into it.
    package var text: String {
        var text = ""
        for node in graph.nodes {
            let place = isAllLocal ? "" : " on \(node.machine)"
            text += "\(node.name) (\(node.kind))\(place)\n"
            let edges = graph.edges(into: node.name)
            let names = edges.map(\.to.port.count).max() ?? 0
            let sources = edges.map(\.from.description.count).max() ?? 0
            for edge in edges {
                text +=
                    "  \(edge.to.port.padded(to: names)) ← "
                    + "\(edge.from.description.padded(to: sources))  \(edge.typeText), "
                    + "keep \(edge.keep.rawValue), window \(edge.window)\(edge.choiceText)\n"
            }
        }
        return text
    }

    /// Nodes as lines, those of a part in a box of its own. On several machines a part has several.
    private func boxes(
        _ nodes: [CheckedNode], within outer: String? = nil, node: (CheckedNode) -> String,
        part: (CheckedPart, String) -> (open: String, close: String)
    ) -> [String] {
        var lines = nodes.filter { graph.part(around: $0.name)?.name == outer }.map(node)
        for (index, inner) in graph.parts.enumerated()
        where graph.part(around: inner.name)?.name == outer {
            let own = nodes.filter { $0.name.hasPrefix(inner.name + GraphParts.separator) }
            guard let first = own.first, let number = indices[first.name] else { continue }
            let box = part(inner, "\(index)n\(number)")
            lines.append(box.open)
            lines += boxes(own, within: inner.name, node: node, part: part).map { "  " + $0 }
            lines.append(box.close)
        }
        return lines
    }

    private var isAllLocal: Bool {
        graph.nodes.allSatisfy { $0.machine == Machine.local.name }
    }

    private var nodesByMachine: [(Machine, [CheckedNode])] {
        graph.machines.map { machine in
            (machine, graph.nodes.filter { $0.machine == machine.name })
        }
        .filter { !$0.1.isEmpty }
    }

    private static func mermaidText(_ text: String) -> String {
        text.replacing("#", with: "#35;").replacing("\"", with: "#quot;")
            .replacing("<", with: "#lt;").replacing(">", with: "#gt;")
    }

    private static func dotText(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
    }
}

extension CheckedEdge {
    /// The axes with the extents that the graph fixes: `1 512 8w 3`.
    package var axesText: String {
        zip(output.axes, extents).map { axis, extent in extent.map { "\($0)" } ?? "\(axis)" }
            .joined(separator: " ")
    }

    /// `u8 [1 512 8w 3] rgb`.
    package var typeText: String { "\(output.elementType.name) [\(axesText)] \(output.meaning)" }

    /// Which frames go this way: `, every 2`.
    fileprivate var choiceText: String {
        (thinning.map { ", \($0)" } ?? "") + (condition.map { $0 ? ", decides when" : ", decides unless" } ?? "")
    }

    /// Port, type and policy.
    fileprivate var labelLines: [String] {
        let ports = from.port == to.port ? from.port : "\(from.port) → \(to.port)"
        return [ports, typeText, "keep \(keep.rawValue)\(choiceText)"]
    }
}

extension CheckedGraph {
    /// The innermost part that a node, or a part, is in.
    func part(around name: String) -> CheckedPart? {
        parts.filter { name.hasPrefix($0.name + GraphParts.separator) }
            .max { $0.name.count < $1.name.count }
    }
}

extension CheckedPart {
    fileprivate var label: String { "\(name): \(file)" }
}

extension Machine {
    fileprivate var label: String {
        switch launcher {
        case .local: name
        case .ssh(let host, _): "\(name): ssh \(host)"
        case .slurm, .kubernetes: "\(name): \(launcher.name)"
        }
    }
}

extension String {
    /// Followed by blanks up to a width.
    package func padded(to width: Int) -> String {
        self + String(repeating: " ", count: Swift.max(0, width - count))
    }
}
