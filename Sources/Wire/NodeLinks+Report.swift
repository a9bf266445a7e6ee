import CPosix
import NodeKit

/// What a node's process tells of itself.
extension NodeLinks {
    /// The same without sets of frames, which grow: what a few reports a second can afford.
    var briefReport: NodeReport {
        var report = progress(true)
        report.inputs = inputs?.report ?? []
        for index in report.inputs.indices { (report.inputs[index].unpaired, report.inputs[index].late) = (FrameSet(), FrameSet()) }
        report.outputs = outputs.report(isBrief: true)
        report.strangers = outputs.strangers
        report.peakMemory = posix_peak_memory()
        return report
    }

    /// The node's own figures with those of its edges.
    private func wholeReport() -> NodeReport {
        // What waits is for the successor, if there is to be one.
        if !isRetiring { exchange.abandonInputs() }
        var report = progress(false)
        report.inputs = inputs?.report ?? []
        for (port, frames) in exchange.unpaired {
            guard let index = report.inputs.firstIndex(where: { $0.port == port }) else { continue }
            report.inputs[index].unpaired = frames
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
