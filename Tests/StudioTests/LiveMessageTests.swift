import Foundation
import Media
import Testing

/// The header of protocol personalive.v1, as docs/studio.md prints it.
@Suite struct LiveMessageTests {
    private static let document = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("docs/studio.md")

    /// The bytes of a hexdump of the document.
    private static func dumped(_ number: Int = 0) throws -> [UInt8] {
        let text = try String(contentsOf: document, encoding: .utf8)
        let block = try #require(text.components(separatedBy: "```hexdump\n").dropFirst(1 + number).first)
            .components(separatedBy: "```")[0]
        return block.split(separator: "\n").flatMap { line in
            line.dropFirst(8).prefix(48).split(separator: " ").compactMap { UInt8($0, radix: 16) }
        }
    }

    private static let message = LiveMessage(
        kind: .videoUp, isKey: true, isFirst: true, stream: LiveMessage.Codec.vp8.rawValue,
        sequence: 258, captured: 1_234_567_890_123, presentation: 40_000, chunk: Array("chunk".utf8))

    @Test func `the documented bytes are read as the document says`() throws {
        #expect(LiveMessage(try Self.dumped()) == Self.message)
    }

    @Test func `a message is written as the document shows`() throws {
        #expect(Self.message.bytes == (try Self.dumped()))
    }

    @Test func `a sound of the document is one packet of Opus`() throws {
        let message = try #require(LiveMessage(try Self.dumped(1)))
        let packet = try #require(AudioPacket(message))

        #expect(message.kind == .audioUp)
        #expect(message.bytes == (try Self.dumped(1)))
        #expect(packet.format.codec == "opus" && packet.format.layout == "mono")
        #expect(packet.data == Array("sound".utf8))
        #expect(packet.presentationNanoseconds == 40_000_000)
        #expect(packet.durationNanoseconds == 20_000_000)
    }

    @Test func `what is shorter than a header, or of no known kind, is no message`() {
        let bytes = Self.message.bytes
        #expect(LiveMessage(Array(bytes.prefix(23))) == nil)
        #expect(LiveMessage([0] + bytes.dropFirst()) == nil)
        #expect(LiveMessage([6] + bytes.dropFirst()) == nil)
        #expect(LiveMessage(Array(bytes.prefix(24)))?.chunk == [])
    }
}
