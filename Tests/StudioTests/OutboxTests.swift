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

        for number in 1...3 { outbox.send(picture: .init([UInt8(number)])) }
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
            outbox.send(picture: .init([UInt8(number)]))
            #expect(picture(outbox.takeNow()) == UInt8(number))
        }
    }

    @Test func `a page that says nothing gets a window of pictures, and then the newest`() {
        let outbox = Outbox()
        fill(outbox)

        for number in 10...20 { outbox.send(picture: .init([UInt8(number)])) }
        #expect(outbox.takeNow() == nil, "the window is full")
        outbox.send("still alive")
        #expect(text(outbox.takeNow()) == "still alive")
        outbox.acknowledge(1)

        #expect(picture(outbox.takeNow()) == 20)
        outbox.send(picture: .init([21]))
        #expect(outbox.takeNow() == nil, "it is full again")
    }

    @Test func `who waits while the window is full gets a picture once one is acknowledged`() async {
        let outbox = Outbox()
        fill(outbox)
        outbox.send(picture: .init([20]))
        async let next = outbox.next()

        outbox.acknowledge(1)

        #expect(picture(await next) == 20)
    }

    @Test func `a page cannot acknowledge what it was not sent`() {
        let outbox = Outbox()

        outbox.acknowledge(.max)
        fill(outbox)
        outbox.send(picture: .init([99]))

        #expect(outbox.takeNow() == nil, "the window is full")
    }

    @Test func `a slow page has one picture under way, and a quick one again more`() {
        let outbox = Outbox(), now = ContinuousClock.now
        for round in 1...4 {
            outbox.send(picture: .init([0]))
            #expect(outbox.takeNow() != nil)
            outbox.acknowledge(UInt32(round), at: now + .seconds(round))
        }

        outbox.send(picture: .init([2]))
        #expect(picture(outbox.takeNow()) == 2)
        outbox.send(picture: .init([3]))
        #expect(outbox.takeNow() == nil, "one is under way, and no more may be")
        outbox.acknowledge(5, at: now)
        #expect(picture(outbox.takeNow()) == 3)
        outbox.send(picture: .init([4]))
        #expect(picture(outbox.takeNow()) == 4, "two may be under way now")
        outbox.send(picture: .init([5]))
        #expect(outbox.takeNow() == nil, "and no third one")
    }

    @Test func `a page far away gets as many pictures as one that is near`() {
        let outbox = Outbox(), start = ContinuousClock.now
        var sent: UInt32 = 0, acknowledged: UInt32 = 0, held = 0

        // Each acknowledgement takes 400 ms, ten pictures of 25 a second.
        for round in 0..<100 {
            outbox.send(picture: .init([0]))
            if outbox.takeNow() != nil { sent += 1 } else { held += 1 }
            if round >= 10, acknowledged < sent {
                acknowledged += 1
                outbox.acknowledge(acknowledged, at: start + .milliseconds(400))
            }
        }

        #expect(held < 15, "only until the way is known: \(held)")
    }

    /// Sends a packet of a video; returns whether others were dropped for it.
    private func send(_ number: UInt8, isKey: Bool = false, isPast: Bool = false, to outbox: Outbox) -> Bool {
        outbox.send(picture: .init([number], isKey: isKey, isAlone: false, isPast: isPast))
    }

    @Test func `packets of a video are all sent, in order`() {
        let outbox = Outbox()

        #expect(!send(0, isKey: true, to: outbox))
        for number in 1...5 { #expect(!send(UInt8(number), to: outbox)) }

        #expect((0...5).map { _ in picture(outbox.takeNow()) } == [0, 1, 2, 3, 4, 5])
        #expect(outbox.replaced == 0)
    }

    @Test func `too many packets wait: they are dropped, and those up to the next keyframe`() {
        let outbox = Outbox()
        fill(outbox)
        var cuts: [UInt8] = []

        if send(0, isKey: true, to: outbox) { cuts.append(0) }
        for number: UInt8 in 1...12 where send(number, to: outbox) { cuts.append(number) }
        #expect(cuts == [8], "eight waited")
        outbox.acknowledge(Outbox.window)
        #expect(outbox.takeNow() == nil, "what lacks those before it is not sent")
        #expect(!send(13, isKey: true, to: outbox))
        #expect(!send(14, to: outbox))

        #expect([picture(outbox.takeNow()), picture(outbox.takeNow())] == [13, 14])
        #expect(outbox.replaced == 13)
    }

    @Test func `a keyframe takes the place of the packets of a slow way`() {
        let outbox = Outbox()
        fill(outbox)
        for number: UInt8 in 0..<8 { _ = send(number, isKey: number == 0, to: outbox) }

        #expect(send(8, isKey: true, to: outbox), "it is a cut, too")
        outbox.acknowledge(Outbox.window)

        #expect(picture(outbox.takeNow()) == 8)
        #expect(outbox.takeNow() == nil)
    }

    @Test func `a page that comes later gets all since the last keyframe, however many they are`() {
        let outbox = Outbox()

        for number: UInt8 in 0..<25 {
            #expect(!send(number, isKey: number == 0, isPast: true, to: outbox))
        }
        #expect(!send(25, to: outbox))

        var taken: [UInt8?] = []
        for count in 1...26 {
            taken.append(picture(outbox.takeNow()))
            outbox.acknowledge(UInt32(count))
        }
        #expect(taken == (0...25).map { $0 })
    }

    @Test func `who waits is told of the end`() async {
        let outbox = Outbox()
        async let next = outbox.next()

        outbox.close()

        #expect(await next == nil)
    }
}
