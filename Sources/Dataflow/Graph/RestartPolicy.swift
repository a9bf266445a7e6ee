/// What is done when a node's process ends by accident.
package struct RestartPolicy: Sendable, Equatable {
    /// Crashes after which the run is given up when they come `within` this time; 0 never restarts.
    package var limit: Int
    package var within: Duration
    /// Pause before the first new process; each further one within the time doubles it.
    package var backoff: Duration

    package init(limit: Int, within: Duration, backoff: Duration) {
        self.limit = limit
        self.within = within
        self.backoff = backoff
    }

    /// What a graph that says nothing gets.
    package static let usual = RestartPolicy(
        limit: 5, within: .seconds(60), backoff: .milliseconds(50))
    package static let never = RestartPolicy(limit: 0, within: .seconds(60), backoff: .zero)
}
