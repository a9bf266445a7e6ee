import Foundation

/// The same work for many items, on several threads.
enum ParallelWork {
    /// Does something with every item, and waits for the last.
    ///
    /// - Returns: what came of it in no order, and faults without repetition.
    static func results<Item: Sendable, Found: Sendable>(
        of items: [Item], threads: Int,
        _ work: @escaping @Sendable (Item) throws(PullError) -> Found
    ) -> (results: [Found], faults: [PullError]) {
        let queue = WorkQueue<Item, Found>(items)
        let group = DispatchGroup()
        for _ in 0..<min(threads, items.count) {
            group.enter()
            Thread {
                while let item = queue.next() {
                    do throws(PullError) {
                        queue.add(try work(item))
                    } catch {
                        queue.add(error)
                    }
                }
                group.leave()
            }.start()
        }
        group.wait()
        return queue.outcome
    }
}

/// Items for several threads, and what they made of them.
private final class WorkQueue<Item: Sendable, Found: Sendable>: @unchecked Sendable {
    // Unchecked because every member is used under the lock.
    private let lock = NSLock()
    private var items: ArraySlice<Item>
    private var results: [Found] = []
    private var faults: [PullError] = []

    init(_ items: [Item]) { self.items = items[...] }

    func next() -> Item? { lock.withLock { items.popFirst() } }
    func add(_ result: Found) { lock.withLock { results.append(result) } }
    func add(_ fault: PullError) {
        lock.withLock {
            if !faults.contains(where: { $0.description == fault.description }) {
                faults.append(fault)
            }
            if fault.concernsAll { items = [] }
        }
    }

    var outcome: (results: [Found], faults: [PullError]) { lock.withLock { (results, faults) } }
}
