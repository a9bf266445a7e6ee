import Foundation
import Wire

/// How a node has spent its time between two reports.
///
/// Reports come a few times a second, so the time between two of them is not the time between two looks:
/// a share is of the time that the node accounts for, which is longer or shorter.
package struct Shares {
    private let now, before: NodeReport
    private let total: Double

    package init(of now: NodeReport, since before: NodeReport, seconds: Double) {
        (self.now, self.before) = (now, before)
        let accounted = [\NodeReport.busy, \.waitingForInput, \.waitingForOutput].reduce(0) {
            $0 + max(now[keyPath: $1] - before[keyPath: $1], 0)
        }
        // What a node waits for now is not in its report yet.
        total = max(accounted, seconds)
    }

    /// The share of one of them, 0 to 1.
    package func fraction(_ part: (NodeReport) -> Double) -> Double {
        max(part(now) - part(before), 0) / total
    }

    /// The same for people, in percent.
    package func text(_ part: (NodeReport) -> Double) -> String {
        String(format: "%.0f %%", 100 * fraction(part))
    }
}
