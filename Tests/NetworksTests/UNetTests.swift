import Foundation
import Layers
import Networks
import Tensors
import Testing

/// A small portrait and window through both UNets at 8 × 8 latents.
@Suite struct UNetTests {
    private static let model = ModelConfiguration.mini
    private let timesteps = [0, 333, 666, 999]

    private func reference() throws -> ReferenceUNet {
        try ReferenceUNet(
            from: .synthetic(namespace: "mini", network: "reference_unet"), Self.model.unet)
    }

    private func denoiser() throws -> DenoisingUNet {
        try DenoisingUNet(
            from: .synthetic(namespace: "mini", network: "denoising_unet"), Self.model)
    }

    private func estimate(
        _ network: DenoisingUNet, timesteps: [Int]? = nil, banks: [ProjectedBanks] = []
    ) -> Tensor<Float> {
        network(
            sample("latents", [4, 8, 8, 4]), timesteps: timesteps ?? self.timesteps,
            motion: sample("motion", [4, 8, 16]), pose: sample("pose", [4, 8, 8, 32]),
            token: network.prepare(token: sample("token", [1, 48])), banks: banks)
    }

    @Test func `the reference leaves a bank in every attention block of the denoiser`() throws {
        let banks = try reference()(
            sample("portrait", [1, 8, 8, 4]), token: sample("token", [1, 48]))
        let blocks = try denoiser().attentionBlocks

        #expect(banks.blocks.map(\.name) == blocks.map(\.name))
        for block in blocks {
            let side = 8 >> block.level
            #expect(banks[block.name]?.shape == [1, side * side, block.channels])
        }
    }

    @Test func `the same window gives the same bits twice`() throws {
        let network = try denoiser()

        let first = estimate(network)

        #expect(first.shape == [4, 8, 8, 4])
        #expect(estimate(network).array == first.array)
    }

    @Test func `the order of keyframes is irrelevant, their presence is not`() throws {
        let network = try denoiser()
        let read = try reference()
        let token = sample("token", [1, 48])
        let one = network.project(read(sample("portrait", [1, 8, 8, 4]), token: token))
        let other = network.project(read(sample("keyframe", [1, 8, 8, 4]), token: token))

        let both = estimate(network, banks: [one, other])

        #expect(estimate(network, banks: [other, one]).distance(to: both) < 1e-4)
        #expect(estimate(network, banks: [one]).distance(to: both) > 1e-2)
    }

    @Test func `a change of noise levels is noticed`() throws {
        let network = try denoiser()
        let first = estimate(network)

        let later = estimate(network, timesteps: [333, 333, 666, 999])

        #expect(later.distance(to: first) > 1e-2)
        #expect(estimate(network).array == first.array)
    }

    @Test func `an observer sees every layer and changes nothing`() throws {
        let network = try denoiser()
        let unseen = estimate(network)
        var names: [String] = []

        network.observe = { name, _ in names.append(name) }
        let seen = estimate(network)

        #expect(seen.distance(to: unseen) < 1e-4)
        #expect(names.count(where: { $0.hasPrefix("up_blocks.3.") && !$0.contains("/") }) == 12)
        #expect(names.last == "conv_out")
    }

    @Test func `a file of another network is refused with the first key that it lacks`() throws {
        let path = FileManager.default.temporaryDirectory.path + "/empty-\(UUID()).safetensors"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let noTensors = Data([2, 0, 0, 0, 0, 0, 0, 0]) + Data("{}".utf8)
        try noTensors.write(to: URL(fileURLWithPath: path))

        #expect {
            try DenoisingUNet(from: Checkpoint(contentsOf: path), Self.model)
        } throws: { error in
            "\(error)".contains("'conv_in.weight'") && "\(error)".contains(path)
        }
    }
}
