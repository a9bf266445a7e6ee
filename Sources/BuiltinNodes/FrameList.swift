import CPosix
import NodeKit
import Tensors

/// A text file with a line for each frame: its number, a hash of its bytes (of each input's, where a
/// node joins several), and when it came in nanoseconds of the monotonic clock. What lists of two runs say of hashes can be compared.
///
/// It is a draft until it is finished; a pipe or device gets the lines as they come.
struct FrameList {
    private enum Place {
        case draft(Draft)
        case stream(OpenOutput)
    }

    private let path: String
    private let place: Place
    private var isClaimed = false
    private var isFinished = false
    /// Bytes written.
    private(set) var size = 0

    /// Opens a file without touching what is in it: ``resume(at:)`` or the first line does.
    init(path: String, owner: String? = nil) throws {
        self.path = path
        let target = try Draft.place(path)
        if let obstacle = target.obstacle { throw DraftError.unfit(path: path, reason: obstacle) }
        guard target.kind == .pipe || target.kind == .characterDevice else {
            place = .draft(try Draft(for: target, owner: owner))
            return
        }
        place = .stream(try OpenOutput(target, path: path))
    }

    mutating func add(_ stamp: Stamp, _ parts: UnsafeRawBufferPointer...) throws {
        if size == 0 { try resume(at: 0) }
        let hashes = parts.map { String(frame_hash($0.baseAddress, $0.count), radix: 16) }
        let words = hashes.joined(separator: " ")
        let line = Array("\(stamp.frame) \(words) \(posix_monotonic_ns())\n".utf8)
        switch place {
        case .draft(let draft): try line.withUnsafeBytes { try draft.append($0) }
        case .stream(let output): try line.withUnsafeBytes { try output.append($0) }
        }
        size += line.count
    }

    /// Goes on after the first `size` bytes, and forgets the others.
    mutating func resume(at size: Int) throws {
        self.size = size
        guard case .draft(let draft) = place else { return }
        if !isClaimed { try draft.claim() }
        isClaimed = true
        guard draft.size < size else { return try draft.truncate(to: size) }
        // The process before this one has put it in its place, or it is gone.
        guard (try? Draft.place(path))?.size == size else {
            self.size = 0
            return try draft.truncate(to: 0)
        }
        isFinished = true
        draft.remove()
    }

    /// Puts the list in its place.
    mutating func finish() throws {
        guard case .draft(let draft) = place, !isFinished else { return }
        if !isClaimed { try resume(at: 0) }
        isFinished = true
        try draft.publish()
    }
}
