import CPosix
import Foundation
import Glibc
import Synchronization

/// Kinds that are tried out beside a run, by `personalive swap --shadow`: one at a time for each run.
///
/// The node that is tried gets what the run's own node gets. Its pictures can be watched meanwhile.
final class Comparisons: Sendable {
    private let executable: String
    private let launcher: [String]
    /// Folders of the trials by that of their run; empty until the trial has one.
    private let trials = Mutex<[String: String]>([:])

    /// Seconds that a comparison may take at most.
    static let longest = 60.0
    /// How `swap --shadow --say-folder` begins the line that names the trial's folder.
    private static let mark = "folder: "

    init(executable: String, launcher: [String]) {
        (self.executable, self.launcher) = (executable, launcher)
    }

    /// The folder of the trial beside a run, waited for while the trial begins.
    ///
    /// - Throws: ``StudioError/missing(_:)`` when there is none.
    func folder(beside run: String) throws -> String {
        while let folder = trials.withLock({ $0[run] }) {
            if !folder.isEmpty { return folder }
            usleep(20_000)
        }
        throw StudioError.missing("nothing is compared with this run now")
    }

    /// Tries a kind in a node's place, and waits for what is found.
    ///
    /// - Parameter run: the run's folder.
    /// - Returns: what the command printed.
    /// - Throws: ``StudioError/refused(_:)`` with the reason that it printed.
    func compare(_ node: String, with kind: String, seconds: Double, beside run: String) throws
        -> String
    {
        let isFree = trials.withLock { trials in
            defer { trials[run] = trials[run] ?? "" }
            return trials[run] == nil
        }
        guard isFree else {
            throw StudioError.refused("something is compared with this run now: wait until that ends")
        }
        defer { trials.withLock { $0[run] = nil } }
        let file = posix_anonymous_file("personalive-compare", 0)
        guard file >= 0 else { throw StudioError.refused("no memory for the comparison's messages") }
        let (output, errors) = (Pipe(), FileHandle(fileDescriptor: file, closeOnDealloc: true))
        let process = Process()
        let command = launcher + [
            executable, "swap", run, "\(node)=\(kind)", "--shadow", "--say-folder", "--seconds",
            "\(seconds)",
        ]
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.standardInput = FileHandle.nullDevice
        (process.standardOutput, process.standardError) = (output, errors)
        try process.run()
        var text = ""
        while case let part = output.fileHandleForReading.availableData, !part.isEmpty {
            text += String(decoding: part, as: UTF8.self)
            let named = text.split(separator: "\n").first { $0.hasPrefix(Self.mark) }
            if let folder = named?.dropFirst(Self.mark.count) {
                trials.withLock { $0[run] = String(folder) }
            }
        }
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            lseek(file, 0, SEEK_SET)
            let reason = String(decoding: (try? errors.readToEnd()) ?? Data(), as: UTF8.self)
            throw StudioError.refused(
                reason.replacing("error: ", with: "").trimmingCharacters(in: .whitespacesAndNewlines))
        }
        return text.split(separator: "\n").filter { !$0.hasPrefix(Self.mark) }.joined(separator: "\n")
    }
}
