import Foundation

/// Where, when and of what figures were measured: without it a figure says nothing.
struct BenchStamp: Codable, Equatable {
    struct Machine: Codable, Equatable {
        var processor: String
        var cores: Int
        /// Vector instructions, as Linux names them.
        var vectors: [String]
    }

    /// Mean of a minute before and after the measurement: above the number of cores, times are those
    /// of a busy machine. -1 where the machine does not say.
    struct Load: Codable, Equatable {
        var before, after: Double
    }

    var machine: Machine
    /// Of the checkout that the program lies in, `-dirty` behind it where files differ from it;
    /// "unknown" outside one.
    var commit: String
    /// When the measurement began, as ISO 8601 in UTC.
    var date: String
    var load: Load

    /// Of this machine and moment.
    static func now() -> BenchStamp {
        let load = ThisMachine.load
        return BenchStamp(
            machine: Machine(
                processor: ThisMachine.processor, cores: ThisMachine.cores,
                vectors: ThisMachine.vectors),
            commit: commit(of: MeasuredProgram.ownFolder),
            date: Date.now.formatted(.iso8601), load: Load(before: load, after: load))
    }

    /// One line before a measurement: processor, cores, the widest vectors, commit, date, load.
    var text: String {
        let width = ["avx512f", "avx2", "avx", "sve", "asimd"].first(
            where: machine.vectors.contains)
        let parts = [
            machine.processor, "\(machine.cores) cores", width, "commit \(commit)", date,
            "load \(load.before.formatted())",
        ]
        return parts.compactMap { $0 }.joined(separator: ", ")
    }

    /// The commit of the checkout that a folder is in.
    static func commit(of folder: String) -> String {
        git(["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"], in: folder)
            ?? "unknown"
    }

    /// What git prints in a folder; nil when there is no git or no checkout.
    private static func git(_ words: [String], in folder: String) -> String? {
        let (process, output) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["git", "-C", folder] + words
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let text = String(decoding: data, as: UTF8.self).trimmingCharacters(
            in: .whitespacesAndNewlines)
        return process.terminationStatus == 0 && !text.isEmpty ? text : nil
    }
}
