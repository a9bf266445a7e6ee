import Dispatch
import Foundation
import Glibc
import Synchronization

/// Writes the log of one run: what its processes print, their warnings, and what the supervisor
/// says.
///
/// A line is `TIME NODE~START STREAM TEXT`: when the supervisor read it (UTC), which process of the
/// node it came from, counted from 1, and `stdout`, `stderr`, `warning` or `note`. Files are
/// written by a queue of their own, so that a slow disk holds no frame up.
package final class RunLog: Sendable {
    private struct Backlog {
        /// Bytes that wait to be written, and lines that found no room among them.
        var waiting = 0
        var refused = 0
        /// Why lines are not in the log; said once.
        var fault: String?
        var isFaultSaid = false
    }

    /// Where the files are, while the run lives and after.
    package let folder: LogFolder
    private let files: Mutex<LogFiles>
    private let backlog = Mutex(Backlog())
    private let queue = DispatchQueue(label: "personalive.log")

    /// What a disk that stands still may cost in memory.
    private static let mostWaiting = 1 << 20
    /// Bytes that are kept of one line.
    private static let longestLine = 4096

    /// Makes the folder of the log of a run.
    package convenience init(of run: String, nodes: [String]) throws {
        try self.init(in: LogFolder(of: run), nodes: nodes)
    }

    init(in folder: LogFolder, nodes: [String] = []) throws {
        self.folder = folder
        var files = LogFiles(folder: folder.path)
        // A node that has printed nothing yet can be followed.
        for node in nodes { try files.append("", to: node) }
        self.files = Mutex(files)
    }

    /// Adds a line.
    ///
    /// - Parameter process: what the process calls itself, `decoder~2`; nil for the supervisor.
    func write(_ line: PrintedLine, of process: String? = nil) {
        let node = process.map { String($0.prefix { $0 != "~" }) }
        let lines = Self.lines(line, of: process, at: Self.now)
        let refused = backlog.withLock { backlog -> Int? in
            guard backlog.waiting < Self.mostWaiting else {
                backlog.refused += 1
                return nil
            }
            backlog.waiting += lines.utf8.count
            defer { backlog.refused = 0 }
            return backlog.refused
        }
        guard let refused else { return }
        if refused > 0 {
            write(
                PrintedLine(.note, "… \(refused) lines are missing here: the disk did not keep up"))
        }
        queue.async { [self] in
            let fault = files.withLock { files -> String? in
                do {
                    try files.append(lines, to: node)
                    return nil
                } catch { return "\(error)" }
            }
            backlog.withLock {
                $0.waiting -= lines.utf8.count
                $0.fault = $0.fault ?? fault
            }
        }
    }

    /// Adds a line of the supervisor's.
    package func note(_ text: String) { write(PrintedLine(.note, text)) }

    /// Why lines are missing in the log: once, then nil.
    package func takeFault() -> String? {
        backlog.withLock { backlog in
            guard let fault = backlog.fault, !backlog.isFaultSaid else { return nil }
            backlog.isFaultSaid = true
            return "lines are missing in the run's log: \(fault)"
        }
    }

    /// Waits until all lines are in their files, or for two seconds.
    package func flush() {
        let done = DispatchSemaphore(value: 0)
        queue.async { done.signal() }
        _ = done.wait(timeout: .now() + 2)
    }

    // MARK: Lines

    /// What a line is in a file: one for each line of its text, with the end of each.
    static func lines(_ line: PrintedLine, of process: String?, at time: timespec) -> String {
        var process = process ?? "supervisor"
        if !process.contains("~"), process != "supervisor" { process += "~1" }
        let head = "\(Self.text(time)) \(process) \(line.stream.rawValue) "
        return line.text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { head + cut($0) + "\n" }.joined()
    }

    private static func cut(_ line: Substring) -> String {
        let rest = line.utf8.count - longestLine
        guard rest > 0 else { return String(line) }
        return String(decoding: line.utf8.prefix(longestLine), as: UTF8.self)
            + " … \(rest) bytes more"
    }

    static var now: timespec {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return time
    }

    /// `2026-11-30T11:37:20.123Z`: as text in the order of time.
    static func text(_ time: timespec) -> String {
        var seconds = time.tv_sec
        var parts = tm()
        gmtime_r(&seconds, &parts)
        return String(
            format: "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900, parts.tm_mon + 1,
            parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, time.tv_nsec / 1_000_000)
    }
}
