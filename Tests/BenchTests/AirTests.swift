import Testing

@testable import personalive_bench

/// What an hour on air counts.
@Suite struct AirTests {
    @Test func `what was passed over before the encoder is not missing in the file`() {
        let losses: [[String: Any]] = [
            ["place": "camera.frame → stage", "count": 5],
            ["place": "encoder.packet → file", "count": 2],
            ["place": "file", "count": 1],
        ]

        #expect(Air.lostBehindEncoder(["sink": "file", "dropped": losses]) == 3)
    }
}
