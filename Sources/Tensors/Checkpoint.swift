import Glibc

/// A network's weights, reached by the names that the published checkpoints give them.
///
/// A file is mapped, not read: a weight takes memory when a network asks for it, and a weight that
/// is stored as F32 takes none of its own. A network asks with the shape it needs, so a file that
/// belongs to another network is refused with the first name that differs.
package struct Checkpoint: Sendable {
    private enum Source: Sendable {
        case file(any WeightFile)
        case computed(origin: String, @Sendable (String, [Int]) -> Tensor<Float>?)
    }

    private let source: Source
    private let prefix: String
    /// How layers shall keep what they are given.
    package let storage: WeightStorage

    private init(
        source: Source, prefix: String = "", storage: WeightStorage = WeightStorage()
    ) {
        (self.source, self.prefix, self.storage) = (source, prefix, storage)
    }

    /// The weights in a file: safetensors, or PyTorch's as an archive or older, told apart by their
    /// first bytes, or the index of several; F32, F16 and BF16 are all given as F32.
    package init(contentsOf path: String) throws(CheckpointError) {
        self.init(source: .file(try WeightFiles.open(path)))
    }

    /// The weights of several files laid over each other: the last that has a weight gives it.
    package init(overlaying paths: [String]) throws(CheckpointError) {
        var files: [any WeightFile] = []
        for path in paths { files.append(try WeightFiles.open(path)) }
        let isOne = files.count == 1
        self.init(
            source: .file(
                isOne ? files[0] : OverlaidFiles(files, path: paths.joined(separator: " + "))))
    }

    /// Weights computed from their names, for any shape that is asked for.
    ///
    /// - Parameters:
    ///   - namespace: any word; `mini` and `full` go with the configurations of these names.
    ///   - network: as in ``open(_:size:network:)``.
    package static func synthetic(namespace: String, network: String) -> Checkpoint {
        let weights = SyntheticWeights(namespace: namespace, network: network)
        return computed("synthetic \(namespace)/\(network)") { weights.tensor($0, $1) }
    }

    /// Weights that a function makes from a full key and a shape; nil where there is none.
    ///
    /// - Parameter origin: what the weights came from, for messages.
    package static func computed(
        _ origin: String, _ weight: @escaping @Sendable (String, [Int]) -> Tensor<Float>?
    ) -> Checkpoint {
        Checkpoint(source: .computed(origin: origin, weight))
    }

    /// The weights that a node's setting names: the word `synthetic`, a file, or a folder with a file
    /// for each network or with those that are published (``WeightFolder``).
    ///
    /// - Parameters:
    ///   - size: the configuration's name, which is also the namespace of synthetic weights.
    ///   - network: `motion_extractor`, `motion_encoder`, `pose_guider`, `reference_unet`,
    ///     `denoising_unet`, `vae`, `image_encoder` or `taesd`.
    package static func open(
        _ setting: String, size: String, network: String
    ) throws(CheckpointError) -> Checkpoint {
        if setting == "synthetic" { return synthetic(namespace: size, network: network) }
        var status = stat()
        guard stat(setting, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            return try Checkpoint(contentsOf: setting)
        }
        let files = WeightFolder(setting).files(of: network)
        guard !files.isEmpty else { throw .noFile(folder: setting, network: network) }
        return try Checkpoint(overlaying: files)
    }

    /// What the weights came from, for messages.
    package var origin: String {
        switch source {
        case .file(let file): file.path
        case .computed(let origin, _): origin
        }
    }

    /// The weights whose keys start with `name.`, reached without it.
    package func scope(_ name: String) -> Checkpoint {
        Checkpoint(source: source, prefix: prefix + name + ".", storage: storage)
    }

    /// The same weights, to be kept with this precision, and where.
    ///
    /// - Precondition: a device other than `cpu` was opened.
    package func stored(
        as precision: WeightStorage.Precision, on device: Device = .cpu
    ) -> Checkpoint {
        Checkpoint(
            source: source, prefix: prefix,
            storage: WeightStorage(precision, isCompact: storage.isCompact, device: device))
    }

    /// The same weights, for a network that is seldom used and should be small rather than fast.
    package func compact() -> Checkpoint {
        Checkpoint(
            source: source, prefix: prefix,
            storage: WeightStorage(storage.precision, isCompact: true, device: storage.device))
    }

    /// Whether there is such a weight.
    ///
    /// Synthetic weights exist under any name, so the caller says which answer it wants for them.
    package func contains(_ key: String, ifSynthetic answer: Bool = true) -> Bool {
        switch source {
        case .file(let file): file.weight(prefix + key) != nil
        case .computed: answer
        }
    }

    /// What a file has: nothing for weights that are computed.
    package var stored: [String: StoredShape] {
        guard case .file(let file) = source else { return [:] }
        return Dictionary(
            uniqueKeysWithValues: file.keys.compactMap { key in
                file.weight(key).map { weight in
                    (key, StoredShape(typeName: weight.typeName, shape: weight.shape))
                }
            })
    }

    /// How a file keeps one weight.
    package struct StoredShape: Sendable, Equatable {
        /// The format's word for the element type.
        package let typeName: String
        package let shape: [Int]
    }

    /// One weight, row-major as PyTorch stores it.
    ///
    /// - Throws: when it is missing, has another shape, or is no floating-point tensor.
    package func tensor(_ key: String, _ shape: [Int]) throws(CheckpointError) -> Tensor<Float> {
        let key = prefix + key
        switch source {
        case .computed(let origin, let weight):
            guard let tensor = weight(key, shape) else {
                throw .missing(key: key, file: origin, nearest: nil)
            }
            return tensor
        case .file(let file):
            return try Self.read(key, shape, file)
        }
    }

    private static func read(
        _ key: String, _ shape: [Int], _ file: any WeightFile
    ) throws(CheckpointError) -> Tensor<Float> {
        guard let stored = file.weight(key) else {
            throw .missing(key: key, file: file.path, nearest: nearestKey(to: key, in: file.keys))
        }
        guard stored.shape == shape else {
            throw .wrongShape(key: key, file: file.path, found: stored.shape, needed: shape)
        }
        guard let tensor = stored.floats() else {
            throw .notWeights(key: key, file: file.path, found: stored.typeName)
        }
        return tensor
    }

    /// The key that ends most like a missing one: a file with another prefix is the usual mistake.
    private static func nearestKey(to key: String, in keys: [String]) -> String? {
        func common(_ other: String) -> Int {
            zip(key.utf8.reversed(), other.utf8.reversed()).prefix { $0 == $1 }.count
        }
        let best = keys.max { (common($0), $1) < (common($1), $0) }
        return best.flatMap { common($0) * 2 > key.utf8.count ? $0 : nil }
    }
}
