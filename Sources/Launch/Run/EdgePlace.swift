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
