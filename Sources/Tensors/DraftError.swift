import Glibc

/// Why a file could not be written.
package enum DraftError: Error, Equatable {
    /// Another process that lives writes the same file.
    case taken(target: String, draft: String)
    /// What is at the target's place has become something else in the meantime.
    case changed(target: String)
    /// No file can be written there.
    case unfit(path: String, reason: String)
    case failed(path: String, reason: String)

    /// The system's own last words.
    static func system(path: String) -> DraftError {
        .failed(path: path, reason: String(cString: strerror(errno)))
    }

    /// The reason without the path.
    package var reason: String {
        switch self {
        case .taken(_, let draft):
            "another run, or another node, is writing it at this moment (in \(draft)): end that one, "
                + "or write to another file"
        case .changed: "something else was put in its place meanwhile"
        case .unfit(_, let reason), .failed(_, let reason): reason
        }
    }

    package var path: String {
        switch self {
        case .taken(let path, _), .changed(let path), .unfit(let path, _), .failed(let path, _): path
        }
    }
}

extension DraftError: CustomStringConvertible {
    package var description: String { "\(path) cannot be written: \(reason)" }
}
