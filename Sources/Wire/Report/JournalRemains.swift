/// What a process left in its journal that ended without a last report: its part of the ledger.
package struct JournalRemains {
    fileprivate let record: JournalRecord

    /// Reads a journal that no process uses any more.
    ///
    /// - Parameter descriptor: the supervisor's; it stays open.
    /// - Throws: ``WireError`` when the journal is broken, or nothing was written into it.
    package init(of descriptor: Int32) throws {
        guard let found = try Journal(descriptor).read() else {
            throw WireError("an empty journal")
        }
        record = found.record
    }
}

extension NodeReport {
    /// Takes in the sets of frames that the process knew of.
    package mutating func take(_ remains: JournalRemains) {
        let record = remains.record
        (emitted, delivered) = (emitted.union(record.emitted), delivered.union(record.delivered))
        emittedCount = max(emittedCount, emitted.count)
        deliveredCount = max(deliveredCount, delivered.count)
        dropped = record.dropped
        for (port, input) in record.arrivals {
            let index = inputs.firstIndex { $0.port == port } ?? inputs.count
            if index == inputs.count { inputs.append(.init(port: port)) }
            (inputs[index].arrived, inputs[index].drops) = (input.arrived, input.drops)
        }
    }
}
