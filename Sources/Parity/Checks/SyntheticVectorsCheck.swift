import Tensors

/// The generator itself: first elements of weights and inputs, by names that say what they are.
enum SyntheticVectorsCheck: FixtureCheck {
    static func recognises(_ fixture: Fixture) -> Bool {
        fixture.namespace == "several" && fixture.network.isEmpty
    }

    static func run(_ fixture: Fixture, into results: FixtureResults) throws {
        for (key, entry) in fixture.file.entries.sorted(by: { $0.key < $1.key }) {
            if let shape = fixture.inputs[key]?.integers {
                results.compare(key, try weight(key, shape, count: entry.shape[0]))
            } else {
                try input(key, entry.shape, results)
            }
        }
    }

    private static func weight(_ key: String, _ shape: [Int], count: Int) throws -> Tensor<Float> {
        let parts = key.split(separator: "/", maxSplits: 2).map(String.init)
        guard parts.count == 3 else {
            throw FixtureError.noInput(fixture: "synthetic vectors", input: key)
        }
        let tensor = try Checkpoint.synthetic(namespace: parts[0], network: parts[1])
            .tensor(parts[2], shape)
        return tensor.reshaped([tensor.count]).rows(0..<min(count, tensor.count))
    }

    /// Such as `gauss:in/test` or `frame:in/test:t11:16x24:cells4`.
    private static func input(_ key: String, _ shape: [Int], _ results: FixtureResults) throws {
        let parts = key.split(separator: ":").map(String.init)
        let number = { (prefix: String) in
            parts.first { $0.hasPrefix(prefix) && Int($0.dropFirst(prefix.count)) != nil }
                .flatMap { Int($0.dropFirst(prefix.count)) }
        }
        switch (parts[0], parts.count > 1 ? parts[1] : "") {
        case ("gauss", let id): results.compare(key, SyntheticStream(id).gauss(shape))
        case ("unit", let id): results.compare(key, SyntheticStream(id).unit(shape))
        case ("image", let id):
            results.compare(
                key,
                SyntheticStream.image(
                    id, height: shape[0], width: shape[1], cells: number("cells") ?? 1))
        case ("frame", let id):
            results.compare(
                key,
                SyntheticStream.frame(
                    id, time: number("t") ?? 0, height: shape[0], width: shape[1],
                    cells: number("cells") ?? 1))
        default: break
        }
    }
}
