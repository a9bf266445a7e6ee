import CPosix
import Glibc

/// A program that says something and ends: what it printed, and how it ended.
enum ShortCommand {
    struct Outcome {
        /// Exit code, or minus a signal.
        let status: Int32
        let output: String
        let errors: String
    }

    /// Runs a program to its end, or for so long. Its standard input is empty unless `input` is a file
    /// to read it from.
    static func run(_ arguments: [String], input: Int32 = -1, seconds: Double) throws -> Outcome {
        let process = try ChildProcess(arguments, talks: true)
        if input >= 0 { copy(input, to: process.lifeline) }
        process.cutLifeline()
        let deadline = posix_monotonic_ns() + Int64(seconds * 1e9)
        var output: [UInt8] = []
        var errors: [String] = []
        _ = fcntl(process.answers, F_SETFL, O_NONBLOCK)
        while true {
            let isOver = process.reap() || process.status != nil
            output += available(process.answers)
            errors += process.readLines().map(\.text)
            if isOver { break }
            guard posix_monotonic_ns() < deadline else {
                process.killGroup()
                throw LaunchError.cannotStart(
                    program: arguments[0], reason: "it did not end within \(seconds) s")
            }
            var items = ([process.answers] + process.outputs).map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            _ = poll(&items, nfds_t(items.count), 20)
            // An ended stream is always ready.
            usleep(2000)
        }
        return Outcome(
            status: process.status ?? 0, output: String(decoding: output, as: UTF8.self),
            errors: errors.joined(separator: "\n"))
    }

    /// What can be read now, or up to the end of a file.
    static func available(_ descriptor: Int32) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while case let count = read(descriptor, &buffer, buffer.count), count > 0 {
            bytes += buffer[..<count]
        }
        return bytes
    }

    private static func copy(_ input: Int32, to output: Int32) {
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        while case let count = read(input, &buffer, buffer.count), count > 0 {
            var done = 0
            while done < count {
                let written = buffer.withUnsafeBytes { write(output, $0.baseAddress! + done, count - done) }
                guard written > 0 else { return }
                done += written
            }
        }
    }
}
