import CPosix
import NodeKit

/// What a node's process tells of itself.
extension NodeLinks {
    /// The same without sets of frames, which grow: what a few reports a second can afford.
    var briefReport: NodeReport {
        var report = progress(true)
        report.inputs = inputs?.report ?? []
        report.outputs = outputs.report(isBrief: true)
        report.strangers = outputs.strangers
        report.peakMemory = posix_peak_memory()
        return report
    }

    /// The node's own figures with those of its edges.
    private func wholeReport() -> NodeReport {
        exchange.abandonInputs()
        var report = progress(false)
        report.inputs = inputs?.report ?? []
        for (port, input) in exchange.ledger.inputs {
            let index = report.inputs.firstIndex { $0.port == port } ?? report.inputs.count
            if index == report.inputs.count { report.inputs.append(.init(port: port)) }
            (report.inputs[index].arrived, report.inputs[index].drops) = (input.arrived, input.drops)
        }
        // Nobody sends what waits at an edge that drops: its successor knows nothing of it.
        if isRetiring { outputs.dropWaiting() }
        report.outputs = outputs.report(isBrief: false)
        report.strangers = outputs.strangers
        report.peakMemory = posix_peak_memory()
        return report
    }

    /// The last words of the process.
    func sayDone() {
        guard isRetiring else { return say(.done(wholeReport())) }
        let record = try? journal?.read()?.record
        say(.retired(wholeReport(), next: record?.inputs ?? [:]))
    }
}
