import Foundation
import Glibc
import Wire

/// The folder of one run's log. It stays when the run is over, until enough others have come.
package struct LogFolder: Sendable {
    package let path: String
    /// What the run is, or was, called.
    package let name: String
    /// Held while the run lives; nil of one that is only read.
    private let lock: FileLock?

    /// Logs of runs that are over are kept: so many, and so many bytes together.
    private static let (mostRuns, mostBytes) = (20, 256 << 20)
    /// A name is in the folder's own name as well, as far as a file's name may be that long.
    private static let longestName = 64

    /// Makes the folder for a run that begins, in the first place that can be had.
    init(of run: String) throws {
        let places = Self.parents
        for place in places.dropLast() {
            if let folder = try? LogFolder(of: run, in: place) {
                self = folder
                return
            }
        }
        try self.init(of: run, in: places.last!)
    }

    /// Makes the folder for a run that begins, and removes the oldest of those that are over.
    init(of run: String, in parent: String) throws {
        try PrivateFolder.make(parent)
        let turn = try FileLock("\(parent)/lock")
        defer { withExtendedLifetime(turn) {} }
        Self.sweep(parent)
        let time = RunLog.text(RunLog.now).replacing("-", with: "").replacing(":", with: "")
        let file =
            run.utf8.count <= Self.longestName ? run : String(run.prefix(Self.longestName / 4))
        (path, name) = ("\(parent)/\(time)-\(file)", run)
        guard mkdir(path, 0o700) == 0, mkdir("\(path)/nodes", 0o700) == 0 else {
            throw LaunchError.system(
                call: "mkdir(\(path))", reason: String(cString: strerror(errno)))
        }
        lock = try FileLock(NodeConfiguration.nameFile(in: path))
        try Data(run.utf8).write(to: URL(fileURLWithPath: NodeConfiguration.nameFile(in: path)))
    }

    /// A folder that is there; nil where it is none of a log.
    init?(reading path: String) {
        guard access("\(path)/nodes", R_OK) == 0, let name = RunFolder.name(of: path) else {
            return nil
        }
        (self.path, self.name, lock) = (path, name, nil)
    }

    /// Whether the run that it belongs to lives.
    package var isAlive: Bool { RunFolder.isAlive(path) }

    /// Nodes that there are lines of, sorted.
    package var nodes: [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: "\(path)/nodes")) ?? []
        return Set(files.compactMap { $0.components(separatedBy: ".log").first }).sorted()
    }

    /// Bytes of all files.
    package var size: Int {
        let files = (try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? []
        return files.reduce(0) { sum, file in
            var status = stat()
            let isFile =
                lstat("\(path)/\(file)", &status) == 0 && status.st_mode & S_IFMT == S_IFREG
            return isFile ? sum + Int(status.st_size) : sum
        }
    }

    // MARK: Finding them

    /// Where logs are: the user's state folder (XDG Base Directory Specification), or, where that
    /// cannot be written, beside the runs' sockets.
    static var parents: [String] {
        let environment = ProcessInfo.processInfo.environment
        let absolute = { (path: String?) in path.flatMap { $0.hasPrefix("/") ? $0 : nil } }
        let state =
            absolute(environment["XDG_STATE_HOME"])
            ?? absolute(environment["HOME"]).map { "\($0)/.local/state" }
        return (state.map { ["\($0)/personalive/runs"] } ?? []) + ["\(RunFolder.parent)/logs"]
    }

    /// Logs of the user's runs, the newest first.
    package static var all: [LogFolder] { parents.flatMap(all).sorted { $0.began > $1.began } }

    static func all(in parent: String) -> [LogFolder] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
        return names.compactMap { LogFolder(reading: "\(parent)/\($0)") }.sorted {
            $0.began > $1.began
        }
    }

    /// When the run began, as text in the order of time.
    package var began: String {
        String(URL(fileURLWithPath: path).lastPathComponent.prefix { $0 != "-" })
    }

    private static func sweep(_ parent: String) {
        var bytes = 0
        for (index, folder) in all(in: parent).filter({ !$0.isAlive }).enumerated() {
            bytes += folder.size
            guard index >= mostRuns - 1 || bytes > mostBytes else { continue }
            try? FileManager.default.removeItem(atPath: folder.path)
        }
    }
}
