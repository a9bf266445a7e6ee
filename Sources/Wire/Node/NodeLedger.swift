import Foundation

/// A node's own figures: the computing thread writes them, the polling one reads them.
final class NodeLedger: @unchecked Sendable {
    // Unchecked because the report has its lock.
    private let lock = NSLock()
    private var current = NodeReport()

    var report: NodeReport { lock.withLock { current } }

    func note(_ change: (inout NodeReport) -> Void) { lock.withLock { change(&current) } }
}
