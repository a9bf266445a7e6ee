import Foundation
import Media
import Testing

/// The header of protocol personalive.v1, as docs/studio.md prints it.
@Suite struct LiveMessageTests {
    private static let document = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("docs/studio.md")

    /// The bytes of the document's hexdump.
    private static func dumped() throws -> [UInt8] {
        let text = try String(contentsOf: document, encoding: .utf8)
        let block = try #require(text.components(separatedBy: "```hexdump\n").dropFirst().first)
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

    @Test func `what is shorter than a header, or of no known kind, is no message`() {
        let bytes = Self.message.bytes
        #expect(LiveMessage(Array(bytes.prefix(23))) == nil)
        #expect(LiveMessage([0] + bytes.dropFirst()) == nil)
        #expect(LiveMessage([6] + bytes.dropFirst()) == nil)
        #expect(LiveMessage(Array(bytes.prefix(24)))?.chunk == [])
    }
}
