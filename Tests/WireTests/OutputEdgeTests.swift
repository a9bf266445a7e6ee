import NodeKit
import Tensors
import Testing

@testable import Wire

@Suite struct OutputEdgeTests {
    private func message(_ frame: UInt64) -> Numbered {
        let stamp = Stamp(frame: frame, captured: 0, presentation: 0)
        let tensor = AnyTensor(Tensor<UInt8>([1], shape: [1]))
        return Numbered(sequence: frame, message: Message(tensor, stamp), published: 0)
    }

    private func sent(_ edge: inout OutputEdge) -> [UInt64] {
        var frames: [UInt64] = []
        while let next = edge.next() { frames.append(next.sequence) }
        return frames
    }

    @Test func `nothing goes before the consumer is there`() {
        var edge = OutputEdge(keep: .all, window: 2)

        edge.offer(message(0))

        let next = edge.next()

        #expect(next == nil)
        #expect(edge.backlog == 1)
    }

    @Test func `all spends credits in order and loses nothing`() {
        var edge = OutputEdge(keep: .all, window: 2)
        edge.connect(credits: 2)
        for frame in 0..<5 { edge.offer(message(UInt64(frame))) }

        #expect(sent(&edge) == [0, 1])
        edge.grant(3, released: [])
        #expect(sent(&edge) == [2, 3, 4])
        #expect(edge.drops.isEmpty)
    }

    @Test func `what a consumer was sent and has not acknowledged when it leaves counts as dropped`() {
        var edge = OutputEdge(keep: .all, window: 4)
        edge.connect(credits: 4, acknowledges: true)
        for frame in 0..<5 { edge.offer(message(UInt64(frame))) }
        #expect(sent(&edge) == [0, 1, 2, 3])
        edge.grant(0, released: [], below: 2)

        _ = edge.close()

        // 2 and 3 may be under way, 4 has waited for a credit.
        #expect(edge.drops[.unwanted].text == "2-4")
    }

    @Test func `what an edge's thinning leaves out is counted, and never held for a consumer`() {
        var edge = OutputEdge(keep: .all, window: 8, thinning: .every(3))
        edge.connect(credits: 8)
        for frame in 0..<7 { edge.offer(message(UInt64(frame))) }

        #expect(sent(&edge) == [0, 3, 6])
        #expect(edge.drops[.thinned].text == "1-2, 4-5")
        #expect(edge.backlog == 0)
    }

    @Test func `a process of a producer that goes on sends again only what the edge is there for`() {
        var edge = OutputEdge(keep: .all, window: 8, thinning: .every(2, offset: 1))
        edge.adopt((0..<5).map { message($0) })
        edge.connect(credits: 8)

        #expect(sent(&edge) == [1, 3])
        // It may have been killed before it noted them.
        #expect(edge.drops[.thinned].text == "0, 2, 4")
    }

    @Test func `frames that another process of the consumer gets are left out by nobody`() {
        var edge = OutputEdge(keep: .all, window: 8, thinning: .every(2, offset: 1))
        edge.adopt((0..<5).map { message($0) }, isShared: true)

        #expect(edge.drops.isEmpty)
    }

    @Test func `a frame that is given to the edge goes over it, whatever its thinning says`() {
        var edge = OutputEdge(keep: .newest, window: 1, thinning: .every(2))
        edge.connect(credits: 1)
        edge.offer(message(1), isChosen: true)

        #expect(!edge.isFree)
        #expect(sent(&edge) == [1])
        #expect(edge.drops.isEmpty)
    }

    @Test func `newest keeps one waiting and names what it dropped`() {
        var edge = OutputEdge(keep: .newest, window: 1)
        edge.connect(credits: 1)
        for frame in 0..<5 {
            edge.offer(message(UInt64(frame)))
            if frame == 0 { #expect(sent(&edge) == [0]) }
        }

        edge.grant(1, released: [])

        #expect(sent(&edge) == [4])
        #expect(edge.drops[.superseded].text == "1-3")
        #expect(edge.backlog == 0)
    }

    @Test func `even spreads a take over what came since the last one`() {
        var edge = OutputEdge(keep: .even, window: 4)
        edge.connect(credits: 4)
        for frame in 0..<12 {
            edge.offer(message(UInt64(frame)))
        }

        #expect(sent(&edge) == [2, 5, 8, 11])
        #expect(edge.drops[.superseded].count == 8)
    }

    @Test func `last reaches a consumer that starts later`() {
        var edge = OutputEdge(keep: .last, window: 1)
        edge.connect(credits: 1)
        edge.offer(message(0))
        #expect(sent(&edge) == [0])

        edge.connect(credits: 1)

        #expect(sent(&edge) == [0])
    }

    @Test func `what was under way when the connection broke is lost by name, or comes again`() {
        for (keep, lost, again) in [(Keep.newest, "1", []), (.all, "", [1, 2])]
            as [(Keep, String, [UInt64])]
        {
            var edge = OutputEdge(keep: keep, window: 2)
            edge.connect(credits: 2, connection: 5)
            edge.offer(message(0))
            #expect(sent(&edge) == [0])
            edge.offer(message(1))
            #expect(sent(&edge) == [1])
            if keep == .all { edge.offer(message(2)) }

            // The first had arrived.
            edge.connect(credits: 2, next: 1, connection: 6, isElsewhere: true, isAgain: true)

            #expect(edge.drops[.lost].text == lost)
            #expect(sent(&edge) == again)
            #expect(edge.isElsewhere)
        }
    }

    @Test func `the end comes once, after everything that waits`() {
        var edge = OutputEdge(keep: .all, window: 1)
        edge.connect(credits: 1)
        edge.offer(message(0))
        edge.offer(message(1))
        edge.end()
        _ = sent(&edge)

        let tooEarly = edge.takeEnd()
        edge.grant(1, released: [])
        _ = sent(&edge)
        let (once, twice) = (edge.takeEnd(), edge.takeEnd())

        #expect(!tooEarly)
        #expect(once)
        #expect(!twice)
    }

    @Test func `a lent slot stays alive until it is given back`() {
        var edge = OutputEdge(keep: .all, window: 1)
        weak var memory: TensorMemory?
        do {
            let slot = TensorMemory(byteCount: 8)
            memory = slot
            edge.lend(slot, as: 5)
        }

        #expect(memory != nil)
        edge.grant(1, released: [5])
        #expect(memory == nil)
    }

    @Test func `a slot that was sent twice has to be given back twice`() {
        var edge = OutputEdge(keep: .all, window: 2)
        weak var memory: TensorMemory?
        do {
            let slot = TensorMemory(byteCount: 8)
            memory = slot
            edge.lend(slot, as: 5)
            edge.lend(slot, as: 5)
        }

        edge.grant(1, released: [5])
        #expect(memory != nil)
        edge.grant(1, released: [5])
        #expect(memory == nil)
    }

    @Test func `a consumer that has ended holds nobody up`() {
        var edge = OutputEdge(keep: .all, window: 1)
        edge.connect(credits: 0)
        edge.offer(message(0))

        let wantsEnd = edge.close()
        edge.offer(message(1))
        edge.end()
        let end = edge.takeEnd()

        #expect(wantsEnd)
        #expect(edge.backlog == 0)
        #expect(edge.drops[.unwanted].text == "0-1")
        #expect(!end)
    }

    // MARK: Edges that begin or end while the graph runs

    @Test func `an edge takes the frames of its span, and ends with the first behind it`() {
        var old = OutputEdge(keep: .all, window: 8)
        var new = OutputEdge(keep: .all, window: 8, since: 3)
        old.connect(credits: 8)
        new.connect(credits: 8)
        old.offer(message(0))
        old.stop(before: 3)
        for frame in 1..<6 {
            old.offer(message(UInt64(frame)))
            new.offer(message(UInt64(frame)))
        }

        #expect(sent(&old) == [0, 1, 2])
        #expect(sent(&new) == [3, 4, 5])
        let ends = [old.takeEnd(), new.takeEnd()]
        #expect(ends == [true, false])
        #expect(old.drops[.unwanted].isEmpty)
    }

    @Test func `an edge that ends before frame 0 ends at once`() {
        var edge = OutputEdge(keep: .all, window: 2)
        edge.connect(credits: 2)

        edge.stop(before: 0)

        let ended = edge.takeEnd()
        #expect(ended)
    }

    @Test func `what a predecessor held goes to the edges that it was for`() {
        var old = OutputEdge(keep: .all, window: 8, until: 3)
        var new = OutputEdge(keep: .all, window: 8, since: 3)
        let held = (1..<6).map { message(UInt64($0)) }

        for edge in [0, 1] {
            if edge == 0 { old.adopt(held) } else { new.adopt(held) }
        }
        old.connect(credits: 8)
        new.connect(credits: 8)

        #expect(sent(&old) == [1, 2])
        #expect(sent(&new) == [3, 4, 5])
    }

    @Test(arguments: [Keep.all, .newest, .even])
    func `a flush drops what waits of earlier epochs, and what still comes of them`(keep: Keep) {
        var edge = OutputEdge(keep: keep, window: 1)
        edge.connect(credits: 1)
        edge.offer(message(0))
        #expect(sent(&edge) == [0])
        edge.offer(message(1))

        edge.flush(before: 1)
        edge.offer(message(2))
        var new = message(3)
        new.message.stamp.epoch = 1
        edge.offer(new)
        edge.grant(2, released: [])

        #expect(sent(&edge) == [3])
        #expect(edge.drops[.flushed].text == "1-2")
    }

    @Test func `a successor goes on with the ledger of the process before it`() {
        var edge = OutputEdge(keep: .newest, window: 1)
        edge.adopt([], drops: Drops(.superseded, FrameSet(bounds: [3, 7])))
        edge.offer(message(8))
        edge.offer(message(9))

        #expect(edge.drops[.superseded].text == "3-8")
        #expect(edge.droppedCount == 1)
    }

    @Test
    func `what was under way to a process that was replaced is lost, where nothing is sent twice`()
    {
        var edge = OutputEdge(keep: .newest, window: 2)
        edge.connect(credits: 2)
        edge.offer(message(0))
        edge.offer(message(1))
        #expect(sent(&edge) == [0, 1])
        edge.grant(1, released: [])

        edge.connect(credits: 2, connection: 3)

        #expect(edge.drops[.lost].text == "1")
    }

    @Test func `a producer that hands over says what it leaves under way`() {
        var edge = OutputEdge(keep: .newest, window: 1)
        edge.connect(credits: 1)
        edge.offer(message(0))
        #expect(sent(&edge) == [0])
        edge.offer(message(1))

        edge.dropWaiting()

        #expect(edge.drops[.lost].text == "0")
        #expect(edge.drops[.superseded].text == "1")
    }

    @Test(arguments: [Keep.all, .newest, .even])
    func `nothing waits for a consumer that is down, and what it misses has a reason`(keep: Keep) {
        var edge = OutputEdge(keep: keep, window: 2)
        edge.connect(credits: 2, acknowledges: true)
        for frame in 0..<4 { edge.offer(message(UInt64(frame))) }
        #expect(sent(&edge) == (keep == .even ? [1, 3] : [0, 1]))

        edge.leaveOut()
        for frame in 4..<6 { edge.offer(message(UInt64(frame))) }

        #expect(edge.backlog == 0)
        #expect(sent(&edge).isEmpty)
        #expect(edge.drops[.away].count == (keep == .even ? 2 : 4))

        edge.connect(credits: 2, next: 1, acknowledges: true)
        edge.offer(message(6))

        // What it was sent and had not used up comes again where the edge keeps all.
        #expect(sent(&edge) == (keep == .all ? [1, 6] : [6]))
    }

    @Test func `what a consumer that never came back had in hand is counted`() {
        var edge = OutputEdge(keep: .all, window: 2)
        edge.connect(credits: 2, acknowledges: true)
        edge.offer(message(0))
        #expect(sent(&edge) == [0])

        edge.leaveOut(isDown: true)
        #expect(edge.isDown)
        _ = edge.close()

        #expect(edge.drops[.away].text == "0")
    }
}
