import CPosix
import Glibc

/// A file in the making: beside its target under a name that no other process uses, and in the
/// target's place in one step at the end.
///
/// The kernel holds a lock on it for as long as its process lives, so that a second run with the same
/// target is refused by name, whatever becomes of the first. A process that takes over from one of the
/// same `owner` finds the draft of that one; nobody else's is ever written to or removed.
package final class Draft {
    package let target: FilePlace
    package let path: String
    /// Drafts of the same target that ended processes have left: not touched.
    package let leftovers: [String]
    private let isFolder: Bool
    private var descriptor: Int32
    private var isClaimed: Bool

    /// Makes the draft, or finds the one of an earlier process of this owner.
    ///
    /// - Parameters:
    ///   - owner: who writes it, whichever process that is; nil when it is this process alone.
    ///   - ending: what comes behind the target's own ending, for a draft in another format.
    package init(
        for target: FilePlace, owner: String? = nil, ending: String = "", isFolder: Bool = false
    ) throws(DraftError) {
        self.target = target
        self.isFolder = isFolder
        let name = DraftName(of: target, ending: ending)
        let folder = FolderLock(target.folder)
        defer { withExtendedLifetime(folder) {} }
        path = "\(target.folder)/\(name.text(owner.map(DraftName.mark(of:))))"
        var left: [String] = []
        for other in name.others(in: target.folder) where other != path {
            if Self.isLocked(other) { throw .taken(target: target.path, draft: other) }
            left.append(other)
        }
        leftovers = left
        descriptor = try Self.open(path, isFolder: isFolder, mayExist: owner != nil)
        isClaimed = Self.lock(descriptor)
    }

    deinit { close(descriptor) }

    /// Waits until the process that this one takes over from has let go.
    package func claim() throws(DraftError) {
        // It ends as soon as it has handed over.
        for _ in 0..<1000 {
            if !isClaimed { isClaimed = Self.lock(descriptor) }
            if isClaimed { break }
            usleep(10_000)
        }
        guard isClaimed else { throw .taken(target: target.path, draft: path) }
        var (held, named) = (stat(), stat())
        guard fstat(descriptor, &held) == 0 else { throw .system(path: path) }
        if lstat(path, &named) == 0, held.st_ino == named.st_ino { return }
        // It was put in its place, or taken away.
        close(descriptor)
        descriptor = try Self.open(path, isFolder: isFolder, mayExist: false)
        guard Self.lock(descriptor) else { throw .system(path: path) }
    }

    /// Puts a finished file in the target's place, with the permissions of the one that was there.
    ///
    /// - Parameter file: the draft itself if nil.
    package func publish(_ file: String? = nil) throws(DraftError) {
        let file = file ?? path
        var (old, new) = (stat(), stat())
        if lstat(target.path, &old) == 0 {
            let isSame = old.st_mode & S_IFMT == (isFolder ? S_IFDIR : S_IFREG)
            guard isSame else { throw .changed(target: target.path) }
            if !isFolder {
                chmod(file, old.st_mode & 0o777)
                if stat(file, &new) == 0, new.st_uid != old.st_uid || new.st_gid != old.st_gid {
                    _ = chown(file, old.st_uid, old.st_gid)
                }
            }
        }
        try Self.synchronize(file)
        guard rename(file, target.path) == 0 else { throw .system(path: target.path) }
        try? Self.synchronize(target.folder)
    }

    /// Takes it away.
    package func remove() {
        guard isClaimed else { return }
        if isFolder { Self.removeFolder(path) } else { unlink(path) }
    }

    private static func removeFolder(_ path: String) {
        for name in names(in: path) { unlink("\(path)/\(name)") }
        rmdir(path)
    }

    /// Makes sure that the bytes are on the disk before a name points to them.
    private static func synchronize(_ path: String) throws(DraftError) {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        defer { close(descriptor) }
        guard descriptor >= 0, fsync(descriptor) == 0 else { throw .system(path: path) }
    }

    private static func open(
        _ path: String, isFolder: Bool, mayExist: Bool
    ) throws(DraftError) -> Int32 {
        let flags = O_CLOEXEC | O_NOFOLLOW
        let found: Int32
        if isFolder {
            let isMade = mkdir(path, 0o755) == 0
            guard isMade || mayExist && errno == EEXIST else { throw .system(path: path) }
            found = Glibc.open(path, flags | O_RDONLY | O_DIRECTORY)
        } else {
            let made = Glibc.open(path, flags | O_RDWR | O_CREAT | O_EXCL, 0o644)
            found = made < 0 && errno == EEXIST && mayExist ? Glibc.open(path, flags | O_RDWR) : made
        }
        guard found >= 0 else { throw .system(path: path) }
        return found
    }

    /// False while another process has it; where nobody can lock, nobody has.
    private static func lock(_ descriptor: Int32) -> Bool {
        flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK
    }

    private static func isLocked(_ path: String) -> Bool {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return !lock(descriptor)
    }

    fileprivate static func names(in folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}

extension Draft {
    /// What may lie beside a draft while it is made, by its ending.
    package enum Companion: String, CaseIterable, Sendable {
        /// What a process that takes over needs.
        case packets = ".packets"
        /// The target's next content.
        case finishing = ".finishing"
        /// The same with a signature.
        case signing = ".signing"
    }

    /// Where a companion lies.
    package func path(of companion: Companion) -> String { path + companion.rawValue }

    /// Looks at the draft of an owner whose process has ended, and takes it away if it is empty.
    ///
    /// - Parameter isOver: whether no other process will go on with it.
    /// - Returns: the draft, if it holds something.
    @discardableResult
    package static func settle(_ target: FilePlace, owner: String, isOver: Bool) -> String? {
        let start = DraftName(of: target, ending: "").text(DraftName.mark(of: owner))
        let all = names(in: target.folder).filter { $0.hasPrefix(start) }
            .map { "\(target.folder)/\($0)" }
        guard !all.contains(where: isLocked) else { return nil }
        let companions = Companion.allCases.map(\.rawValue)
        let beside = all.filter { path in companions.contains { path.hasSuffix($0) } }
        let drafts = all.filter { !beside.contains($0) }
        guard isOver || beside.allSatisfy(isEmpty) else { return nil }
        beside.forEach { unlink($0) }
        for path in drafts where isEmpty(path) { if unlink(path) != 0 { rmdir(path) } }
        return drafts.first { !isEmpty($0) }
    }

    /// The draft into which a process that lives writes the target's next content; nil without one.
    package static func holder(of target: FilePlace) -> String? {
        let companions = Companion.allCases.map(\.rawValue)
        return DraftName(of: target, ending: "").all(in: target.folder).first { path in
            !companions.contains { path.hasSuffix($0) } && isLocked(path)
        }
    }

    /// Where the newest content of a path is: in its draft, if there is one, else in its own place.
    package static func newest(of path: String) -> String {
        guard let place = try? FilePlace(path) else { return path }
        let companions = Companion.allCases.map(\.rawValue)
        let drafts = DraftName(of: place, ending: "").all(in: place.folder)
        return drafts.last { path in !companions.contains { path.hasSuffix($0) } } ?? path
    }

    private static func isEmpty(_ path: String) -> Bool {
        var status = stat()
        guard lstat(path, &status) == 0 else { return true }
        return status.st_mode & S_IFMT == S_IFDIR ? names(in: path).isEmpty : status.st_size == 0
    }

    /// Writes a whole file: into a pipe or device as it is, else as a draft that takes the target's
    /// place when it is complete.
    package static func write(_ bytes: UnsafeRawBufferPointer, to path: String) throws(DraftError) {
        let place = try place(path)
        switch place.kind {
        case .nothing, .file:
            let draft = try Draft(for: place)
            do throws(DraftError) {
                try write(bytes, into: draft.descriptor, path)
                try draft.publish()
            } catch {
                draft.remove()
                throw error
            }
        case .pipe, .characterDevice, .descriptor:
            let descriptor = Glibc.open(path, O_WRONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw .system(path: path) }
            defer { close(descriptor) }
            try write(bytes, into: descriptor, path)
        case .folder: throw .unfit(path: path, reason: "it is a folder")
        case .blockDevice: throw .unfit(path: path, reason: "it is a disk")
        case .socket: throw .unfit(path: path, reason: "it is a socket")
        }
    }

    package static func write(_ bytes: some Sequence<UInt8>, to path: String) throws(DraftError) {
        let bytes = Array(bytes)
        try bytes.withUnsafeBytes { lent in
            Result { () throws(DraftError) in try write(lent, to: path) }
        }.get()
    }

    /// Where a path leads, if that can be told.
    package static func place(_ path: String) throws(DraftError) -> FilePlace {
        do throws(FilePlace.Fault) { return try FilePlace(path) } catch {
            throw .unfit(path: path, reason: error.description)
        }
    }

    static func write(
        _ bytes: UnsafeRawBufferPointer, into descriptor: Int32, _ path: String
    ) throws(DraftError) {
        var rest = bytes
        while !rest.isEmpty {
            let written = Glibc.write(descriptor, rest.baseAddress, min(rest.count, 1 << 30))
            guard written >= 0 else {
                if errno == EINTR { continue }
                throw .system(path: path)
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
    }

    /// Appends to the draft.
    package func append(_ bytes: UnsafeRawBufferPointer) throws(DraftError) {
        try Self.write(bytes, into: descriptor, target.path)
    }

    /// Forgets what comes after the first `size` bytes; what is appended follows there.
    package func truncate(to size: Int) throws(DraftError) {
        guard ftruncate(descriptor, size) == 0, lseek(descriptor, 0, SEEK_END) >= 0 else {
            throw .system(path: path)
        }
    }

    /// Bytes that are in it.
    package var size: Int {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
    }
}

/// How drafts of a target are called: `film.partial-3k9x0a1b.mp4`.
private struct DraftName {
    private let stem: Substring
    private let ending: String
    private static let markLength = 8
    /// What file systems take (NAME_MAX), less what lies beside a draft (`.finishing`).
    private static let longest = 255 - 10

    init(of target: FilePlace, ending: String) {
        let name = target.name
        let dot = name.dropFirst().lastIndex(of: ".") ?? name.endIndex
        self.ending = name[dot...] + ending
        var stem = name[..<dot]
        while stem.utf8.count + 9 + Self.markLength + self.ending.utf8.count > Self.longest,
            !stem.isEmpty
        {
            stem.removeLast()
        }
        self.stem = stem
    }

    func text(_ mark: String?) -> String { "\(stem).partial-\(mark ?? Self.randomMark)\(ending)" }

    func others(in folder: String) -> [String] {
        let start = "\(stem).partial-"
        return Draft.names(in: folder).filter {
            $0.hasPrefix(start) && $0.hasSuffix(ending)
                && $0.utf8.count == start.utf8.count + Self.markLength + ending.utf8.count
        }.sorted().map { "\(folder)/\($0)" }
    }

    /// Drafts of the target in any format, and what lies beside them.
    func all(in folder: String) -> [String] {
        let start = "\(stem).partial-"
        return Draft.names(in: folder).filter {
            $0.hasPrefix(start) && $0.dropFirst(start.count + Self.markLength).hasPrefix(ending)
        }.map { "\(folder)/\($0)" }
    }

    /// The same for every process of an owner.
    static func mark(of owner: String) -> String {
        let bytes = Array(owner.utf8)
        return text(bytes.withUnsafeBytes { frame_hash($0.baseAddress, $0.count) })
    }

    private static var randomMark: String { text(.random(in: 0 ... .max)) }

    private static func text(_ number: UInt64) -> String {
        let digits = String(number, radix: 36)
        return String((String(repeating: "0", count: markLength) + digits).suffix(markLength))
    }
}

/// Keeps two processes from looking at a folder's drafts and making one at the same time.
private final class FolderLock {
    private let descriptor: Int32

    init(_ folder: String) {
        descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        // Others hold it for less than a millisecond; a program that holds it for long is not of ours.
        for _ in 0..<100 where descriptor >= 0 {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK { return }
            usleep(10_000)
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }
}
