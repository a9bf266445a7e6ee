import Foundation
import Models
import Networks
import Tensors
import Testing

/// Keys and shapes against what networks ask for and what is published.
@Suite struct WeightTableTests {
    private static let shared =
        ProcessInfo.processInfo.environment["PERSONALIVE_SHARED"]
        ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("shared").path
    private static let keys = shared + "/reference/keys"

    /// What building a network reads.
    private func asked(_ network: String) throws -> [String: [Int]] {
        let recorder = Recorder()
        let weights = Checkpoint.computed("nowhere") { key, shape in
            recorder.add(key, shape)
            return Tensor(repeating: 1, shape: shape)
        }
        let mini = ModelConfiguration.mini
        switch network {
        case "motion_extractor": _ = try MotionExtractor(from: weights, mini.motionExtractor)
        case "motion_encoder":
            _ = try MotionEncoder(from: weights, mini.motionEncoder, tokens: mini.motionTokens)
        case "pose_guider": _ = try PoseGuider(from: weights, mini.poseGuider)
        case "image_encoder": _ = try ImageEncoder(from: weights, mini.imageEncoder)
        case "vae":
            _ = try VAEEncoder(from: weights, mini.vae)
            _ = try VAEDecoder(from: weights, mini.vae)
        case "reference_unet": _ = try ReferenceUNet(from: weights, mini.unet)
        case "denoising_unet": _ = try DenoisingUNet(from: weights, mini)
        case "taesd":
            _ = try TinyEncoder(from: weights, mini.tinyAutoencoder)
            _ = try TinyDecoder(from: weights, mini.tinyAutoencoder)
        default: Issue.record("no network \(network)")
        }
        return recorder.shapes
    }

    @Test(arguments: WeightTable.networks)
    func `a network reads nothing but the needed weights of its table`(network: String) throws {
        let table = try #require(WeightTable(network, .mini))
        let needed = table.entries.filter { $0.role == .read }.map { ($0.key, $0.shape) }
        let listed = Dictionary(uniqueKeysWithValues: needed)

        for (key, shape) in try asked(network) {
            #expect(listed[key] == shape, "\(key) \(shape)")
        }
    }

    @Test(arguments: WeightTable.networks)
    func `a table has no needed weight that its network does not read`(network: String) throws {
        let table = try #require(WeightTable(network, .mini))
        let read = try asked(network)
        let unread = table.entries.filter { $0.role == .read && read[$0.key] == nil }

        #expect(unread.map(\.key) == [])
    }

    @Test(
        .enabled(if: FileManager.default.fileExists(atPath: keys)), arguments: WeightTable.networks)
    func `tables are those of the published files`(network: String) throws {
        var lists = [(ModelConfiguration.full, ["\(network).tsv"])]
        lists.append((.mini, ["mini/\(network).tsv"]))
        if network == "denoising_unet" { lists[0].1.append("temporal_module.tsv") }
        if network == "vae" { lists[0].1 = ["sd-vae-ft-mse.tsv"] }
        for (configuration, files) in lists {
            var published: [String: [Int]] = [:]
            for file in files {
                for line in try String(contentsOfFile: "\(Self.keys)/\(file)", encoding: .utf8)
                    .split(separator: "\n").dropFirst()
                {
                    let fields = line.split(separator: "\t")
                    published[String(fields[0])] =
                        fields[1] == "scalar"
                        ? [] : fields[1].split(separator: "x").compactMap { Int($0) }
                }
            }
            let table = try #require(WeightTable(network, configuration))
            let listed = Dictionary(uniqueKeysWithValues: table.entries.map { ($0.key, $0.shape) })
            // Files may hold these indices; the lists do not.
            let ours = listed.filter { !$0.key.hasSuffix("position_ids") }

            #expect(Set(ours.keys).symmetricDifference(published.keys).sorted() == [])
            for (key, shape) in published { #expect(ours[key] == shape, "\(key)") }
        }
    }

    @Test func `the model has as many parameters as published`() {
        let counts = ["denoising_unet": 1_684_818_244, "reference_unet": 859_508_800]
        for (network, count) in counts {
            #expect(WeightTable(network, .full)?.parameterCount == count)
        }
    }
}

private final class Recorder: @unchecked Sendable {
    // Unchecked because what changes is used under the lock.
    private let lock = NSLock()
    private var seen: [String: [Int]] = [:]

    var shapes: [String: [Int]] { lock.withLock { seen } }
    func add(_ key: String, _ shape: [Int]) { lock.withLock { seen[key] = shape } }
}
