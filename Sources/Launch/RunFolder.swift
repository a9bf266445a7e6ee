import Foundation
import Glibc

/// The folder of one run's sockets: only its user may enter, and it goes when the run ends.
package struct RunFolder: Sendable {
    /// Whose sockets are in a folder.
    package enum Owner: String, CaseIterable {
        case supervisor = ""
        /// What serves a supervisor on another machine; nobody looks for runs there.
        case agent = "agent-"
        /// What stands between a plugin and other machines.
        case relay = "relay-"
        /// What is packed for another machine.
        case installation = "install-"
        /// What only tries or measures something, and is no run that a user would mean.
        case trial = "trial-"
    }

    package let path: String

    /// Makes a fresh folder for a run, after clearing away those of runs that no longer live.
    package init() throws { try self.init(for: .supervisor) }

    package init(for owner: Owner) throws {
        let parent = Self.parent
        if mkdir(parent, 0o700) != 0, errno != EEXIST {
            throw LaunchError.system(
                call: "mkdir(\(parent))", reason: String(cString: strerror(errno)))
        }
        guard Self.isOurs(parent, privately: true) else { throw LaunchError.notOurs(folder: parent) }
        Self.sweep(parent)
        path = "\(parent)/\(owner.rawValue)\(getpid())-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        guard mkdir(path, 0o700) == 0 else {
            throw LaunchError.system(
                call: "mkdir(\(path))", reason: String(cString: strerror(errno)))
        }
    }

    /// Whether a folder, not a link to one, belongs to this user, and to nobody else besides.
    private static func isOurs(_ path: String, privately: Bool) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
            && status.st_uid == getuid() && (!privately || status.st_mode & 0o077 == 0)
    }

    package func remove() { try? FileManager.default.removeItem(atPath: path) }

    /// The user's own runtime folder, or one under /tmp. A socket's path must stay under 108 bytes,
    /// of which the names of run and node take up to 74.
    private static var parent: String {
        if let folder = ProcessInfo.processInfo.environment["XDG_RUNTIME_DIR"],
            folder.utf8.count < 34, isOurs(folder, privately: false), access(folder, W_OK) == 0
        {
            return "\(folder)/personalive"
        }
        return "/tmp/personalive-\(getuid())"
    }

    /// Folders of the user's runs that live, the one that began last first.
    static var all: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
        let folders = names.filter(isAlive).map { "\(parent)/\($0)" }
        return folders.map { (path: $0, began: began($0)) }.sorted { $0.began > $1.began }
            .map(\.path)
    }

    /// Whether the supervisor that a folder is named after still runs.
    private static func isAlive(_ name: String) -> Bool {
        guard let process = name.split(separator: "-").first.flatMap({ Int32($0) }) else {
            return false
        }
        return kill(process, 0) == 0 || errno != ESRCH
    }

    /// Whether a folder is one of a run whose supervisor is gone.
    static func isLeft(_ folder: String) -> Bool {
        let name = (folder as NSString).lastPathComponent
        return name.split(separator: "-").first.flatMap { Int32($0) } != nil && !isAlive(name)
    }

    /// Nanoseconds at which the run's control socket was made.
    private static func began(_ folder: String) -> Int64 {
        var status = stat()
        guard stat("\(folder)/control.sock", &status) == 0 else { return 0 }
        return Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
    }

    private static func sweep(_ parent: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? [] {
            let run = Owner.allCases.reduce(name[...]) { $0.trimmingPrefix($1.rawValue) }
            guard run.first?.isNumber ?? false, !isAlive(String(run)) else { continue }
            try? FileManager.default.removeItem(atPath: "\(parent)/\(name)")
        }
    }
}
