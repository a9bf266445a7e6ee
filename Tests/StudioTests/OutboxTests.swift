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

    @Test func `texts go first and in order, of pictures the newest only`() {
        let outbox = Outbox()

        for number in 1...3 { outbox.send(picture: [UInt8(number)]) }
        outbox.send("a")
        outbox.send("b")

        #expect(text(outbox.takeNow()) == "a")
        #expect(text(outbox.takeNow()) == "b")
        #expect(picture(outbox.takeNow()) == 3)
        #expect(outbox.replaced == 2)
    }

    /// Fills the window of an outbox that was never acknowledged.
    private func fill(_ outbox: Outbox) {
        for number in 0..<Outbox.window {
            outbox.send(picture: [UInt8(number)])
            #expect(picture(outbox.takeNow()) == UInt8(number))
        }
    }

    @Test func `a page that says nothing gets a window of pictures, and then the newest`() {
        let outbox = Outbox()
        fill(outbox)

        for number in 10...20 { outbox.send(picture: [UInt8(number)]) }
        #expect(outbox.takeNow() == nil, "the window is full")
        outbox.send("still alive")
        #expect(text(outbox.takeNow()) == "still alive")
        outbox.acknowledge(1)

        #expect(picture(outbox.takeNow()) == 20)
        outbox.send(picture: [21])
        #expect(outbox.takeNow() == nil, "it is full again")
    }

    @Test func `who waits while the window is full gets a picture once one is acknowledged`() async {
        let outbox = Outbox()
        fill(outbox)
        outbox.send(picture: [20])
        async let next = outbox.next()

        outbox.acknowledge(1)

        #expect(picture(await next) == 20)
    }

    @Test func `a page cannot acknowledge what it was not sent`() {
        let outbox = Outbox()

        outbox.acknowledge(.max)
        fill(outbox)
        outbox.send(picture: [99])

        #expect(outbox.takeNow() == nil, "the window is full")
    }

    @Test func `a slow page has one picture under way, and a quick one again more`() {
        let outbox = Outbox(), now = ContinuousClock.now
        for round in 1...4 {
            outbox.send(picture: [0])
            #expect(outbox.takeNow() != nil)
            outbox.acknowledge(UInt32(round), at: now + .seconds(round))
        }

        outbox.send(picture: [2])
        #expect(picture(outbox.takeNow()) == 2)
        outbox.send(picture: [3])
        #expect(outbox.takeNow() == nil, "one is under way, and no more may be")
        outbox.acknowledge(5, at: now)
        #expect(picture(outbox.takeNow()) == 3)
        outbox.send(picture: [4])
        #expect(picture(outbox.takeNow()) == 4, "two may be under way now")
        outbox.send(picture: [5])
        #expect(outbox.takeNow() == nil, "and no third one")
    }

    @Test func `who waits is told of the end`() async {
        let outbox = Outbox()
        async let next = outbox.next()

        outbox.close()

        #expect(await next == nil)
    }
}
