import NodeKit

/// Ends a graph whose pictures are only looked at, in the studio's page: it keeps nothing.
///
/// Pages look on at the output that feeds it, and hold nobody up; with this node the graph has a sink
/// whose ages and frames are counted.
package struct ViewerNode: Node {
    package static let frame = Port(
        "frame", UInt8.self, "n h w 3", meaning: "rgb", "what the studio's page shows")

    package static let spec = NodeSpec(
        "viewer", "Ends a graph whose pictures are only looked at in the studio.", inputs: [frame],
        state: .none)

    package init(settings: Settings) throws {}

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {}
}
