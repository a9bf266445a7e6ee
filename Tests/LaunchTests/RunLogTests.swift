import Foundation
import Glibc
import Testing

@testable import Launch

/// Files of logs, in a folder of their own.
@Suite final class RunLogTests {
    private let parent = "/tmp/pl-logs-\(String(UInt32.random(in: 0 ... .max), radix: 36))"

    deinit { try? FileManager.default.removeItem(atPath: parent) }

    private func files() throws -> LogFiles {
        try PrivateFolder.make("\(parent)/nodes")
        return LogFiles(folder: parent)
    }

    private func text(_ file: String) -> String? {
        (try? String(contentsOfFile: "\(parent)/\(file)", encoding: .utf8))
    }

    private func mode(_ path: String) -> mode_t {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode & 0o777 : 0
    }

    // MARK: Lines

    private static let time = timespec(tv_sec: 1_796_038_640, tv_nsec: 123_456_789)

    @Test(arguments: [
        (
            "decoder" as String?, PrintedLine.Stream.stdout,
            "2026-11-30T11:37:20.123Z decoder~1 stdout x"
        ),
        ("decoder~2", .stderr, "2026-11-30T11:37:20.123Z decoder~2 stderr x"),
        ("decoder~12", .warning, "2026-11-30T11:37:20.123Z decoder~12 warning x"),
        (nil, .note, "2026-11-30T11:37:20.123Z supervisor note x"),
    ])
    func `a line has its time, its process and its stream`(
        process: String?, stream: PrintedLine.Stream, line: String
    ) {
        #expect(RunLog.lines(PrintedLine(stream, "x"), of: process, at: Self.time) == line + "\n")
    }

    @Test func `each line of a text is a line of its own`() {
        let lines = RunLog.lines(PrintedLine(.warning, "a\nb"), of: "n", at: Self.time)

        let head = "2026-11-30T11:37:20.123Z n~1 warning "
        #expect(lines == "\(head)a\n\(head)b\n")
    }

    @Test func `a line that is too long is cut, and says by how much`() {
        let line = RunLog.lines(
            PrintedLine(.stdout, String(repeating: "x", count: 5000)), of: "n", at: Self.time)

        #expect(line.utf8.count < 4200)
        #expect(line.hasSuffix("x … 904 bytes more\n"))
    }

    // MARK: Files

    @Test func `a full file becomes the older one of two`() throws {
        var files = try files()
        files.mostOfFile = 10

        for line in ["1111\n", "2222\n", "3333\n", "4444\n", "5555\n"] {
            try files.append(line, to: "n")
        }

        #expect(text("nodes/n.log") == "5555\n")
        #expect(text("nodes/n.log.1") == "3333\n4444\n")
        #expect(mode("\(parent)/nodes/n.log") == 0o600)
    }

    @Test func `all files together have a bound, and what was written longest ago goes`() throws {
        var files = try files()
        (files.mostOfFile, files.mostOfAll) = (100, 300)
        let line = String(repeating: "x", count: 49) + "\n"

        for node in 0..<40 {
            for _ in 0..<4 { try files.append(line, to: "n\(node)") }
            // Files are told apart by the kernel's clock, which stands still for some milliseconds.
            usleep(5_000)
        }

        let names = try FileManager.default.contentsOfDirectory(atPath: "\(parent)/nodes")
        let sizes = try names.map {
            try Data(contentsOf: URL(fileURLWithPath: "\(parent)/nodes/\($0)")).count
        }
        #expect(sizes.reduce(0, +) <= 300)
        #expect(Set(names).isSuperset(of: ["n39.log", "n39.log.1"]), "\(names)")
    }

    @Test func `a log that cannot be written says why, once`() throws {
        let log = try RunLog(in: LogFolder(of: "r", in: "\(parent)/runs"))
        try FileManager.default.removeItem(atPath: log.folder.path)

        log.note("a")
        log.note("b")
        log.flush()

        let fault = log.takeFault()
        #expect(
            fault?.contains("supervisor.log): No such file or directory") ?? false,
            "\(fault ?? "")")
        #expect(log.takeFault() == nil)
    }

    // MARK: Folders

    @Test func `logs are their user's alone, and alive until their run is over`() throws {
        let log = try RunLog(in: LogFolder(of: "r", in: "\(parent)/runs"), nodes: ["a", "b"])
        log.write(PrintedLine(.stdout, "x"), of: "a")
        log.flush()

        let found = try #require(LogFolder.all(in: "\(parent)/runs").first)
        #expect(found.name == "r" && found.isAlive && found.nodes == ["a", "b"])
        for folder in [parent, "\(parent)/runs", found.path, "\(found.path)/nodes"] {
            #expect(mode(folder) == 0o700)
        }
        for file in ["name", "nodes/a.log"] { #expect(mode("\(found.path)/\(file)") == 0o600) }
    }

    @Test func `the last runs' logs are kept, and of those that live all`() throws {
        let place = "\(parent)/runs"
        let alive = try LogFolder(of: "alive", in: place)
        for number in 0..<30 {
            _ = try LogFolder(of: "run-\(number)", in: place)
            usleep(2_000)
        }

        let names = LogFolder.all(in: place).map(\.name)

        withExtendedLifetime(alive) {}
        #expect(names == (10..<30).reversed().map { "run-\($0)" } + ["alive"])
    }

    @Test func `a long name fits a folder's, and is known in full`() throws {
        let name = String(repeating: "ü", count: 300)

        let folder = try LogFolder(of: name, in: "\(parent)/runs")

        #expect(LogFolder(reading: folder.path)?.name == name)
    }

    // MARK: Reading

    @Test func `a reader goes on over every change of files`() throws {
        var files = try files()
        files.mostOfFile = 100
        let tail = LogTail("\(parent)/nodes/n.log")
        var read: [String] = []

        for number in 0..<500 {
            try files.append("\(1000 + number) n~1 stdout \(number)\n", to: "n")
            if number % 3 == 0 { read += tail.read() }
        }
        read += tail.read()

        #expect(read == (0..<500).map { "\(1000 + $0) n~1 stdout \($0)" })
    }

    @Test func `a reader that is too slow says that lines are missing`() throws {
        var files = try files()
        files.mostOfFile = 100
        let tail = LogTail("\(parent)/nodes/n.log")

        try files.append("1000 n~1 stdout 0\n", to: "n")
        let before = tail.read()
        for number in 1..<50 {
            try files.append("\(1000 + number) n~1 stdout \(number)\n", to: "n")
        }
        let after = tail.read()

        #expect(before == ["1000 n~1 stdout 0"])
        // What is left of the file that it has open comes first, then what the two newest have.
        #expect(after.prefix(4) == (1...4).map { "100\($0) n~1 stdout \($0)" }[...])
        #expect(
            after[4]
                == "1004 n note … lines are missing here: they were removed before they were read")
        #expect(after.dropFirst(5).first == "1040 n~1 stdout 40", "\(after)")
        #expect(after.last == "1049 n~1 stdout 49")
    }

    @Test func `half a line is not read`() throws {
        var files = try files()
        let tail = LogTail("\(parent)/nodes/n.log")

        try files.append("1 n~1 stdout a\n2 n~1 st", to: "n")
        let before = tail.read()
        try files.append("dout b\n", to: "n")

        #expect(before == ["1 n~1 stdout a"])
        #expect(tail.read() == ["2 n~1 stdout b"])
    }

    @Test func `lines of several nodes are in the order of time, and a node's are its own`() throws
    {
        let log = try RunLog(in: LogFolder(of: "r", in: "\(parent)/runs"), nodes: ["a", "b"])
        for number in 0..<9 {
            log.write(PrintedLine(.stdout, "\(number)"), of: ["a", "b~2"][number % 2])
            usleep(2_000)
        }
        log.note("node 'b' was started again")
        log.flush()
        let folder = try #require(LogFolder.all(in: "\(parent)/runs").first)

        let all = LogReader(folder).lines().map { $0.split(separator: " ").last.map(String.init) }
        let own = LogReader(folder, node: "b").lines()

        #expect(all == (0..<9).map { "\($0)" } + ["again"])
        #expect(
            own.map { $0.split(separator: " ")[1] } == ["b~2", "b~2", "b~2", "b~2", "supervisor"])
    }

    // MARK: What a process prints

    /// What is read of a stream into which this is written.
    private func lines(_ writes: [[UInt8]], thenEnd ends: Bool = true) -> [String] {
        var pipe: [Int32] = [0, 0]
        #expect(Glibc.pipe(&pipe) == 0)
        var stream = LineStream(.stderr, pipe[0]), lines: [PrintedLine] = []
        for bytes in writes {
            _ = bytes.withUnsafeBytes { write(pipe[1], $0.baseAddress!, $0.count) }
            lines += stream.read()
        }
        close(pipe[1])
        if ends { lines += stream.read() }
        close(pipe[0])
        #expect(lines.allSatisfy { $0.stream == .stderr })
        return lines.map(\.text)
    }

    @Test func `a character that comes in two parts is whole`() {
        #expect(lines([Array("gr".utf8) + [0xC3], [0xBC] + Array("n\n".utf8)]) == ["grün"])
    }

    @Test func `the last line needs no end, and one that never ends is cut`() {
        #expect(lines([Array("a\nb".utf8)]) == ["a", "b"])
        let long = [UInt8](repeating: 0x78, count: 33 << 10)
        #expect(lines([long, long], thenEnd: false).map(\.utf8.count) == [66 << 10])
    }
}
