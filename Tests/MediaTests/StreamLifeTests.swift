import Media
import Testing

@Suite struct StreamLifeTests {
    private static let second: Int64 = 1_000_000_000
    private static let address = "rtmp://host/live/…"

    /// What happens, when, and what is said then.
    @Test func `what it does is said in words`() {
        var life = StreamLife()
        let rows: [(StreamLife.Event?, at: Int64, String)] = [
            (nil, 0, "waiting for the first picture, to send it to rtmp://host/live/…"),
            (.begun, 0, "connecting to rtmp://host/live/…"),
            (
                .failed("Connection refused", jitter: 0.5), 0,
                "connecting to rtmp://host/live/…, second try, in 0.5 s: Connection refused"
            ),
            (.tick, Self.second / 2, "connecting to rtmp://host/live/…, second try"),
            (
                .failed("Connection refused", jitter: 0.5), Self.second,
                "connecting to rtmp://host/live/…, third try, in 0.5 s: Connection refused"
            ),
            (.tick, 3 * Self.second / 2, "connecting to rtmp://host/live/…, third try"),
            (.connected, 2 * Self.second, "sending to rtmp://host/live/… for 0.0 s"),
            (nil, 15 * Self.second, "sending to rtmp://host/live/… for 13 s"),
            (
                .failed("Broken pipe", jitter: 0.5), 15 * Self.second,
                "connecting to rtmp://host/live/…, first try, in 0.5 s: Broken pipe"
            ),
            (.tick, 16 * Self.second, "connecting to rtmp://host/live/…"),
            (
                .connected, 16 * Self.second,
                "sending to rtmp://host/live/… for 0.0 s, second connection"
            ),
            (.finished, 17 * Self.second, "ended"),
        ]
        for (event, now, words) in rows {
            if let event { life.apply(event, at: now) }
            #expect(life.words(of: Self.address, at: now) == words)
        }
    }

    /// Seconds for which there was no connection, and the pause before the next try.
    @Test(arguments: [(0.5, 0.5), (10, 1.25), (80, 10), (600, 30)])
    func `a server that is back is found within an eighth of the time that it was gone`(
        lost: Double, pause: Double
    ) {
        var life = StreamLife()
        life.apply(.begun, at: -StreamLife.holding)
        life.apply(.connected, at: -StreamLife.holding)
        life.apply(.failed("gone", jitter: 0.5), at: 0)
        life.apply(.tick, at: Self.second)
        let now = Int64(lost * 1e9)

        life.apply(.failed("gone", jitter: 0.5), at: now)

        #expect(
            life.state
                == .pausing(until: now + Int64(pause * 1e9), attempt: 2, reason: "gone"))
    }

    /// Seconds for which each connection holds, and what is so after the last of them broke.
    @Test(arguments: [(0.0, 101, 1, 30.0), (9.0, 101, 1, 30.0), (10.0, 1, 100, 0.5)])
    func `a server that accepts and closes is left alone longer and longer`(
        held: Double, attempt: Int, outages: Int, pause: Double
    ) {
        var life = StreamLife()
        var now: Int64 = 0
        life.apply(.begun, at: now)
        for _ in 0..<100 {
            life.apply(.tick, at: now)
            life.apply(.connected, at: now)
            now += Int64(held * 1e9)
            life.apply(.failed("closed", jitter: 0.5), at: now)
            if case .pausing(let until, _, _) = life.state { now = until }
        }

        #expect(life.connections == 100)
        #expect(life.outages == outages)
        #expect(life.state == .pausing(until: now, attempt: attempt, reason: "closed"))
        life.apply(.tick, at: now)
        life.apply(.connected, at: now)
        let end = now + Int64(held * 1e9)
        life.apply(.failed("closed", jitter: 0.5), at: end)
        #expect(
            life.state
                == .pausing(
                    until: end + Int64(pause * 1e9), attempt: held < 10 ? attempt + 1 : 1,
                    reason: "closed"))
    }

    @Test func `jitter spreads tries by a fifth, within the bounds`() {
        for (jitter, pause) in [(0.0, 1.0), (1.0, 1.5)] {
            var life = StreamLife()
            life.apply(.begun, at: 0)
            life.apply(.failed("gone", jitter: jitter), at: 10 * Self.second)

            #expect(
                life.state
                    == .pausing(
                        until: 10 * Self.second + Int64(pause * 1e9), attempt: 2, reason: "gone"))
        }
    }

    @Test func `numbers are read as people say them`() {
        let words = [1, 2, 3, 10, 11, 12, 13, 21, 22, 111].map(StreamLife.ordinal)
        #expect(
            words == [
                "first", "second", "third", "tenth", "11th", "12th", "13th", "21st", "22nd",
                "111th",
            ])
    }
}
