import Foundation
import Media
import Testing

/// The header of protocol personalive.v1, as docs/studio.md prints it.
@Suite struct LiveMessageTests {
    private static let document = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("docs/studio.md")

    /// The bytes of one of the document's hexdumps.
    private static func dumped(_ number: Int) throws -> [UInt8] {
        let text = try String(contentsOf: document, encoding: .utf8)
        let blocks = text.components(separatedBy: "```hexdump\n").dropFirst()
        let block = try #require(Array(blocks)[number...].first).components(separatedBy: "```")[0]
        return block.split(separator: "\n").flatMap { line in
            line.dropFirst(8).prefix(48).split(separator: " ").compactMap { UInt8($0, radix: 16) }
        }
    }

    private static let up = LiveMessage(
        kind: .videoUp, isKey: true, isFirst: true, stream: LiveMessage.Codec.vp8.rawValue,
        sequence: 258, captured: 1_234_567_890_123, presentation: 40_000, chunk: Array("chunk".utf8))
    private static let down = LiveMessage(
        kind: .videoDown, isPast: true, sequence: 7, captured: 1_234_567_930_123,
        presentation: 280_000, chunk: [0, 0, 0, 1, 0x41, 0x9A])

    @Test func `the documented bytes are read as the document says`() throws {
        #expect(LiveMessage(try Self.dumped(0)) == Self.up)
        #expect(LiveMessage(try Self.dumped(1)) == Self.down)
    }

    @Test func `messages are written as the document shows`() throws {
        #expect(Self.up.bytes == (try Self.dumped(0)))
        #expect(Self.down.bytes == (try Self.dumped(1)))
    }

    @Test func `a sound of the document is one packet of Opus`() throws {
        let message = try #require(LiveMessage(try Self.dumped(2)))
        let packet = try #require(AudioPacket(message))

        #expect(message.kind == .audioUp)
        #expect(message.bytes == (try Self.dumped(2)))
        #expect(packet.format.codec == "opus" && packet.format.layout == "mono")
        #expect(packet.data == Array("sound".utf8))
        #expect(packet.presentationNanoseconds == 40_000_000)
        #expect(packet.durationNanoseconds == 20_000_000)
    }

    @Test func `what is shorter than a header, or of no known kind, is no message`() {
        let bytes = Self.up.bytes
        #expect(LiveMessage(Array(bytes.prefix(23))) == nil)
        #expect(LiveMessage([0] + bytes.dropFirst()) == nil)
        #expect(LiveMessage([6] + bytes.dropFirst()) == nil)
        #expect(LiveMessage(Array(bytes.prefix(24)))?.chunk == [])
    }
}
