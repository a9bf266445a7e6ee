/// What is done when a node's process ends by accident.
package struct RestartPolicy: Sendable, Equatable {
    /// What follows when a node has crashed more often than its policy allows.
    package enum Then: String, Sendable, CaseIterable {
        /// The run ends with the node's last crash.
        case fail
        /// The graph goes on without the node, which is tried again now and then: for nodes without
        /// outputs.
        case ignore
    }

    /// Crashes after which the node is given up when they come `within` this time; 0 never restarts.
    package var limit: Int
    package var within: Duration
    /// Pause before the first new process; each further one within the time doubles it.
    package var backoff: Duration
    package var then = Then.fail

    package init(limit: Int, within: Duration, backoff: Duration, then: Then = .fail) {
        self.limit = limit
        self.within = within
        self.backoff = backoff
        self.then = then
    }

    /// What a graph that says nothing gets.
    package static let usual = RestartPolicy(
        limit: 5, within: .seconds(60), backoff: .milliseconds(50))
    package static let never = RestartPolicy(limit: 0, within: .seconds(60), backoff: .zero)
    /// A node that is down is tried again after at most this time.
    package static let longestPause = Duration.seconds(30)
}
