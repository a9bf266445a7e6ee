import Foundation
import Glibc
import Wire

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
    /// What other commands call the run; nil of what is no run that a user would mean.
    package let name: String?

    /// Makes the folder of a run, which no other one of its user is called like.
    ///
    /// - Parameters:
    ///   - wish: what the run is to be called.
    ///   - isGiven: whether a person chose the name; another one gets a number where it is taken.
    package init(named wish: String, isGiven: Bool) throws {
        try Self.makeParent()
        // Held until the folder is there, so that two runs that begin at once see each other.
        let turn = try Self.locked(Self.parent, O_RDONLY | O_DIRECTORY)
        defer { close(turn) }
        let taken = Set(Self.all.compactMap(Self.name))
        if isGiven, taken.contains(wish) { throw LaunchError.nameTaken(wish) }
        var free = wish, number = 1
        while taken.contains(free) {
            number += 1
            free = "\(wish)-\(number)"
        }
        (path, name) = (try Self.make(.supervisor), free)
        let file = NodeConfiguration.nameFile(in: path)
        // Held as long as this process lives: the kernel lets go of it, whatever becomes of us.
        _ = try Self.locked(file)
        try Data(free.utf8).write(to: URL(fileURLWithPath: file))
    }

    /// Makes a fresh folder, after clearing away those of runs that no longer live.
    package init(for owner: Owner) throws {
        try Self.makeParent()
        (path, name) = (try Self.make(owner), nil)
    }

    private static func makeParent() throws {
        if mkdir(parent, 0o700) != 0, errno != EEXIST {
            throw LaunchError.system(
                call: "mkdir(\(parent))", reason: String(cString: strerror(errno)))
        }
        guard Self.isOurs(parent, privately: true) else { throw LaunchError.notOurs(folder: parent) }
        Self.sweep(parent)
    }

    private static func make(_ owner: Owner) throws -> String {
        let path = "\(parent)/\(owner.rawValue)\(getpid())-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        guard mkdir(path, 0o700) == 0 else {
            throw LaunchError.system(
                call: "mkdir(\(path))", reason: String(cString: strerror(errno)))
        }
        return path
    }

    /// What the run of a folder is called; nil where it has not said so yet.
    static func name(of folder: String) -> String? {
        FileManager.default.contents(atPath: NodeConfiguration.nameFile(in: folder)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A descriptor that has a file or folder locked, once no other has.
    private static func locked(_ path: String, _ flags: Int32 = O_RDWR | O_CREAT) throws -> Int32 {
        let descriptor = open(path, flags | O_CLOEXEC, 0o600)
        guard descriptor >= 0, flock(descriptor, LOCK_EX) == 0 else {
            throw LaunchError.system(call: "flock(\(path))", reason: String(cString: strerror(errno)))
        }
        return descriptor
    }

    /// Whether the run of a folder holds its name: another process may have its number by now.
    private static func holdsName(_ folder: String) -> Bool {
        let descriptor = open(NodeConfiguration.nameFile(in: folder), O_RDONLY | O_CLOEXEC)
        // One that is about to write it.
        guard descriptor >= 0 else { return true }
        defer { close(descriptor) }
        return flock(descriptor, LOCK_SH | LOCK_NB) != 0
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
        let folders = names.filter(isAlive).map { "\(parent)/\($0)" }.filter(holdsName)
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
        let name = URL(fileURLWithPath: folder).lastPathComponent
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
