import CPosix
import Foundation
import Glibc

/// What a person sees while a graph runs: one line of progress, and what nodes have to say above it.
package final class RunDisplay {
    private let isTerminal = isatty(2) == 1
    private let isQuiet: Bool
    private var lastDrawn: Int64 = 0
    private var lineIsShown = false

    package init(quiet: Bool = false) { isQuiet = quiet }

    /// A terminal's line is redrawn a few times a second; a log gets a line every few seconds.
    private var interval: Int64 { isTerminal ? 250_000_000 : 5_000_000_000 }

    /// - Parameter snapshot: made only when it is shown: it adds up what every node has reported.
    package func progress(_ snapshot: @autoclosure () -> RunSnapshot) {
        let now = posix_monotonic_ns()
        guard !isQuiet, now - lastDrawn >= interval else { return }
        lastDrawn = now
        let line = Self.line(snapshot())
        if isTerminal {
            write("\r\u{1B}[K" + line)
            lineIsShown = true
        } else {
            write(line + "\n")
        }
    }

    package func clear() {
        if lineIsShown { write("\r\u{1B}[K") }
        lineIsShown = false
    }

    package func say(_ text: String) {
        clear()
        write(text + "\n")
    }

    package func note(_ text: String) { if !isQuiet { say("note: \(text)") } }

    package func warn(_ node: String, _ text: String) { say("warning: \(node): \(text)") }

    func log(_ node: String, _ line: String) { if !isQuiet { say("[\(node)] \(line)") } }

    /// Nobody may be listening any more (a closed terminal, a full disk): the run goes on.
    private func write(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }

    /// `312 of 1531 frames · 24.1 fps · age 310 ms · 0:51 left · denoiser is the slowest (93 % busy)`
    static func line(_ snapshot: RunSnapshot) -> String {
        var parts: [String] = []
        let out = snapshot.framesOut
        let fps = snapshot.seconds > 0 ? Double(out) / snapshot.seconds : 0
        if let expected = snapshot.expectedFrames {
            parts.append("\(out) of \(max(expected, out)) frames")
        } else {
            parts.append("\(out) frames")
        }
        parts.append(String(format: "%.1f fps", fps))
        if let age = snapshot.age.percentile(0.5) { parts.append("age \(RunSnapshot.time(age))") }
        if let expected = snapshot.expectedFrames, fps > 0, expected > out {
            let left = Int(Double(expected - out) / fps)
            let hours = left >= 36000 ? "\(left / 3600) h" : String(format: "%d:%02d", left / 60, left % 60)
            parts.append("\(hours) left")
        }
        if let slowest = snapshot.nodes.max(by: { $0.report.busy < $1.report.busy }),
            snapshot.seconds > 0
        {
            let share = Int(min(100 * slowest.report.busy / snapshot.seconds, 100))
            if share > 0 { parts.append("\(slowest.name) is the slowest (\(share) % busy)") }
        }
        return parts.joined(separator: " · ")
    }
}
