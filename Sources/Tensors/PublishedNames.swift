/// A file whose weights are also reached by the names of today.
///
/// The VAE of 2022 calls its attention's matrices `query`, `key`, `value` and `proj_attn` (in the
/// oldest files they are 1 × 1 convolutions), and TAESD's original files number the layers of one half
/// from nought, the decoder's clamp among them.
struct RenamedFile: WeightFile {
    private let file: any WeightFile
    /// Today's names and those in the file, where they differ.
    private let stored: [String: String]
    let keys: [String]

    var path: String { file.path }

    /// The file itself where all of its names are of today.
    static func modernised(_ file: any WeightFile) -> any WeightFile {
        let keys = file.keys
        var names: [(new: String, old: String)] = []
        let half = TinyHalf(keys)
        for key in keys {
            if let name = attentionName(key) ?? half?.name(key) { names.append((name, key)) }
        }
        guard !names.isEmpty else { return file }
        let stored = Dictionary(names) { first, _ in first }
        let old = Set(stored.values)
        return RenamedFile(
            file: file, stored: stored,
            keys: Array(stored.keys) + keys.filter { !old.contains($0) && stored[$0] == nil })
    }

    private init(file: any WeightFile, stored: [String: String], keys: [String]) {
        (self.file, self.stored, self.keys) = (file, stored, keys)
    }

    /// The weight by its name of today or as the file calls it.
    func weight(_ key: String) -> StoredWeight? {
        guard let name = stored[key], let weight = file.weight(name) else {
            return file.weight(key)
        }
        let shape = weight.shape
        let isMatrix = name.contains(".attentions.") && shape.count == 4 && shape[2...] == [1, 1]
        return isMatrix ? weight.reshaped(Array(shape[..<2])) : weight
    }

    private static func attentionName(_ key: String) -> String? {
        let parts = key.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count > 3, parts[parts.count - 4] == "attentions",
            let name = attentionNames[parts[parts.count - 2]]
        else { return nil }
        return (parts.dropLast(2) + [name, parts[parts.count - 1]]).joined(separator: ".")
    }

    private static let attentionNames: [Substring: Substring] = [
        "query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0",
    ]
}

/// Which half of a tiny autoencoder an original file holds.
private enum TinyHalf {
    case encoder, decoder

    init?(_ keys: [String]) {
        let names = Set(keys)
        guard names.contains("3.conv.0.weight"), names.allSatisfy({ $0.first?.isNumber == true })
        else { return nil }
        // The encoder starts with a convolution, the decoder with a clamp.
        self = names.contains("0.weight") ? .encoder : .decoder
    }

    /// The name that diffusers gives a weight.
    func name(_ key: String) -> String? {
        let parts = key.split(separator: ".", maxSplits: 1)
        guard parts.count == 2, let index = Int(parts[0]), index < 1000 else { return nil }
        return switch self {
        case .encoder: "encoder.layers.\(index).\(parts[1])"
        case .decoder: "decoder.layers.\(index - 1).\(parts[1])"
        }
    }
}
