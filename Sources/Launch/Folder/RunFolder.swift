import Foundation
import Glibc
import Wire

/// The folder of one run's sockets: only its user may enter, and it goes when the run ends.
///
/// It is alive as long as the process that made it holds the lock of the file in it.
package struct RunFolder: Sendable {
    /// Whose sockets are in a folder: what its name begins with.
    package enum Owner: String, CaseIterable {
        case supervisor = "run-"
        /// Serves a supervisor on another machine; other commands do not list it.
        case agent = "agent-"
        /// Is packed for another machine.
        case installation = "install-"
        /// Only tries or measures something, and is no run that a user would mean.
        case trial = "trial-"
    }

    package let path: String
    /// What other commands call the run; nil of what is no run that a user would mean.
    package let name: String?
    /// Held as long as the folder is in use.
    private let lock: FileLock

    /// Makes the folder of a run whose name no other run of its user has.
    ///
    /// - Parameters:
    ///   - wish: what the run is to be called.
    ///   - isGiven: whether a person chose the name; another one gets a number where it is taken.
    package init(named wish: String, isGiven: Bool) throws {
        try self.init(.supervisor, in: Self.parent) {
            let taken = Set(Self.all.compactMap(Self.name))
            if isGiven, taken.contains(wish) { throw LaunchError.nameTaken(wish) }
            let numbered = (2...).lazy.map { "\(wish)-\($0)" }
            return taken.contains(wish) ? numbered.first { !taken.contains($0) } : wish
        }
    }

    /// Makes a fresh folder.
    package init(for owner: Owner) throws { try self.init(owner, in: Self.parent) }

    /// Makes a folder, and clears away those whose locks are free.
    init(_ owner: Owner, in parent: String, name: () throws -> String? = { nil }) throws {
        try PrivateFolder.make(parent)
        // Held until the new folder has its lock: runs that begin at once see each other.
        let turn = try FileLock(folder: parent)
        defer { withExtendedLifetime(turn) {} }
        Self.sweep(parent)
        self.name = try name()
        path = "\(parent)/\(owner.rawValue)\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        guard mkdir(path, 0o700) == 0 else {
            throw LaunchError.system(
                call: "mkdir(\(path))", reason: String(cString: strerror(errno)))
        }
        let file = NodeConfiguration.nameFile(in: path)
        lock = try FileLock(file)
        try Data((self.name ?? "").utf8).write(to: URL(fileURLWithPath: file))
    }

    /// What the run of a folder is called; nil where it has no name.
    static func name(of folder: String) -> String? {
        let file = NodeConfiguration.nameFile(in: folder)
        guard let name = FileManager.default.contents(atPath: file), !name.isEmpty else {
            return nil
        }
        return String(decoding: name, as: UTF8.self)
    }

    package func remove() {
        withExtendedLifetime(lock) { try? FileManager.default.removeItem(atPath: path) }
    }

    /// The user's own runtime folder, or one under /tmp. A socket's path must stay under 108 bytes,
    /// of which the names of run and node take up to 74.
    static var parent: String {
        if let folder = ProcessInfo.processInfo.environment["XDG_RUNTIME_DIR"],
            folder.utf8.count < 34, PrivateFolder.isOurs(folder, privately: false),
            access(folder, W_OK) == 0
        {
            return "\(folder)/personalive"
        }
        return "/tmp/personalive-\(getuid())"
    }

    /// A file of the studio at a port, in the same place: only its user may read it.
    package static func studioFile(_ port: UInt16, _ ending: String) throws -> String {
        try PrivateFolder.make(parent)
        return "\(parent)/studio-\(port).\(ending)"
    }

    /// Folders of the user's runs that live, the one that began last first.
    static var all: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
        return names.filter { $0.hasPrefix(Owner.supervisor.rawValue) }.map { "\(parent)/\($0)" }
            .filter(isAlive).map { (path: $0, began: began($0)) }
            .sorted { $0.began > $1.began }.map(\.path)
    }

    /// Whether the process that made a folder still holds it.
    package static func isAlive(_ folder: String) -> Bool {
        FileLock.isHeld(NodeConfiguration.nameFile(in: folder))
    }

    /// Nanoseconds at which the run's control socket was made.
    private static func began(_ folder: String) -> Int64 {
        var status = stat()
        guard stat("\(folder)/control.sock", &status) == 0 else { return 0 }
        return Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
    }

    private static func sweep(_ parent: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
        where Owner.allCases.contains(where: { name.hasPrefix($0.rawValue) }) {
            let folder = "\(parent)/\(name)"
            if !isAlive(folder) { try? FileManager.default.removeItem(atPath: folder) }
        }
    }
}
