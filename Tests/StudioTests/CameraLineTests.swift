import Media
import Synchronization
import Testing

@testable import Studio

/// The way from a page's camera to its node.
@Suite struct CameraLineTests {
    /// A picture that is larger than what a socket holds.
    private static func picture(_ number: UInt32, isKey: Bool) -> [UInt8] {
        LiveMessage(
            kind: .videoUp, isKey: isKey, sequence: number, captured: 0, presentation: 0,
            chunk: [UInt8](repeating: 7, count: 2 << 20)
        ).bytes
    }

    @Test func `after a picture was dropped none goes to the node until the next keyframe`() throws {
        let path = "/tmp/pl-camera-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        let node = try BrowserLink(path)
        let asked = Mutex(0)
        let line = CameraLine(path: path).connected { _ in asked.withLock { $0 += 1 } }
        let connection = try #require(line)
        defer { connection.close() }
        /// The sequence number of the next picture that comes to the node, waited for 10 s at most.
        func next() -> UInt32? {
            for _ in 0..<1000 {
                if case .chunk(let message) = node.next(milliseconds: 10) { return message.sequence }
            }
            return nil
        }

        // The node is busy: four wait, the second keyframe among them, and there is no room for another.
        for number: UInt32 in 0..<5 {
            connection.send(Self.picture(number, isKey: number % 2 == 0 && number < 4))
        }
        let asks = asked.withLock { $0 }
        let waited = (0..<4).map { _ in next() }
        connection.send(Self.picture(5, isKey: false))
        connection.send(Self.picture(6, isKey: true))

        #expect(asks == 1, "the page is asked for a keyframe")
        #expect(waited == [0, 1, 2, 3])
        #expect(next() == 6)
    }
}
