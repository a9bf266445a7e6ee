import Testing

@testable import Studio

/// What waits for one page.
@Suite struct OutboxTests {
    private func picture(_ item: Outbox.Item?) -> UInt8? {
        if case .bytes(let bytes) = item { bytes.first } else { nil }
    }

    private func text(_ item: Outbox.Item?) -> String? {
        if case .text(let text) = item { text } else { nil }
    }

    @Test func `texts go first and in order, of pictures the newest only`() async {
        let outbox = Outbox()

        for number in 1...3 { outbox.send(picture: [UInt8(number)]) }
        outbox.send("a")
        outbox.send("b")

        #expect(text(await outbox.next()) == "a")
        #expect(text(await outbox.next()) == "b")
        #expect(picture(await outbox.next()) == 3)
        #expect(outbox.replaced == 2)
    }

    @Test func `a page that says nothing gets a window of pictures, and then the newest`() async {
        let outbox = Outbox()
        for number in 0..<Outbox.window {
            outbox.send(picture: [UInt8(number)])
            #expect(picture(await outbox.next()) == UInt8(number))
        }

        for number in 10...20 { outbox.send(picture: [UInt8(number)]) }
        outbox.send("still alive")
        #expect(text(await outbox.next()) == "still alive")
        async let next = outbox.next()
        outbox.acknowledge(1)

        #expect(picture(await next) == 20)
    }

    @Test func `a page cannot acknowledge what it was not sent`() async {
        let outbox = Outbox()

        outbox.acknowledge(.max)
        for number in 0..<Outbox.window {
            outbox.send(picture: [UInt8(number)])
            _ = await outbox.next()
        }
        outbox.send(picture: [99])
        outbox.send("after")

        #expect(text(await outbox.next()) == "after", "the window is full")
    }

    @Test func `a slow page has one picture under way, and a quick one again more`() async {
        let outbox = Outbox(), now = ContinuousClock.now
        var sent: UInt32 = 0
        for round in 0..<4 {
            outbox.send(picture: [0])
            if case .bytes = await outbox.next() { sent += 1 }
            outbox.acknowledge(sent, at: now + .seconds(1 + round))
        }

        outbox.send(picture: [2])
        #expect(picture(await outbox.next()) == 2)
        outbox.send(picture: [3])
        outbox.send("only this")
        #expect(text(await outbox.next()) == "only this", "one is under way, and no more may be")
        sent += 1
        outbox.acknowledge(sent, at: now)
        #expect(picture(await outbox.next()) == 3)
        outbox.send(picture: [4])
        #expect(picture(await outbox.next()) == 4, "two may be under way now")
    }

    @Test func `who waits is told of the end`() async {
        let outbox = Outbox()
        async let next = outbox.next()

        outbox.close()

        #expect(await next == nil)
    }
}
