/// What a node's process takes over from the one before it.
package enum Inheritance: String, Codable, Sendable {
    /// All of it: the node goes on.
    case all
    /// Edges, numbers and the ledger, but not what the node remembers: that one has finished it.
    case numbers
    /// A source's stream, in a new epoch: numbers, times and the ledger go on, its own ones begin anew.
    case stream

    /// What there is to go on from, of what was found in the journal.
    func from(_ record: JournalRecord) -> JournalRecord {
        switch self {
        case .all: return record
        case .stream: return record.anew
        case .numbers:
            var record = record
            record.state = nil
            return record
        }
    }
}
