import Glibc

/// Why a file could not be fetched; ``description`` says what to do.
package enum PullError: Error, Equatable {
    /// The hub answered, but not with the file.
    case refused(
        status: Int, repository: String, file: String, revision: String, endpoint: String,
        hasToken: Bool)
    /// No answer came, or not a whole one after several tries.
    case unreachable(url: String, reason: String)
    /// An answer that no hub gives.
    case badAnswer(url: String, reason: String)
    /// Other bytes arrived than the hub has.
    case wrongSum(file: String, expected: String, found: String)
    case wrongSize(file: String, expected: Int, found: Int)
    /// Other bytes than the folder's lock holds: their sums, or their sizes in words. `copy` is where
    /// the shared cache has them.
    case notAsLocked(file: String, expected: String, found: String, copy: String? = nil)
    /// What the shared cache has is not what its name says.
    case damagedCopy(path: String, expected: String, found: String)
    /// The folder's lock cannot be read.
    case badLock(path: String, reason: String)
    /// There is less room than the files need; `needed` is nil where their size is not known.
    case diskFull(folder: String, needed: Int?, free: Int)
    /// Another program that was needed is not there, or failed.
    case program(name: String, reason: String)
    /// The system refused a file operation.
    case system(call: String, path: String, reason: String)

    /// Whether other files would fare no better.
    var concernsAll: Bool {
        switch self {
        case .unreachable, .diskFull: true
        default: false
        }
    }

    static func lastSystemError(_ call: String, _ path: String) -> PullError {
        .system(call: call, path: path, reason: String(cString: strerror(errno)))
    }
}

extension PullError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .refused(
            let status, let repository, let file, let revision, let endpoint, let hasToken):
            Self.refusal(status, repository, file, revision, endpoint, hasToken)
        case .unreachable(let url, let reason):
            "no answer from \(url): \(reason); what was fetched is kept, so the same command goes on "
                + "from there (another hub or a mirror: set HF_ENDPOINT)"
        case .badAnswer(let url, let reason):
            "\(url) does not answer as a hub does: \(reason)"
        case .wrongSum(let file, let expected, let found):
            "\(file) arrived damaged: its SHA-256 is \(found), and \(expected) is needed; "
                + "nothing of it was kept, run the same command again"
        case .wrongSize(let file, let expected, let found):
            "\(file) arrived with \(found) bytes, and the hub says \(expected); "
                + "nothing of it was kept, run the same command again"
        case .notAsLocked(let file, let expected, let found, let copy):
            "\(file) is not what \(WeightLock.name) holds: found \(found), needed \(expected); "
                + (copy.map { "remove \($0) and" } ?? "nothing of it was kept,")
                + " run the same command again, or take what the hub has now with --update"
        case .damagedCopy(let path, let expected, let found):
            "\(path) is damaged: its sum is \(found), and \(expected) is needed; remove it and run the "
                + "same command again"
        case .badLock(let path, let reason):
            "\(path) is no lock of weights: \(reason); remove it, and the next pull writes another one"
        case .diskFull(let folder, let needed, let free):
            "the disk of \(folder) is full: "
                + (needed.map { "\(ByteCount($0)) are still needed and " } ?? "")
                + "\(ByteCount(free)) are free; make room, or choose another place with HF_HUB_CACHE; "
                + "what was fetched is kept"
        case .program(let name, let reason):
            "\(name) could not fetch what was asked for: \(reason); it needs pip "
                + "(apt install python3-pip) and a package index, or a wheel that was fetched "
                + "elsewhere: --wheel FILE"
        case .system(let call, let path, let reason): "\(call)(\(path)): \(reason)"
        }
    }

    private static func refusal(
        _ status: Int, _ repository: String, _ file: String, _ revision: String,
        _ endpoint: String, _ hasToken: Bool
    ) -> String {
        let page = "\(endpoint)/\(repository)"
        return switch status {
        case 401 where hasToken:
            "\(page) refuses the token in HF_TOKEN (401): make a new one with read access at "
                + "\(endpoint)/settings/tokens"
        case 401:
            "\(page) wants to know who asks (401): it is private, or does not exist; set HF_TOKEN to a "
                + "token with read access from \(endpoint)/settings/tokens"
        case 403:
            "\(page) does not let you read \(file) (403): accept its terms on that page while logged "
                + "in, then set HF_TOKEN to a token of the same account"
        case 404:
            "\(page) has no file \(file) (404) at '\(revision)'; if it was moved, fetch it by hand and put "
                + "it into the folder of weights, else check --revision and HF_ENDPOINT"
        default: "\(page) answers \(status) for \(file); try again later"
        }
    }
}

/// A number of bytes in words: `4.9 GB`.
package struct ByteCount: CustomStringConvertible {
    private let bytes: Int

    package init(_ bytes: Int) { self.bytes = bytes }

    package var description: String {
        var value = Double(bytes), unit = 0
        while value >= 999.5, unit < Self.units.count - 1 {
            value /= 1000
            unit += 1
        }
        guard unit > 0, value < 9.95 else { return "\(Int(value.rounded())) \(Self.units[unit])" }
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(Self.units[unit])"
    }

    private static let units = ["bytes", "kB", "MB", "GB", "TB"]
}
