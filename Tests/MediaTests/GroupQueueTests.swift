import Media
import Testing

@Suite struct GroupQueueTests {
    /// Packets of 100 ms; every fifth is a key packet.
    private func item(_ number: Int, stream: UInt32 = 0, sequence: Int? = nil) -> GroupQueue.Item {
        let isKey = number % 5 == 0
        let packet = FilmPacket(
            flags: isKey ? .key : [], stream: stream, sequence: UInt64(sequence ?? number),
            presentation: Int64(number) * 100_000_000, duration: 100_000_000, width: 2, height: 2,
            codec: "h264", header: [], picture: [], sounds: [])
        return GroupQueue.Item(packet, frame: UInt64(number), captured: 0)
    }

    private func add(_ numbers: some Sequence<Int>, to queue: inout GroupQueue) -> [GroupQueue.Drop]
    {
        numbers.flatMap { queue.add(item($0)) }
    }

    private func takeAll(_ queue: inout GroupQueue) -> [UInt64] {
        var frames: [UInt64] = []
        while let item = queue.take() { frames.append(item.frame) }
        return frames
    }

    @Test func `nothing comes before the first key packet`() {
        var queue = GroupQueue(limit: 2_000_000_000)

        let drops = add(3..<8, to: &queue)

        #expect(drops.map(\.frame) == [3, 4])
        #expect(drops.allSatisfy { $0.reason == GroupQueue.noBeginning })
        #expect(takeAll(&queue) == [5, 6, 7])
    }

    @Test func `without a connection the newest group alone is kept`() {
        var queue = GroupQueue(limit: 2_000_000_000)

        let drops = add(0..<13, to: &queue)

        #expect(drops.map(\.frame) == Array(0..<10))
        #expect(drops.allSatisfy { $0.reason == GroupQueue.notConnected })
        queue.begin()
        #expect(takeAll(&queue) == [10, 11, 12])
    }

    @Test func `a slow connection loses whole groups, the oldest first`() {
        var queue = GroupQueue(limit: 1_000_000_000)
        _ = add(0..<1, to: &queue)
        queue.begin()

        // Eleven lie within a second: the twelfth is too much.
        let drops = add(1..<12, to: &queue)

        #expect(drops.map(\.frame) == [0, 1, 2, 3, 4])
        #expect(drops.allSatisfy { $0.reason == GroupQueue.tooSlow })
        #expect(queue.first?.packet.isKey == true)
        #expect(takeAll(&queue) == Array(5..<12))
    }

    @Test
    func
        `once it was too slow, a quarter of the time is held, and it goes on with the newest group`()
    {
        var queue = GroupQueue(limit: 2_000_000_000)
        _ = add(0..<1, to: &queue)
        queue.begin()
        // Nothing is taken: the first time the oldest group goes.
        #expect(add(1..<22, to: &queue).map(\.frame) == [0, 1, 2, 3, 4])

        // Half a second is held from now on, and the newest group begins at 20.
        #expect(add(22..<23, to: &queue).map(\.frame) == Array(5..<20))
        #expect(takeAll(&queue) == [20, 21, 22])
        #expect(add(23..<29, to: &queue).isEmpty)
        #expect(add(29..<30, to: &queue).map(\.frame) == [23, 24])
    }

    @Test func `a connection that has kept up for ten seconds has the whole time again`() {
        var queue = GroupQueue(limit: 2_000_000_000)
        _ = add(0..<1, to: &queue)
        queue.begin()
        _ = add(1..<22, to: &queue)
        for number in 22..<130 {
            while queue.take() != nil {}
            _ = queue.add(item(number))
        }

        #expect(add(130..<148, to: &queue).isEmpty)
    }

    @Test func `a group that is longer than the limit is dropped up to the next one`() {
        var queue = GroupQueue(limit: 300_000_000)
        _ = add(0..<1, to: &queue)
        queue.begin()

        let drops = add(1..<6, to: &queue)

        #expect(drops.map(\.frame) == [0, 1, 2, 3, 4])
        #expect(takeAll(&queue) == [5])
    }

    @Test func `the rest of a group is of no use to a new connection`() {
        var queue = GroupQueue(limit: 2_000_000_000)
        _ = add(0..<4, to: &queue)
        queue.begin()
        _ = queue.take()

        #expect(queue.hold().map(\.frame) == [1, 2, 3])
        #expect(add(4..<7, to: &queue).map(\.frame) == [4])
        #expect(queue.first?.frame == 5)
    }

    @Test func `after a gap, or another encoder, it begins at a key packet`() {
        var queue = GroupQueue(limit: 2_000_000_000)
        _ = add(0..<2, to: &queue)
        queue.begin()

        #expect(queue.add(item(3)).map(\.frame) == [3])
        #expect(queue.add(item(4)).map(\.frame) == [4])
        #expect(queue.add(item(5)).isEmpty)
        #expect(queue.add(item(6, stream: 1)).map(\.frame) == [6])
        #expect(takeAll(&queue) == [0, 1, 5])
    }

    @Test func `a picture that was repeated is nobody's loss`() {
        var queue = GroupQueue(limit: 2_000_000_000)
        var repeated = item(3)
        repeated.packet.flags = .repeated

        #expect(queue.add(repeated).isEmpty)
        #expect(queue.isEmpty)
    }

    @Test func `what waits at the end is dropped, but for what was repeated`() {
        for (isTaken, reason) in [(true, GroupQueue.tooSlow), (false, GroupQueue.notConnected)] {
            var queue = GroupQueue(limit: 2_000_000_000)
            _ = add(0..<2, to: &queue)
            if isTaken { queue.begin() }
            var repeated = item(2)
            repeated.packet.flags = .repeated
            _ = queue.add(repeated)

            let drops = queue.end()
            #expect(drops.map(\.frame) == [0, 1])
            #expect(drops.allSatisfy { $0.reason == reason })
            #expect(queue.isEmpty)
        }
    }
}
