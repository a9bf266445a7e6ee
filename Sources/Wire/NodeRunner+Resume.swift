import NodeKit

/// Going on after a process ended.
extension NodeRunner {
    /// Puts what a tick did into the journal, if the node can say what it remembers, and sends what
    /// it made: in this order, so that nothing is sent that a successor would not know of.
    func commit(_ node: inout some Node, usedUp: [String: UInt64]) throws {
        unsaved.append(usedUp)
        var covered = unsaved.count
        if journal != nil, kind.spec.state == .saved {
            guard let saved = try node.save(), saved.missingTicks < unsaved.count else { return }
            record.state = saved.bytes
            covered -= saved.missingTicks
        }
        record.inputs = unsaved[covered - 1]
        unsaved.removeFirst(covered)
        try seal()
    }

    func seal() throws {
        let report = ledger.report
        (record.emitted, record.delivered) = (report.emitted, report.delivered)
        record.dropped = report.dropped
        for (port, frames) in exchange.unpaired { record.unpaired[port] = frames }
        try journal?.commit(record)
        let messages = uncommitted
        uncommitted = []
        exchange.publish(messages)
    }

    /// The node is told that nothing follows, because its successor begins at the next message without
    /// its state: a film is closed, and frames in a window come out.
    func finishForGood(_ node: inout some Node) {
        do {
            noteUnanswered(nil, try call(stamp: nil) { try node.finish(into: &$0) })
            record.inputs = unsaved.last ?? record.inputs
            (unsaved, record.state) = ([], nil)
            try seal()
        } catch {
            exchange.say(.warning("before another process took over: \(error)"))
        }
    }

    /// Goes on where an earlier process of this node ended.
    func resume(_ node: inout some Node) throws {
        if isSource { record.shift = SourceShift(frames: exchange.firstFrame) }
        guard let found = exchange.resumed else { return }
        record = found
        record.entries = []
        record.kind = kind.spec.kind
        ledger.note { report in
            (report.emitted, report.delivered) = (found.emitted, found.delivered)
            report.emittedCount = found.emitted.count
            report.deliveredCount = found.delivered.count
            report.dropped = found.dropped
        }
        guard found.phase == .running else { return }
        switch kind.spec.state {
        case .saved:
            if let state = found.state, found.kind == kind.spec.kind { try node.restore(state) }
        case .none where isSource:
            // What it sends follows from how often it was asked.
            for _ in 0..<found.ticks {
                var outputs = Outputs(stamp: nil)
                try node.process(.none, into: &outputs)
            }
        case .unknown where isSource: record.shift = found.anew.shift
        case .none, .unknown: break
        }
    }
}

/// What a source's numbers and times need so that they go on from those of an earlier process.
struct SourceShift: Equatable {
    var frames: UInt64 = 0
    /// Nanoseconds.
    var time: Int64 = 0

    func callAsFunction(_ stamp: Stamp) -> Stamp {
        var stamp = stamp
        stamp.frame += frames
        stamp.presentation += time
        return stamp
    }
}
