import Foundation
import NodeKit
import Testing
import Wire

/// The bytes that `Plugins/README.md` shows to authors in other languages.
@Suite struct PluginBytesTests {
    /// The blocks marked `hexdump`, as bytes.
    private func stored() throws -> [[UInt8]] {
        let readme = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Plugins/README.md")
        let blocks = try String(contentsOf: readme, encoding: .utf8)
            .components(separatedBy: "```hexdump\n").dropFirst()
        return blocks.map { block in
            block.components(separatedBy: "```")[0].split(separator: "\n").flatMap { line in
                line.split(separator: " ").dropFirst().compactMap { UInt8($0, radix: 16) }
            }
        }
    }

    private var data: Envelope {
        var envelope = Envelope(.data)
        envelope.stamp = Stamp(
            frame: 7, captured: 1_000_000_000, presentation: 280_000_000, duration: 40_000_000)
        envelope.sequence = 9
        envelope.sent = 1_000_500_000
        envelope.elementType = .uint8
        envelope.shape = [1, 512, 512, 3]
        envelope.place = .init(slot: 3, process: 4242, descriptor: 12, capacity: 786_432)
        return envelope
    }

    private var grant: Envelope {
        var envelope = Envelope(.grant)
        envelope.count = 1
        envelope.released = [3]
        return envelope
    }

    @Test func `the bytes in the manual are what is written and read`() throws {
        let stored = try stored()

        #expect(stored == [data.encoded(), grant.encoded()])
        #expect(stored.map(\.count) == [120, 72])
        let read = try stored.map { try $0.withUnsafeBytes { try Envelope(decoding: $0) } }
        #expect(read == [data, grant])
    }
}
