/// Sorts nodes so that producers come before consumers, and finds those that go in circles.
struct GraphOrder {
    /// One edge between nodes, by index.
    struct Link {
        let from: Int
        let to: Int
        /// Where the edge stands in the file.
        let place: SourceRange
    }

    /// Nodes that feed each other, in the order in which a frame would travel.
    struct Cycle {
        let nodes: [Int]
        /// Where each node takes what the one before it makes.
        let places: [SourceRange]
    }

    /// All nodes, or those that are in no cycle.
    private(set) var sorted: [Int] = []
    private(set) var cycles: [Cycle] = []
    private let incoming: [[Link]]
    private let outgoing: [[Int]]

    init(names: [String], links: [Link]) {
        var incoming = [[Link]](repeating: [], count: names.count)
        var outgoing = [[Int]](repeating: [], count: names.count)
        for link in links where link.from != link.to {
            incoming[link.to].append(link)
            outgoing[link.from].append(link.to)
        }
        self.incoming = incoming
        self.outgoing = outgoing
        sort()
    }

    /// Kahn's algorithm; of the nodes that could come next, the first of the file does. When none
    /// can, there is a cycle, which is noted and taken out.
    private mutating func sort() {
        var waitingFor = incoming.map(\.count)
        var remaining = Set(incoming.indices)
        var ready = IndexHeap(incoming.indices.filter { waitingFor[$0] == 0 })
        while !remaining.isEmpty {
            while let node = ready.popSmallest() {
                remaining.remove(node)
                sorted.append(node)
                for next in outgoing[node] {
                    waitingFor[next] -= 1
                    if waitingFor[next] == 0, remaining.contains(next) { ready.insert(next) }
                }
            }
            guard let start = remaining.min() else { return }
            let cycle = cycle(before: start, within: remaining)
            cycles.append(cycle)
            remaining.subtract(cycle.nodes)
            for node in cycle.nodes {
                for next in outgoing[node] {
                    waitingFor[next] -= 1
                    if waitingFor[next] == 0, remaining.contains(next) { ready.insert(next) }
                }
            }
        }
    }

    /// Walks upstream, which never ends unless in a circle: all that remain wait for another.
    private func cycle(before start: Int, within remaining: Set<Int>) -> Cycle {
        var path: [Link] = []
        var positions: [Int: Int] = [:]
        var node = start
        while positions[node] == nil {
            positions[node] = path.count
            guard let link = incoming[node].first(where: { remaining.contains($0.from) }) else {
                preconditionFailure("node \(node) remains, but waits for none that does")
            }
            path.append(link)
            node = link.from
        }
        let links = Array(path[positions[node]!...].reversed())
        // It is told from the edge that goes upwards in the file: that one is likely the mistake.
        let start = links.firstIndex { $0.from > $0.to } ?? 0
        let turned = links[start...] + links[..<start]
        return Cycle(nodes: turned.map(\.to), places: turned.map(\.place))
    }
}

/// Hands out the smallest of a set of numbers.
private struct IndexHeap {
    private var numbers: [Int]

    /// Ascending numbers already form a heap.
    init(_ ascending: [Int]) { numbers = ascending }

    mutating func insert(_ number: Int) {
        numbers.append(number)
        var index = numbers.count - 1
        while index > 0, numbers[(index - 1) / 2] > numbers[index] {
            numbers.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    mutating func popSmallest() -> Int? {
        guard let smallest = numbers.first else { return nil }
        numbers[0] = numbers[numbers.count - 1]
        numbers.removeLast()
        var index = 0
        while let child = [2 * index + 1, 2 * index + 2].filter({ $0 < numbers.count })
            .min(by: { numbers[$0] < numbers[$1] }), numbers[child] < numbers[index]
        {
            numbers.swapAt(index, child)
            index = child
        }
        return smallest
    }
}
