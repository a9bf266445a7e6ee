import CPosix
import Glibc

/// A program that says something and ends: what it printed, and how it ended.
final class ShortCommand {
    struct Outcome {
        /// Exit code, or minus a signal.
        let status: Int32
        let output: String
        let errors: String
    }

    private let name: String
    private let process: ChildProcess
    private let seconds: Double
    private let deadline: Int64
    private var output: [UInt8] = []
    private var errors: [String] = []

    /// Starts a program. Its standard input is empty unless `input` is a file to read it from, which
    /// is passed on before this returns.
    init(
        _ arguments: [String], input: Int32 = -1, environment: [String: String] = [:], seconds: Double
    ) throws {
        (name, self.seconds) = (arguments[0], seconds)
        deadline = posix_monotonic_ns() + Int64(seconds * 1e9)
        process = try ChildProcess(arguments, talks: true, environment: environment)
        if input >= 0 { Self.copy(input, to: process.lifeline) }
        process.cutLifeline()
        _ = fcntl(process.answers, F_SETFL, O_NONBLOCK)
    }

    /// How it ended; nil while it runs. Does not wait.
    ///
    /// - Throws: ``LaunchError`` when it has not ended in its time.
    func poll() throws -> Outcome? {
        let isOver = process.reap() || process.status != nil
        output += Self.available(process.answers)
        errors += process.readLines().map(\.text)
        if isOver {
            return Outcome(
                status: process.status ?? 0, output: String(decoding: output, as: UTF8.self),
                errors: errors.joined(separator: "\n"))
        }
        guard posix_monotonic_ns() < deadline else {
            kill()
            throw LaunchError.cannotStart(
                program: name, reason: "it did not end within \(seconds) s")
        }
        return nil
    }

    /// Ends it, and all that it started.
    func kill() { process.killGroup() }

    /// Runs a program to its end, or for so long.
    static func run(_ arguments: [String], input: Int32 = -1, seconds: Double) throws -> Outcome {
        let command = try ShortCommand(arguments, input: input, seconds: seconds)
        while true {
            if let outcome = try command.poll() { return outcome }
            usleep(10_000)
        }
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
                let written = buffer.withUnsafeBytes {
                    write(output, $0.baseAddress! + done, count - done)
                }
                guard written > 0 else { return }
                done += written
            }
        }
    }
}
