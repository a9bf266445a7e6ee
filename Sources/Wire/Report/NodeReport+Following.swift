extension NodeReport {
    /// The figures of a node whose process went on where another ended: sums where each counts what
    /// it did itself. Sets of frames are handed on in a journal; a node without one has them in each last
    /// report.
    package func following(_ earlier: NodeReport) -> NodeReport {
        var sum = self
        sum.ticks += earlier.ticks
        sum.busy += earlier.busy
        sum.waitingForInput += earlier.waitingForInput
        sum.waitingForOutput += earlier.waitingForOutput
        sum.peakMemory = max(peakMemory, earlier.peakMemory)
        sum.expectedFrames = expectedFrames ?? earlier.expectedFrames
        (sum.emitted, sum.delivered) = (
            emitted.union(earlier.emitted), delivered.union(earlier.delivered)
        )
        sum.emittedCount = max(emittedCount, earlier.emittedCount, sum.emitted.count)
        sum.deliveredCount = max(deliveredCount, earlier.deliveredCount, sum.delivered.count)
        for drop in earlier.dropped { sum.add(drop) }
        sum.lateCount = max(lateCount, earlier.lateCount)
        sum.epoch = max(epoch, earlier.epoch)
        sum.work.add(earlier.work)
        sum.age.add(earlier.age)
        sum.refusedPeers += earlier.refusedPeers
        for input in earlier.inputs { sum.add(input) }
        for output in earlier.outputs { sum.add(output) }
        return sum
    }

    private mutating func add(_ earlier: Dropped) {
        guard let index = dropped.firstIndex(where: earlier.isSame) else {
            return dropped.append(earlier)
        }
        dropped[index].frames = dropped[index].frames.union(earlier.frames)
    }

    private mutating func add(_ earlier: Input) {
        guard let index = inputs.firstIndex(where: { $0.port == earlier.port }) else {
            return inputs.append(earlier)
        }
        inputs[index].add(earlier)
    }

    private mutating func add(_ earlier: Output) {
        guard let index = outputs.firstIndex(where: earlier.isSame) else {
            return outputs.append(earlier)
        }
        outputs[index].add(earlier)
    }
}

extension NodeReport.Input {
    fileprivate mutating func add(_ earlier: Self) {
        received += earlier.received
        bytes += earlier.bytes
        hop.add(earlier.hop)
        age.add(earlier.age)
        arrived = arrived.map { $0.union(earlier.arrived ?? FrameSet()) } ?? earlier.arrived
        drops.add(earlier.drops)
    }
}

extension NodeReport.Output {
    fileprivate mutating func add(_ earlier: Self) {
        sent += earlier.sent
        droppedCount += earlier.droppedCount
        drops.add(earlier.drops)
        until = until ?? earlier.until
        if isPast { (since, keep, isPast) = (earlier.since, earlier.keep, earlier.isPast) }
    }
}
