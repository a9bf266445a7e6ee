import Foundation
import Glibc

/// The log of the runs of a user: a file that only grows, one JSON object a line, in which each line holds
/// the sum of the line before it. A line that is changed or taken out breaks the chain. What is done to the
/// last line, or to all lines from one on, is found only with the last sum, noted elsewhere.
package struct RunHistory: Sendable {
    /// One line.
    package struct Entry: Codable, Equatable, Sendable {
        package var time: String
        /// What the run is called.
        package var run: String
        /// `begin`, or `change` of a run that goes on.
        package var event: String
        /// SHA-256 of the graph's text and of the values that were set beside it, hexadecimal.
        package var graph: String
        /// The pictures that it reads.
        package var pictures: [Picture]
        /// SHA-256 of the line before, without its end; 64 zeros in the first line.
        package var previous: String
    }

    package struct Picture: Codable, Equatable, Sendable {
        package var node: String
        package var sha256: String
        /// SHA-256 of the consent to it, where there is one.
        package var consent: String?

        package init(node: String, sha256: String, consent: String?) {
            (self.node, self.sha256, self.consent) = (node, sha256, consent)
        }
    }

    /// What is wrong with a line, counted from 1.
    package struct Break: Equatable, Sendable {
        package var line: Int
        package var reason: String
    }

    package let path: String
    private static let origin = String(repeating: "0", count: 64)
    /// A line is far shorter.
    private static let longestLine = 1 << 16

    package init(_ path: String) { self.path = path }

    /// The file of this user: `$XDG_STATE_HOME/personalive/run-history.jsonl`, or in `~/.local/state`.
    package static func path(_ variables: (String) -> String? = SigningKeys.variable) -> String? {
        let state =
            variables("XDG_STATE_HOME") ?? variables("HOME").map { $0 + "/.local/state" }
        return state.map { $0 + "/personalive/run-history.jsonl" }
    }

    /// Adds a line.
    ///
    /// - Throws: ``RunHistoryError``; the file is as it was then.
    package func append(
        run: String, event: String, graph: String, pictures: [Picture], at time: Date = Date()
    ) throws(RunHistoryError) {
        let descriptor = try open()
        defer { close(descriptor) }
        let size = lseek(descriptor, 0, SEEK_END)
        let last = lastLine(descriptor, size)
        let entry = Entry(
            time: time.formatted(.iso8601), run: run, event: event, graph: graph,
            pictures: pictures, previous: last.map { SHA256.text(of: $0) } ?? Self.origin)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard var bytes = try? Array(encoder.encode(entry)) else { return }
        bytes.append(UInt8(ascii: "\n"))
        // What a killed process wrote half of stays a line of its own.
        if let last, last.isEmpty == false, !endsLine(descriptor, size) {
            bytes.insert(UInt8(ascii: "\n"), at: 0)
        }
        let count = write(descriptor, bytes, bytes.count)
        guard count == bytes.count else {
            let reason = count < 0 ? String(cString: strerror(errno)) : "the disk is full"
            _ = ftruncate(descriptor, size)
            throw RunHistoryError(path: path, reason: reason)
        }
    }

    private func open() throws(RunHistoryError) -> Int32 {
        var parent = ""
        for part in path.split(separator: "/", omittingEmptySubsequences: false).dropLast() {
            parent += part + "/"
            mkdir(parent, 0o700)
        }
        let descriptor = Glibc.open(
            path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard descriptor >= 0 else {
            throw RunHistoryError(path: path, reason: String(cString: strerror(errno)))
        }
        // Another run that begins at the same moment is done in no time.
        for _ in 0..<200 {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return descriptor }
            usleep(10_000)
        }
        close(descriptor)
        throw RunHistoryError(path: path, reason: "another process has held it for two seconds")
    }

    private func lastLine(_ descriptor: Int32, _ size: off_t) -> [UInt8]? {
        guard size > 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(min(size, off_t(Self.longestLine))))
        let count = pread(descriptor, &bytes, bytes.count, size - off_t(bytes.count))
        guard count > 0 else { return nil }
        return bytes[..<count].split(separator: UInt8(ascii: "\n")).last.map(Array.init)
    }

    private func endsLine(_ descriptor: Int32, _ size: off_t) -> Bool {
        var byte: UInt8 = 0
        return pread(descriptor, &byte, 1, size - 1) == 1 && byte == UInt8(ascii: "\n")
    }

    /// All lines that can be read, where the chain is broken, and the sum of the last line.
    ///
    /// - Throws: ``RunHistoryError`` when the file is there and cannot be read.
    package func read() throws(RunHistoryError) -> (
        entries: [Entry], breaks: [Break], last: String?
    ) {
        guard access(path, F_OK) == 0 else { return ([], [], nil) }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw RunHistoryError(path: path, reason: "it cannot be read")
        }
        var entries: [Entry] = [], breaks: [Break] = []
        var previous = Self.origin
        for (index, line) in data.split(separator: UInt8(ascii: "\n")).enumerated() {
            let sum = SHA256.text(of: Array(line))
            defer { previous = sum }
            guard let entry = try? JSONDecoder().decode(Entry.self, from: Data(line)) else {
                breaks.append(Break(line: index + 1, reason: "it is no whole line of this log"))
                continue
            }
            if entry.previous != previous {
                breaks.append(
                    Break(
                        line: index + 1,
                        reason: index == 0
                            ? "lines before it were taken out"
                            : "the line before it was changed, or lines between them were taken out"))
            }
            entries.append(entry)
        }
        return (entries, breaks, data.isEmpty ? nil : previous)
    }
}

/// Why the log of runs has no line.
package struct RunHistoryError: Error, Equatable, CustomStringConvertible {
    package let path, reason: String

    package var description: String { "\(path): \(reason)" }
}
