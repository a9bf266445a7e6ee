import Foundation
import Glibc

/// The files of one run's log: `supervisor.log`, and `nodes/NAME.log` for each node.
///
/// A file that is full becomes `NAME.log.1`, whose lines are lost then. Files are opened for each
/// line, so neither a removed file nor a hundred nodes need any care.
struct LogFiles {
    let folder: String
    /// Bytes of one file; a node has two.
    var mostOfFile = 4 << 20
    /// Bytes of all nodes' files together, which grow in number when the graph changes.
    var mostOfAll = 64 << 20
    private var total = 0

    init(folder: String) { self.folder = folder }

    static func path(of node: String?, in folder: String) -> String {
        node.map { "\(folder)/nodes/\($0).log" } ?? "\(folder)/supervisor.log"
    }

    /// Adds lines, each with its end, to a node's file, or to the supervisor's own.
    mutating func append(_ lines: String, to node: String?) throws {
        let path = Self.path(of: node, in: folder)
        var file = try open(path)
        if Self.size(of: path) + lines.utf8.count > mostOfFile, Self.size(of: path) > 0 {
            close(file)
            total -= Self.size(of: path + ".1")
            rename(path, path + ".1")
            file = try open(path)
        }
        defer { close(file) }
        let bytes = Array(lines.utf8)
        guard write(file, bytes, bytes.count) == bytes.count else { throw fault("write", path) }
        total += bytes.count
        if total > mostOfAll { removeOldest(but: path) }
    }

    private func open(_ path: String) throws -> Int32 {
        let file = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw fault("open", path) }
        return file
    }

    private func fault(_ call: String, _ path: String) -> LaunchError {
        .system(call: "\(call)(\(path))", reason: String(cString: strerror(errno)))
    }

    /// Removes what was written longest ago, until there is room.
    private mutating func removeOldest(but kept: String) {
        let nodes = "\(folder)/nodes"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: nodes)) ?? []
        var files = names.map { "\(nodes)/\($0)" }.map { (path: $0, status: Self.status(of: $0)) }
        files.sort {
            ($0.status.st_mtim.tv_sec, $0.status.st_mtim.tv_nsec)
                < ($1.status.st_mtim.tv_sec, $1.status.st_mtim.tv_nsec)
        }
        total = files.reduce(0) { $0 + Int($1.status.st_size) }
        for file in files where total > mostOfAll && file.path != kept {
            unlink(file.path)
            total -= Int(file.status.st_size)
        }
    }

    private static func status(of path: String) -> stat {
        var status = stat()
        return lstat(path, &status) == 0 ? status : stat()
    }

    private static func size(of path: String) -> Int { Int(status(of: path).st_size) }
}
