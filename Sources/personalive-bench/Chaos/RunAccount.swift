import Foundation

/// What a run says of its frames in the object of `run --json`: a balance for each stream and sink.
struct RunAccount {
    struct Balance: Equatable {
        let source, sink: String
        let sent, delivered, unaccounted: Int
        let dropped: [Drop]
    }

    struct Drop: Equatable {
        /// The edge or node, and the reason.
        let place, reason: String
        let frames: [ClosedRange<UInt64>]
    }

    /// Messages that go down with a process at most: those in its window, and those that its edges
    /// dropped since its last tick.
    private static let atWork = 6

    let balances: [Balance]

    /// Reads `streams`, or else the one balance at the top.
    init(_ report: [String: Any]) {
        let streams = report["streams"] as? [[String: Any]]
        balances = (streams ?? (report.isEmpty ? [] : [report])).map(Self.balance)
    }

    private static func balance(_ object: [String: Any]) -> Balance {
        let age = object["age"] as? [String: Any] ?? [:]
        func name(_ key: String, _ end: String, _ suffix: String) -> String {
            object[key] as? String
                ?? (age[end] as? String)?.replacing(suffix, with: "") ?? "unknown"
        }
        func count(_ key: String) -> Int { object[key] as? Int ?? 0 }
        let drops = (object["dropped"] as? [[String: Any]] ?? []).map { drop in
            Drop(
                place: drop["place"] as? String ?? "nowhere",
                reason: drop["reason"] as? String ?? "",
                frames: (drop["frames"] as? [[Int]] ?? []).compactMap { run in
                    guard run.count == 2, 0 <= run[0], run[0] <= run[1] else { return nil }
                    return UInt64(run[0])...UInt64(run[1])
                })
        }
        return Balance(
            source: name("source", "from", " captured"), sink: name("sink", "to", " done"),
            sent: count("frames_in"), delivered: count("frames_out"),
            unaccounted: count("frames_unaccounted"), dropped: drops)
    }

    /// What is wrong with what the run says of one sink, beside the frames in that sink's own list.
    ///
    /// - Parameter ends: how many processes were ended or stopped: each may lose what it was at work on.
    func faults(of sink: ChaosGraph.Sink, delivered frames: Set<UInt64>, ends: Int) -> [String] {
        guard let balance = balances.first(where: { $0.sink == sink.name }) else {
            return ["the report has no balance of \(sink.source) → \(sink.name)"]
        }
        var faults: [String] = []
        let way = "\(balance.source) → \(sink.name)"
        func check(_ isSo: Bool, _ fault: @autoclosure () -> String) {
            if !isSo { faults.append("\(way): \(fault())") }
        }
        check(balance.source == sink.source, "the report takes \(balance.source) for its source")
        check(
            balance.delivered == frames.count,
            "the report has \(balance.delivered) frames delivered, the sink's list \(frames.count)")
        check(balance.unaccounted == 0, "the report has \(balance.unaccounted) frames unaccounted")
        let dropped = Set(balance.dropped.flatMap { $0.frames.flatMap { Array($0) } })
        let both = dropped.intersection(frames)
        check(both.isEmpty, "\(Self.text(both)) both came and were dropped, says the report")
        let last = frames.union(dropped).max().map { Int($0) + 1 } ?? 0
        check(
            balance.sent >= last,
            "the report has \(balance.sent) frames sent, but frame \(last - 1) is there")
        let all = Set((0..<UInt64(max(balance.sent, last))))
        let missing = all.subtracting(frames).subtracting(dropped)
        check(
            missing.isEmpty,
            "\(balance.sent) sent, \(frames.count) came, \(dropped.count) dropped by the report, and of "
                + "\(missing.count) nothing is said: \(Self.text(missing))")
        check(
            sink.mayDrop || dropped.isEmpty, "\(dropped.count) frames dropped where none may be")
        check(
            balance.dropped.allSatisfy { !$0.place.isEmpty && !$0.reason.isEmpty },
            "drops without an edge or a reason")
        // What is put down to a process that ended: no edge or node said so itself.
        let vague = balance.dropped.filter {
            $0.reason.hasPrefix("under way when the process") || $0.reason.hasPrefix("in its process")
        }
        let lost = Set(vague.flatMap { $0.frames.flatMap { Array($0) } }).count
        check(
            lost <= Self.atWork * ends,
            "\(lost) frames put down to ended processes (\(vague.map { "\($0.place): \($0.reason)" }.joined(separator: "; ")))"
                + ", where \(ends) processes ended")
        return faults
    }

    /// The first few of some frames.
    private static func text(_ frames: Set<UInt64>) -> String {
        let some = frames.sorted().prefix(6).map(String.init).joined(separator: ", ")
        return "frames \(some)\(frames.count > 6 ? ", …" : "")"
    }
}
