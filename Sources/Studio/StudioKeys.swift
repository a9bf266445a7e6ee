import Foundation
import Glibc

/// The two tokens of a studio: 128 bits each, from the system's random numbers.
///
/// They are in a file of mode 0600 in the user's folder of runs, so that a studio that was killed and
/// is started again at the same port still knows its pages. The file goes with an orderly end.
package struct StudioKeys: Sendable, Codable, Equatable {
    /// May change the graph.
    package let control: String
    /// May only look on.
    package let view: String

    package init() { (control, view) = (Self.token(), Self.token()) }

    private static func token() -> String {
        (0..<2).map { _ in
            let digits = String(UInt64.random(in: 0 ... .max), radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    /// What a token allows; nil of one that is none of these.
    func role(of token: String) -> Gate.Role? {
        let (isControl, isView) = (Self.isEqual(token, control), Self.isEqual(token, view))
        return isControl ? .control : isView ? .view : nil
    }

    /// Takes the same time wherever two texts differ.
    private static func isEqual(_ a: String, _ b: String) -> Bool {
        let (a, b) = (Array(a.utf8), Array(b.utf8))
        guard a.count == b.count else { return false }
        return zip(a, b).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    // MARK: The file

    /// The tokens in a file, or new ones in it where it is missing or cannot be read.
    package static func kept(in file: String) throws -> StudioKeys {
        if let data = FileManager.default.contents(atPath: file),
            let keys = try? JSONDecoder().decode(StudioKeys.self, from: data)
        {
            return keys
        }
        let keys = StudioKeys()
        unlink(file)
        let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw StudioError.cannotWrite(file, reason: String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        let bytes = Array(try JSONEncoder().encode(keys))
        guard write(descriptor, bytes, bytes.count) == bytes.count else {
            throw StudioError.cannotWrite(file, reason: String(cString: strerror(errno)))
        }
        return keys
    }
}

/// A studio's claim to its port, which ends with its process, however that ends.
///
/// The file stays: who removed it could take away another one's claim.
package final class PortClaim: Sendable {
    private let descriptor: Int32

    /// - Throws: ``StudioError`` when another studio has the port.
    package init(_ file: String, port: UInt16) throws {
        let opened = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard opened >= 0 else {
            throw StudioError.cannotWrite(file, reason: String(cString: strerror(errno)))
        }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            close(opened)
            throw StudioError.port(port, reason: "another studio of yours has it")
        }
        descriptor = opened
    }

    deinit { close(descriptor) }
}

/// Why something that the studio was asked for cannot be done.
package enum StudioError: Error, CustomStringConvertible, Equatable {
    case cannotWrite(String, reason: String)
    /// What is asked for is not there.
    case missing(String)
    /// What was sent is not what is needed.
    case malformed(String)
    case tooLarge(limit: Int)
    /// The run refused it; nothing changed.
    case refused(String)
    case port(UInt16, reason: String)

    package var description: String {
        switch self {
        case .cannotWrite(let path, let reason): "cannot write \(path): \(reason)"
        case .missing(let what), .malformed(let what), .refused(let what): what
        case .tooLarge(let limit):
            "the body is larger than \(limit < 1 << 20 ? "\(limit / 1000) kB" : "\(limit >> 20) MB"), "
                + "which is the most that is taken"
        case .port(let port, let reason):
            "port \(port) of this machine cannot be had: \(reason); take another with --port, or 0 for any"
        }
    }

    static let unknownAnswer =
        "the run gave an answer that this studio does not know: both must be of one version"

    /// The HTTP status that says it.
    var status: Int {
        switch self {
        case .cannotWrite, .port: 500
        case .missing: 404
        case .malformed: 400
        case .tooLarge: 413
        case .refused: 409
        }
    }
}
