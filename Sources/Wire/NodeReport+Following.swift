extension NodeReport {
    /// The figures of a node whose process went on where another ended: sums where each counts what
    /// it did itself. Sets of frames are handed on in the journal, so the later ones hold all.
    package func following(_ earlier: NodeReport) -> NodeReport {
        var sum = self
        sum.ticks += earlier.ticks
        sum.busy += earlier.busy
        sum.waitingForInput += earlier.waitingForInput
        sum.waitingForOutput += earlier.waitingForOutput
        sum.peakMemory = max(peakMemory, earlier.peakMemory)
        sum.expectedFrames = expectedFrames ?? earlier.expectedFrames
        sum.emittedCount = max(emittedCount, earlier.emittedCount)
        sum.deliveredCount = max(deliveredCount, earlier.deliveredCount)
        sum.age.add(earlier.age)
        sum.strangers += earlier.strangers
        for input in earlier.inputs {
            guard let index = sum.inputs.firstIndex(where: { $0.port == input.port }) else {
                sum.inputs.append(input)
                continue
            }
            sum.inputs[index].received += input.received
            sum.inputs[index].bytes += input.bytes
            sum.inputs[index].hop.add(input.hop)
            sum.inputs[index].unpaired = sum.inputs[index].unpaired.union(input.unpaired)
            sum.inputs[index].late = sum.inputs[index].late.union(input.late)
        }
        for output in earlier.outputs {
            let same = { (own: Output) in
                own.port == output.port && own.consumer == output.consumer
            }
            guard let index = sum.outputs.firstIndex(where: same) else {
                sum.outputs.append(output)
                continue
            }
            sum.outputs[index].sent += output.sent
            sum.outputs[index].dropped = sum.outputs[index].dropped.union(output.dropped)
            sum.outputs[index].unwanted = sum.outputs[index].unwanted.union(output.unwanted)
            sum.outputs[index].lost = sum.outputs[index].lost.union(output.lost)
        }
        return sum
    }
}
