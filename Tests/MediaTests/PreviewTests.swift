import Foundation
import Glibc
import Media
import Testing

/// Pictures in a terminal of the test's own; EndToEndTests opens a window.
@Suite struct PreviewTests {
    private func wait(until isSo: () -> Bool) -> Bool {
        for _ in 0..<1000 {
            if isSo() { return true }
            usleep(10_000)
        }
        return false
    }

    @Test func `a terminal gets the newest picture, and one that takes nothing holds nobody up`()
        throws
    {
        let terminal = TestTerminal(), path = terminal.path
        let preview = Preview(.terminal, terminal: path, title: "test")
        preview.show(Sample.frame(width: 8, height: 8, red: 9, green: 8, blue: 7))

        var text = ""
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        #expect(
            wait {
                let count = read(terminal.descriptor, &buffer, buffer.count)
                if count > 0 { text += String(decoding: buffer[..<count], as: UTF8.self) }
                return text.hasSuffix("\u{1b}8")
            })
        #expect(text.hasPrefix("\u{1b}7\u{1b}[1;1H\u{1b}[38;2;9;8;7m\u{1b}[48;2;9;8;7m▀"))
        #expect(preview.state == "showing pictures in the terminal \(path)")

        // Nobody reads it any more.
        let start = MonotonicClock.now
        for _ in 0..<500 { preview.show(Sample.frame(width: 512, height: 512)) }
        #expect(MonotonicClock.now - start < 1_000_000_000)
        #expect(preview.counts.skipped > 400)
        preview.finish()
    }

    @Test func `without a terminal it says so and takes frames`() {
        let preview = Preview(.terminal, terminal: "/nowhere/tty", title: "test")
        defer { preview.finish() }

        preview.show(Sample.frame())

        #expect(wait { preview.state.contains("neither a screen nor a terminal (/nowhere/tty)") })
    }
}
