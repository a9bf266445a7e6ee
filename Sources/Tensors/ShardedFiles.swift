import FoundationEssentials

/// A checkpoint in several files, with an index that says which of them has which weight
/// (`….safetensors.index.json`, `….bin.index.json`).
enum ShardedFiles {
    static let suffix = ".index.json"

    private struct Index: Decodable {
        // The word of the format.
        var weight_map: [String: String]
    }

    /// Opens every file that the index names; they lie beside it.
    static func open(_ index: MappedFile) throws(CheckpointError) -> any WeightFile {
        let map: [String: String]
        do {
            map = try JSONDecoder().decode(Index.self, from: Data(index.bytes)).weight_map
        } catch {
            throw .badIndex(file: index.path, reason: "it is no index of a checkpoint's files")
        }
        let slash = index.path.lastIndex(of: "/").map { index.path.index(after: $0) }
        let folder = index.path[..<(slash ?? index.path.startIndex)]
        var files: [String: any WeightFile] = [:]
        for name in Set(map.values).sorted() {
            guard !name.contains("/"), !name.hasSuffix(suffix) else {
                throw .badIndex(file: index.path, reason: "it names '\(name)'")
            }
            files[name] = try WeightFiles.open(folder + name)
        }
        for (key, name) in map where files[name]?.weight(key) == nil {
            throw .badIndex(file: index.path, reason: "'\(key)' is not in '\(name)'")
        }
        let sorted = files.sorted { $0.key < $1.key }.map(\.value)
        return OverlaidFiles(sorted, path: index.path)
    }
}

/// Opens files of weights, of whichever format.
enum WeightFiles {
    /// One file, or those that an index names.
    static func open(_ path: String) throws(CheckpointError) -> any WeightFile {
        let file = try MappedFile(path: path)
        if path.hasSuffix(ShardedFiles.suffix) { return try ShardedFiles.open(file) }
        if TFLiteFile.isOne(file) { return try TFLiteFile(file) }
        let isPyTorch = [ZipArchive.signature, PyTorchFile.legacySignature]
            .contains { file.bytes.starts(with: $0) }
        if !isPyTorch, let content = CheckpointError.OtherContent(of: file.bytes) {
            throw .otherContent(file: path, content)
        }
        return RenamedFile.modernised(
            isPyTorch ? try PyTorchFile(file) : try SafetensorsFile(file))
    }
}
