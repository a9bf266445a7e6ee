import Glibc

/// Where a path leads: to a file that is there, or to the name that one would have.
///
/// Links are followed, those to nothing too. Two places are equal if a file written to one of them
/// would be seen at the other: same device and inode, or the same name in the same folder.
package struct FilePlace: Hashable, Sendable {
    package enum Kind: Sendable {
        case nothing, file, folder, pipe, characterDevice, blockDevice, socket
        /// A process's own open file, such as `/dev/stdout`: another process finds another one there.
        case descriptor
    }

    /// Why a path leads nowhere.
    package enum Fault: Error, Equatable {
        case noFolder(String)
        case system(reason: String)
    }

    /// The whole path, with no links in it.
    package let path: String
    package let kind: Kind
    private let identity: Identity

    private struct Identity: Hashable {
        let device, inode: UInt64
        /// Empty for what is there; else the name in the folder of that inode.
        let name: String
    }

    package init(_ path: String) throws(Fault) {
        var next = path
        while next.count > 1, next.hasSuffix("/") { next.removeLast() }
        // As many links as the kernel follows.
        for _ in 0..<40 {
            if let found = try Self.existing(next) {
                self = found
                return
            }
            guard let link = Self.link(at: next) else {
                self = try Self.absent(next)
                return
            }
            next = link.hasPrefix("/") ? link : Self.parent(of: next) + "/" + link
        }
        throw .system(reason: String(cString: strerror(ELOOP)))
    }

    private init(_ path: String, _ kind: Kind, _ status: stat, name: String = "") {
        (self.path, self.kind) = (path, kind)
        identity = Identity(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), name: name)
    }

    package static func == (a: FilePlace, b: FilePlace) -> Bool { a.identity == b.identity }
    package func hash(into hasher: inout Hasher) { hasher.combine(identity) }

    private static func existing(_ path: String) throws(Fault) -> FilePlace? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            guard errno == ENOENT || errno == ENOTDIR else {
                throw .system(reason: String(cString: strerror(errno)))
            }
            return nil
        }
        guard let whole = realpath(path, nil) else { return FilePlace(path, .descriptor, status) }
        defer { Glibc.free(whole) }
        let real = String(cString: whole)
        let isOpenFile = real.hasPrefix("/proc/") || names.contains { path.hasPrefix($0) }
        return FilePlace(real, isOpenFile ? .descriptor : kind(status), status)
    }

    /// What leads to a file that the process has open.
    private static let names = ["/dev/std", "/dev/fd/", "/proc/"]

    private static func absent(_ path: String) throws(Fault) -> FilePlace {
        let folder = parent(of: path)
        var status = stat()
        guard stat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR,
            let whole = realpath(folder, nil)
        else { throw .noFolder(folder) }
        defer { Glibc.free(whole) }
        let (real, name) = (String(cString: whole), lastName(of: path))
        return FilePlace((real == "/" ? "" : real) + "/" + name, .nothing, status, name: name)
    }

    private static func kind(_ status: stat) -> Kind {
        switch status.st_mode & S_IFMT {
        case S_IFREG: .file
        case S_IFDIR: .folder
        case S_IFIFO: .pipe
        case S_IFCHR: .characterDevice
        case S_IFBLK: .blockDevice
        default: .socket
        }
    }

    private static func link(at path: String) -> String? {
        var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = bytes.withUnsafeMutableBytes { readlink(path, $0.baseAddress!, $0.count) }
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}

extension FilePlace {
    /// The folder of a path, as the path has it: `.` for a plain name.
    package static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    package static func lastName(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
    }

    package var folder: String { Self.parent(of: path) }
    package var name: String { Self.lastName(of: path) }

    /// Bytes of what is there.
    package var size: Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    /// The folders that it lies in, from the nearest to the root.
    package var folders: [FilePlace] {
        var found: [FilePlace] = []
        var rest = path
        while rest != "/" {
            rest = Self.parent(of: rest)
            guard let place = try? FilePlace(rest) else { break }
            found.append(place)
        }
        return found
    }

    /// Why nothing may be written here, in the place of what may be there; nil when it may.
    package var obstacle: String? {
        switch kind {
        case .pipe, .characterDevice:
            return access(path, W_OK) == 0 ? nil : String(cString: strerror(errno))
        case .folder: return "it is a folder"
        case .blockDevice: return "it is a disk, and all that is on it would be lost"
        case .socket: return "it is a socket"
        case .descriptor:
            return "each node is a process of its own, so no program would get it there; make a pipe "
                + "('mkfifo film.mp4') and let the program read that"
        case .nothing, .file: break
        }
        guard access(folder, W_OK | X_OK) == 0 else {
            let reason = String(cString: strerror(errno))
            return "in its folder \(folder) nothing may be written (\(reason))"
        }
        guard kind == .file else { return nil }
        guard access(path, W_OK) == 0 else { return "it is write-protected" }
        return isProtectedByFolder ? "\(folder) lets only the file's owner replace it" : nil
    }

    /// Why no folder of files may be put here; nil when one may.
    package var folderObstacle: String? {
        guard kind == .folder || kind == .nothing else { return "it is no folder" }
        guard access(folder, W_OK | X_OK) == 0 else {
            let reason = String(cString: strerror(errno))
            return "in its folder \(folder) nothing may be written (\(reason))"
        }
        guard kind == .folder, !Self.isEmpty(path) else { return nil }
        return "there are files in it: a folder of pictures has to be new or empty"
    }

    private static func isEmpty(_ folder: String) -> Bool {
        guard let stream = opendir(folder) else { return false }
        defer { closedir(stream) }
        // The folder itself and the one above it are listed too.
        return (0..<3).count { _ in readdir(stream) != nil } < 3
    }

    /// In folders such as /tmp only its owner may replace a file.
    private var isProtectedByFolder: Bool {
        var (file, parent) = (stat(), stat())
        guard stat(path, &file) == 0, stat(folder, &parent) == 0 else { return false }
        let user = geteuid()
        return parent.st_mode & S_ISVTX != 0 && ![file.st_uid, parent.st_uid, 0].contains(user)
    }
}

extension FilePlace.Fault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noFolder(let folder): "there is no folder \(folder)"
        case .system(let reason): reason
        }
    }
}
