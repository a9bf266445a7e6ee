import BuiltinNodes
import Foundation
import Media
import NodeKit
import Tensors
import Testing

/// Segments in a folder, for a web server of files.
@Suite struct HLSOutNodeTests {
    private func wait(until isSo: () -> Bool) -> Bool {
        for _ in 0..<1000 {
            if isSo() { return true }
            MonotonicClock.sleep(until: MonotonicClock.now + 10_000_000)
        }
        return false
    }

    /// Segments that a folder's list names.
    private func list(_ folder: String) -> [String] {
        let text = (try? String(contentsOfFile: "\(folder)/live.m3u8", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init).filter { $0.hasSuffix(".m4s") }
    }

    @Test func `a folder holds what its list names, and the two segments before`() throws {
        let folder = "/tmp/pl-hls-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let settings = Settings().setting(HLSOutNode.serves, to: false)
            .setting(HLSOutNode.folder, to: folder).setting(HLSOutNode.segment, to: 0.5)
            .setting(HLSOutNode.window, to: 3)
        var harness = try NodeHarness(HLSOutNode.self, settings)
        var options = LiveEncoder.Options()
        options.preset = "ultrafast"
        let encoder = LiveEncoder(options, name: "test")

        // Ten segments of 13 pictures.
        for number in 0..<130 {
            let last = list(folder).last
            var packet = try encoder.encode(
                Tensor<UInt8>(repeating: UInt8(number), shape: [1, 64, 64, 3]),
                at: Int64(number) * 40_000_000, for: 40_000_000, isKey: number % 13 == 0)
            packet.sequence = UInt64(number)
            try harness.tick([.init(HLSOutNode.packet, packet.encoded())])
            // A segment has ended. It is written beside the node.
            if number > 0, packet.isKey { #expect(wait { list(folder).last != last }) }
        }
        try harness.finish()

        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        let segments = names.filter { $0.hasSuffix(".m4s") }
        let listed = list(folder)
        #expect(listed.count == 3)
        #expect(Array(segments.sorted().suffix(3)) == listed)
        #expect(segments.count == 5)
        // One header, the list, and nothing that is half written.
        #expect(names.count == segments.count + 2, "\(names)")
        #expect(harness.warnings.isEmpty, "\(harness.warnings)")
    }
}
