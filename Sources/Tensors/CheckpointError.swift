/// Why weights could not be read.
///
/// Each case carries the facts; ``description`` says them in words, with the file and what to do.
package enum CheckpointError: Error, Equatable {
    /// The file cannot be opened or mapped; `reason` is the system's text.
    case unreadable(file: String, reason: String)
    /// The file cannot be written.
    case unwritable(file: String, reason: String)
    /// A folder of weights lacks the file of one network.
    case noFile(folder: String, network: String)
    /// A checkpoint's `config.json` does not describe a model.
    case badConfiguration(file: String, reason: String)
    /// An archive that is not one of PyTorch's, or damaged.
    case badArchive(file: String, reason: String)
    /// The file has the name of a checkpoint and other content, as a fetch that went wrong leaves it.
    case otherContent(file: String, OtherContent)
    /// The index of a checkpoint in several files is wrong.
    case badIndex(file: String, reason: String)
    /// The file is shorter than what its own first bytes announce.
    case truncated(file: String, bytes: Int, needed: Int)
    /// The first eight bytes announce a header that no safetensors file has.
    case headerTooLong(file: String, header: UInt64, limit: Int)
    /// The header is no JSON of the right form.
    case badHeader(file: String, reason: String)
    /// An element type that the format does not have.
    case unknownElementType(key: String, file: String, name: String)
    /// An element type that a weight cannot have.
    case notWeights(key: String, file: String, found: String)
    /// The bytes of a tensor lie partly outside the file.
    case offsetsOutside(key: String, file: String, begin: Int, end: Int, dataBytes: Int)
    /// The bytes of a tensor are not as many as its shape needs.
    case wrongByteCount(key: String, file: String, shape: [Int], found: Int)
    /// Two tensors share bytes.
    case overlapping(key: String, other: String, file: String)
    /// The network needs a weight that is not there.
    case missing(key: String, file: String, nearest: String?)
    /// A weight has another shape than the network needs.
    case wrongShape(key: String, file: String, found: [Int], needed: [Int])

    /// What lies under a checkpoint's name instead of one.
    package enum OtherContent: Equatable, Sendable {
        /// A few lines of text that stand for a file in Git's large file storage.
        case gitLFSPointer
        case webPage
        /// Text of another kind, with its beginning.
        case text(String)
    }
}

extension CheckpointError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unreadable(let file, let reason):
            "cannot read \(file): \(reason)"
        case .unwritable(let file, let reason):
            "cannot write weights to \(file): \(reason)"
        case .noFile(let folder, let network):
            "the folder \(folder) has no weights of \(network): neither \(network).safetensors or "
                + ".pth nor the published file; give the file itself, a folder that has it, or the "
                + "word 'synthetic', or fetch it with 'personalive models pull personalive'"
        case .badConfiguration(let file, let reason):
            "\(file) does not describe a model: \(reason)"
        case .badIndex(let file, let reason):
            "\(file) does not lead to a checkpoint: \(reason)"
        case .otherContent(let file, let content): Self.text(of: content, in: file)
        case .badArchive(let file, let reason):
            "\(file) is no checkpoint of PyTorch's: \(reason)"
        case .truncated(let file, let bytes, let needed):
            "\(file) is cut short: it has \(bytes) bytes and its header needs \(needed); "
                + "fetch it again"
        case .headerTooLong(let file, let header, let limit):
            "\(file) is not a safetensors file: "
                + "its header would take \(header) bytes, and at most \(limit) are possible; "
                + "it is of another kind or damaged, fetch it again"
        case .badHeader(let file, let reason):
            "\(file) is not a safetensors file: \(reason)"
        default: weightDescription
        }
    }

    private static func text(of content: OtherContent, in file: String) -> String {
        switch content {
        case .gitLFSPointer:
            "\(file) is no checkpoint but a pointer to one in Git's large file storage; "
                + "run 'git lfs pull' where it was cloned, or download the file itself"
        case .webPage:
            "\(file) is no checkpoint but a web page, perhaps of an error or a login; "
                + "download the file itself, whose address has '/resolve/' in it on Hugging Face"
        case .text(let start):
            "\(file) is no checkpoint but text that begins with '\(start)'; fetch it again"
        }
    }

    /// The cases that are about one weight.
    private var weightDescription: String {
        switch self {
        case .unknownElementType(let key, let file, let name):
            "weight '\(key)' in \(file) has the unknown element type '\(name)'"
        case .notWeights(let key, let file, let found):
            "weight '\(key)' in \(file) is \(found), but the network needs F32, F16 or BF16"
        case .offsetsOutside(let key, let file, let begin, let end, let dataBytes):
            "weight '\(key)' in \(file) lies at bytes \(begin)..<\(end), "
                + "outside the \(dataBytes) bytes of data; the file is damaged"
        case .wrongByteCount(let key, let file, let shape, let found):
            "weight '\(key)' in \(file) has \(found) bytes, "
                + "which do not make its shape \(shape); the file is damaged"
        case .overlapping(let key, let other, let file):
            "weights '\(key)' and '\(other)' in \(file) share bytes; the file is damaged"
        case .missing(let key, let file, let nearest):
            "the network needs weight '\(key)', which \(file) lacks"
                + (nearest.map { "; did you mean '\($0)'?" } ?? "")
        case .wrongShape(let key, let file, let found, let needed):
            "weight '\(key)' in \(file) is \(found), but the network needs \(needed)"
        default: ""
        }
    }
}
