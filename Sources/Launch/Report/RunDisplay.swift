import CPosix
import Foundation
import Glibc

/// What a run has to tell: one line of progress on the screen, what processes print above it, and
/// all but the progress in the run's log.
package final class RunDisplay {
    private let isTerminal = isatty(2) == 1
    private let isQuiet: Bool
    private let runLog: RunLog?
    private var lastDrawn: Int64 = 0
    private var lineIsShown = false

    /// - Parameters:
    ///   - quiet: shows neither progress nor what processes print. The log has the latter all the same.
    ///   - log: nil of what is no run that a user would ask for.
    package init(quiet: Bool = false, log: RunLog? = nil) { (isQuiet, runLog) = (quiet, log) }

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
        runLog?.write(PrintedLine(.note, text))
        show(text)
    }

    package func note(_ text: String) {
        runLog?.write(PrintedLine(.note, text))
        if !isQuiet { show("note: \(text)") }
    }

    /// A warning about a node or a machine that is the supervisor's own.
    package func warn(_ place: String, _ text: String) {
        runLog?.write(PrintedLine(.warning, "\(place): \(text)"))
        show("warning: \(place): \(text)")
    }

    /// A line that a process printed, or its warning.
    ///
    /// - Parameter process: what it calls itself: the node's name, from the second start on with its
    ///   number.
    func log(_ process: String, _ line: PrintedLine) {
        runLog?.write(line, of: process)
        if line.stream == .warning {
            show("warning: \(process): \(line.text)")
        } else if !isQuiet {
            show("[\(process)] \(line.text)")
        }
    }

    /// A line that the program which reaches another machine printed.
    func log(machine: String, _ line: String) {
        runLog?.write(PrintedLine(.stderr, "machine '\(machine)': \(line)"))
        if !isQuiet { show("[machine \(machine)] \(line)") }
    }

    private func show(_ text: String) {
        clear()
        write(text + "\n")
        // The log's own fault is shown once, and stands in no log.
        if let fault = runLog?.takeFault() { write("warning: \(fault)\n") }
    }

    /// Standard error may be closed, or its disk full: the run goes on.
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
            let hours =
                left >= 36000 ? "\(left / 3600) h" : String(format: "%d:%02d", left / 60, left % 60)
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
