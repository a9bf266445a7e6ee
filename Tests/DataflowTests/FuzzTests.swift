import Dataflow
import NodeKit
import Testing

/// Files as nobody would write them: the checker must say something, soon, and go on living.
@Suite struct FuzzTests {
    /// A generator whose numbers are the same in every run (SplitMix64).
    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = state
            value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
            return value ^ (value >> 31)
        }
    }

    private static let pieces = [
        "{", "}", "[", "]", ":", ": ", "- ", ",", "\n", "\n  ", "\t", "&a ", "*a", "<<: *a", "!!x ",
        "${", "${driving}", "$${", "'", "\"", "|", ">", "#", "%", "@", "`", "\\", "?", "~", "null",
        "1e999", "-1", "0x", ".5", "\u{0}", "\u{7F}", "é", "絵", "🙂", "\u{E001}", "\u{E002}",
        "\u{2028}", "\r", "---\n", "...\n", "camera.frame", "nodes:", "use: ", "in: ", "with: ",
        "decoder", "keep: last", "window: 3", "machine: local", "h: 3",
    ]

    @Test(arguments: 0..<8)
    func `thousands of damaged files are checked without harm`(seed: Int) {
        var random = Generator(state: UInt64(seed))
        for _ in 0..<400 {
            var bytes = Array(TestKinds.demo.utf8)
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                Self.damage(&bytes, &random)
            }
            let check = GraphFile.check(bytes: bytes, name: "fuzz", registry: TestKinds.registry)
            let hasErrors = check.errorCount > 0
            #expect((check.graph == nil) == hasErrors)
            #expect(check.text.isEmpty == check.diagnostics.isEmpty)
        }
    }

    private static func damage(_ bytes: inout [UInt8], _ random: inout Generator) {
        let index = Int.random(in: 0...bytes.count, using: &random)
        let count = Int.random(in: 0...20, using: &random)
        let end = min(index + count, bytes.count)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: bytes.removeSubrange(index..<end)
        case 1:
            bytes.insert(contentsOf: Array(pieces.randomElement(using: &random)!.utf8), at: index)
        case 2 where index < bytes.count: bytes[index] = UInt8.random(in: 0...255, using: &random)
        case 3: bytes.insert(contentsOf: bytes[index..<end], at: index)
        case 4: bytes.removeSubrange(end...)
        default:
            bytes.replaceSubrange(
                index..<end, with: Array(pieces.randomElement(using: &random)!.utf8))
        }
    }

    @Test func `a file made of nothing but mistakes is checked in seconds`() {
        var text = "nodes:\n"
        for index in 0..<1000 {
            text += "  node\(index): { use: blurr, in: { frame: nod\(index).frme } }\n"
        }

        let clock = ContinuousClock()
        let time = clock.measure { _ = TestKinds.check(text).text }
        #expect(time < .seconds(20))
    }
}
