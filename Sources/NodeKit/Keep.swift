/// What an edge does with messages that its consumer has no time for.
public enum Keep: String, Sendable, Codable, CaseIterable {
    /// Nothing is lost: the producer waits.
    case all
    /// Only the newest waits: older ones are dropped, so that ages stay small.
    case newest
    /// What the consumer takes in one go is spread evenly over the time since its last take.
    case even
    /// A value that stays valid until the next one; a consumer that starts later gets it too.
    case last
}
