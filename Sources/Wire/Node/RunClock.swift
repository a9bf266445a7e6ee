/// What to add to this machine's monotonic clock to get the run's, which is that of the machine where
/// the supervisor is.
///
/// Times of messages are this machine's on edges within it, and the run's on edges to others: so
/// each node needs to know one offset, whatever its neighbours are. It belongs to the thread that owns
/// the sockets.
final class RunClock {
    private(set) var offset: Int64 = 0
    private(set) var uncertainty: Int64 = 0

    func set(offset: Int64, uncertainty: Int64) {
        (self.offset, self.uncertainty) = (offset, uncertainty)
    }

    /// A message goes to another machine.
    func leave(_ envelope: inout Envelope) { shift(&envelope, by: offset) }

    /// A message has come from another machine.
    func arrive(_ envelope: inout Envelope) { shift(&envelope, by: -offset) }

    /// What was captured before this machine was switched on is as old as that.
    private func shift(_ envelope: inout Envelope, by offset: Int64) {
        envelope.sent = max(0, envelope.sent + offset)
        envelope.stamp.captured = max(0, envelope.stamp.captured + offset)
    }
}
