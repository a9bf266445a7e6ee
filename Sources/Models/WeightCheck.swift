import Networks
import Tensors

/// What is wrong with the files of one network, all of it at once.
package struct WeightCheck: Sendable {
    package let network: String
    /// In the order in which they are laid over each other; none where the network has no file.
    package let files: [String]
    /// Why the files cannot be read at all.
    package private(set) var unreadable: CheckpointError?
    /// Keys that the network needs and no file has.
    package private(set) var missing: [String] = []
    /// Weights of another shape, or of no floating-point type.
    package private(set) var wrong: [CheckpointError] = []
    /// Keys that belong to no network of this kind; they do no harm.
    package private(set) var surplus: [String] = []
    /// Bytes of needed weights by the format's word for their type.
    package private(set) var bytes: [String: Int] = [:]

    /// Whether the network can be built from the files.
    package var isSound: Bool {
        !files.isEmpty && unreadable == nil && missing.isEmpty && wrong.isEmpty
    }

    /// Compares files with what a network of these dimensions needs; only their headers are read.
    ///
    /// - Precondition: the network is one of ``WeightTable/networks``.
    package init(_ network: String, files: [String], _ configuration: ModelConfiguration) {
        (self.network, self.files) = (network, files)
        guard !files.isEmpty, let table = WeightTable(network, configuration) else { return }
        do throws(CheckpointError) {
            compare(try Checkpoint(overlaying: files), table)
        } catch {
            unreadable = error
        }
    }

    private mutating func compare(_ checkpoint: Checkpoint, _ table: WeightTable) {
        var stored = checkpoint.stored
        for entry in table.entries {
            let found = stored.removeValue(forKey: entry.key)
            guard entry.role == .read else { continue }
            guard let found else {
                missing.append(entry.key)
                continue
            }
            compare(entry, found, checkpoint.origin)
        }
        // Older transformers stored these indices with every model.
        surplus = stored.keys.filter { !$0.hasSuffix("position_ids") }.sorted()
    }

    private mutating func compare(
        _ entry: WeightTable.Entry, _ found: Checkpoint.StoredShape, _ origin: String
    ) {
        guard found.shape == entry.shape else {
            wrong.append(
                .wrongShape(
                    key: entry.key, file: origin, found: found.shape, needed: entry.shape))
            return
        }
        guard let width = Self.widths[found.typeName.lowercased()] else {
            wrong.append(.notWeights(key: entry.key, file: origin, found: found.typeName))
            return
        }
        bytes[found.typeName.lowercased(), default: 0] += entry.shape.reduce(width, *)
    }

    private static let widths = ["f32": 4, "f16": 2, "bf16": 2]

    /// `f16`, or `f16 and f32` where a file mixes them; empty without weights.
    package var precision: String {
        bytes.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
            .joined(separator: " and ")
    }

    /// Every fault and every surplus key, a line each.
    package var lines: [String] {
        if files.isEmpty { return ["\(network): no file"] }
        if let unreadable { return ["\(network): \(unreadable)"] }
        return missing.map { "\(network): '\($0)' is missing" }
            + wrong.map { "\(network): \($0)" }
            + surplus.map { "\(network): '\($0)' is surplus and not read" }
    }
}
