import Foundation
import Testing

@testable import Marks

/// The log of runs only grows, and shows when something was done to it.
struct RunHistoryTests {
    private let folder = NSTemporaryDirectory() + "history-\(UUID().uuidString)"
    private var path: String { folder + "/state/history.jsonl" }
    private var history: RunHistory { RunHistory(path) }

    private func done() { try? FileManager.default.removeItem(atPath: folder) }

    private func append(_ runs: String...) throws {
        for run in runs {
            try history.append(
                run: run, event: "begin", graph: SHA256.text(of: Array(run.utf8)),
                pictures: [.init(node: "portrait", sha256: "ab", consent: nil)])
        }
    }

    private var lines: [String] {
        get throws {
            try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
        }
    }

    private func rewrite(_ lines: [String], end: String = "\n") throws {
        try Data((lines.joined(separator: "\n") + end).utf8).write(to: URL(fileURLWithPath: path))
    }

    @Test func `each line holds the sum of the one before`() throws {
        defer { done() }
        try append("a", "b", "c")

        let log = try history.read()

        #expect(log.entries.map(\.run) == ["a", "b", "c"] && log.breaks == [])
        #expect(log.entries[0].previous == String(repeating: "0", count: 64))
        #expect(try log.entries[2].previous == SHA256.text(of: Array(lines[1].utf8)))
        #expect(try log.last == SHA256.text(of: Array(lines[2].utf8)))
        #expect(log.entries[1].pictures == [.init(node: "portrait", sha256: "ab", consent: nil)])
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test func `what was changed, taken out or put in breaks the chain there`() throws {
        defer { done() }
        try append("a", "b", "c", "d")
        let whole = try lines

        try rewrite([whole[0], whole[1].replacing("\"b\"", with: "\"x\""), whole[2], whole[3]])
        let changed = try history.read()
        try rewrite([whole[0], whole[2], whole[3]])
        let without = try history.read()
        try rewrite(Array(whole[1...]))
        let headless = try history.read()
        try rewrite(Array(whole[..<3]))
        let cut = try history.read()

        #expect(changed.breaks.map(\.line) == [3] && changed.entries.count == 4)
        #expect(without.breaks.map(\.line) == [2])
        #expect(headless.breaks == [.init(line: 1, reason: "lines before it were taken out")])
        // Only the last sum, noted elsewhere, shows it.
        #expect(cut.breaks == [] && cut.last != SHA256.text(of: Array(whole[3].utf8)))
    }

    @Test func `half a line is named, and the log goes on behind it`() throws {
        defer { done() }
        try append("a", "b")
        let whole = try lines
        try rewrite([whole[0], String(whole[1].prefix(20))], end: "")

        try append("c")
        let log = try history.read()

        #expect(log.entries.map(\.run) == ["a", "c"])
        #expect(log.breaks.map(\.line) == [2], "the line behind it holds its sum")
    }

    @Test func `runs that begin at once each have a line, and the chain holds`() async throws {
        defer { done() }
        try append("first")
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<20 { group.addTask { try? append("\(number)") } }
        }

        let log = try history.read()

        #expect(log.entries.count == 21 && log.breaks == [])
    }

    @Test func `a full disk and a folder that is a file are named, and the log stays whole`() throws {
        defer { done() }
        try append("a")
        #expect(throws: RunHistoryError.self) {
            try RunHistory(path + "/below").append(run: "b", event: "begin", graph: "", pictures: [])
        }
        let disk = folder + "/disk"
        try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
        // Only root may mount.
        guard mount("tmpfs", disk, "tmpfs", 0, "size=4k") == 0 else { return }
        defer { umount(disk) }
        let small = RunHistory(disk + "/history.jsonl")
        var error: RunHistoryError?
        for number in 0..<40 where error == nil {
            do {
                try small.append(
                    run: "\(number)", event: "begin", graph: SHA256.text(of: []), pictures: [])
            } catch let fault { error = fault }
        }

        #expect(error?.reason == "the disk is full" || error?.reason == "No space left on device")
        let log = try small.read()
        #expect(log.breaks == [] && log.entries.count > 3)
    }

    @Test func `a log that was never begun is empty`() throws {
        #expect(try RunHistory("/nothing/here").read().entries == [])
    }

    @Test func `it is in the user's state folder`() {
        func path(_ variables: [String: String]) -> String? { RunHistory.path { variables[$0] } }

        #expect(path(["XDG_STATE_HOME": "/s"]) == "/s/personalive/run-history.jsonl")
        #expect(path(["HOME": "/h"]) == "/h/.local/state/personalive/run-history.jsonl")
        #expect(path([:]) == nil)
    }
}
