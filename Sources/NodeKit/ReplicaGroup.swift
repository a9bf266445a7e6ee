/// A replicated node, as the producers of its frames see it.
package struct ReplicaGroup: Sendable, Equatable, Codable {
    package let node: String
    /// Whether a frame may go to another process than the one whose turn it is: not where frames of several
    /// inputs have to meet.
    package let mayChoose: Bool

    package init(node: String, mayChoose: Bool) { (self.node, self.mayChoose) = (node, mayChoose) }
}
