/// Judges what came to one sink by the list that the sink wrote, and by nothing that the run says.
///
/// A source numbers its payloads from 0, and a source that replaces it numbers its own from 0 again,
/// while the frames of the stream go on: so payload and frame advance alike, but where a source begins.
struct ArrivalOracle {
    /// What was found in a list.
    struct Findings: Codable, Equatable {
        /// Lines of the list.
        var count = 0
        /// Frames between two that came, or before the first, that did not come.
        var missing = 0
        var twice = 0
        var unordered = 0
        /// Payloads that no source made, or that belong to another frame.
        var damaged = 0
        /// Lines whose inputs have payloads of different frames.
        var mispaired = 0
        /// Sources that began after the first one.
        var restarts = 0
        /// Seconds between two lines at most.
        var longestGap = 0.0
        /// The neighbourhood of the first few faults.
        var examples: [String] = []
    }

    private var numbers: PayloadNumbers

    init(bytes: Int) { numbers = PayloadNumbers(bytes: bytes) }

    /// - Parameter limit: no payload has this number or a higher one; nil where payloads have none.
    mutating func findings(_ arrivals: [Arrival], payloadsBelow limit: Int?) -> Findings {
        var findings = Findings(count: arrivals.count)
        var seen: Set<UInt64> = []
        // Before the first frame, so that the first one is compared like any other.
        var (frame, payload) = (-1, -1)
        for (index, arrival) in arrivals.enumerated() {
            if index > 0 {
                let gap = Double(arrival.time - arrivals[index - 1].time) / 1e9
                findings.longestGap = max(findings.longestGap, gap)
            }
            guard arrival.hashes.allSatisfy({ $0 == arrival.hashes[0] }) else {
                findings.mispaired += 1
                findings.show(index, of: arrivals)
                continue
            }
            let isNew = seen.insert(arrival.frame).inserted
            guard isNew, Int(arrival.frame) > frame else {
                if isNew { findings.unordered += 1 } else { findings.twice += 1 }
                findings.show(index, of: arrivals)
                continue
            }
            let step = Int(arrival.frame) - frame
            let number = limit.map { numbers.number(of: arrival.hashes[0], below: $0) } ?? payload + step
            if let number, number == payload + step {
                // The same source goes on.
            } else if let number, number < step {
                // Frames before it were the last of the old source and the first of the new one.
                findings.restarts += 1
            } else {
                findings.damaged += 1
                findings.show(index, of: arrivals)
            }
            findings.missing += step - 1
            (frame, payload) = (Int(arrival.frame), number ?? payload + step)
        }
        return findings
    }
}

extension ArrivalOracle.Findings {
    fileprivate mutating func show(_ index: Int, of arrivals: [Arrival]) {
        guard examples.count < 3 else { return }
        let around = arrivals[max(0, index - 3)...min(arrivals.count - 1, index + 3)]
        examples.append("came: " + around.map { String($0.frame) }.joined(separator: " "))
    }

    /// What is wrong with them.
    ///
    /// - Parameters:
    ///   - expected: how many frames the source sends, if that is known.
    ///   - swaps: how many sources replaced another.
    func faults(of sink: ChaosGraph.Sink, expected: Int?, swaps: Int) -> [String] {
        var faults: [String] = []
        func check(_ count: Int, _ words: String) {
            if count > 0 { faults.append("\(sink.name): \(count) \(words)") }
        }
        check(twice, "frames came twice")
        check(unordered, "frames came after a later one")
        check(damaged, "payloads are not those of their frames")
        check(mispaired, "pairs have payloads of different frames")
        check(restarts - swaps, "more sources began than were swapped in")
        if !sink.mayDrop {
            check(missing, "frames were lost in between")
            if let expected { check(expected - missing - count, "frames are missing at the end") }
        }
        if count == 0 { faults.append("\(sink.name): nothing came") }
        if let limit = sink.longestGap, longestGap > limit {
            let periods = Int((longestGap * sink.rate).rounded())
            faults.append(
                "\(sink.name): stood still for \(periods) periods, at most "
                    + "\(Int((limit * sink.rate).rounded())) are allowed")
        }
        return faults + (faults.isEmpty ? [] : examples)
    }
}
