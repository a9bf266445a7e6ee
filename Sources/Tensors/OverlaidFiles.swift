/// Several files as one, in the order in which they are laid over each other: the last that has a
/// weight gives it.
///
/// So the denoiser is put together from its base, its own file and its temporal modules, and a
/// checkpoint in shards from all of them.
struct OverlaidFiles: WeightFile {
    let path: String
    private let files: [any WeightFile]

    init(_ files: [any WeightFile], path: String) { (self.files, self.path) = (files, path) }

    var keys: [String] { Array(Set(files.flatMap(\.keys))) }

    func weight(_ key: String) -> StoredWeight? {
        for file in files.reversed() {
            if let weight = file.weight(key) { return weight }
        }
        return nil
    }
}
