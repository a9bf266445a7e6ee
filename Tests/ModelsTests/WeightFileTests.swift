import Foundation
import Models
import Networks
import Tensors
import Testing

/// Checking and rewriting files of weights, with the smallest networks.
@Suite struct WeightFileTests {
    private let folder = TemporaryFolder()

    private func write(
        _ network: String, as name: String? = nil, type: ElementType = .float32,
        _ change: (WeightTable.Entry) -> WeightTable.Entry? = { $0 }
    ) throws -> String {
        let table = try #require(WeightTable(network, .mini))
        let entries = table.entries.filter { $0.role != .constant }.compactMap(change)
        let path = "\(folder.path)/\(name ?? network).safetensors"
        try FileManager.default.createDirectory(
            at: URL(fileURLWithPath: path).deletingLastPathComponent(),
            withIntermediateDirectories: true)
        let writer = try SafetensorsWriter(
            path: path, entries.map { .init(key: $0.key, shape: $0.shape) }, as: type, metadata: [:]
        )
        let weights = Checkpoint.synthetic(namespace: "mini", network: network)
        for entry in entries { try writer.append(weights.tensor(entry.key, entry.shape)) }
        try writer.finish()
        return path
    }

    @Test func `a rewritten checkpoint has the same weights, rounded to its type`() throws {
        let table = try #require(WeightTable("taesd", .mini))
        let source = Checkpoint.synthetic(namespace: "mini", network: "taesd")
        for (type, error) in [(ElementType.float32, 0), (.float16, 1e-3), (.bfloat16, 8e-3)]
            as [(ElementType, Float)]
        {
            let path = "\(folder.path)/\(type.name).safetensors"
            try WeightRewriting(source, table, as: type)(to: path) { _ in }

            let found = try Checkpoint(contentsOf: path)
            let check = WeightCheck("taesd", files: [path], .mini)
            #expect(check.isSound)
            #expect(check.precision == type.name)
            for entry in table.entries {
                let pairs = zip(
                    try found.tensor(entry.key, entry.shape).array,
                    try source.tensor(entry.key, entry.shape).array)
                for (found, golden) in pairs {
                    // Both halves round to the nearest, to 11 and 8 bits.
                    #expect(abs(found - golden) <= error / 2 * abs(golden) + 1e-7)
                }
            }
        }
    }

    @Test func `halves are rounded as the processor's own are`() throws {
        var values: [Float] = [
            0, -0, 65504, 65519.9, 65520, 1e-8, 2.98e-8, 6e-8, .infinity, 6.1e-5,
        ]
        values += (0..<2000).map { Float(bitPattern: UInt32($0) &* 2_654_435_761) }
            .filter { !$0.isNaN }
        let tensor = Tensor(values, shape: [values.count])
        let path = folder.path + "/h.safetensors"
        let writer = try SafetensorsWriter(
            path: path, [.init(key: "w", shape: tensor.shape)], as: .float16, metadata: [:])
        try writer.append(tensor)
        try writer.finish()

        let found = try Checkpoint(contentsOf: path).tensor("w", tensor.shape).array
        for (value, half) in zip(values, found) {
            #expect(half == Float(Float16(value)), "\(value)")
        }
    }

    @Test func `everything that is wrong with a file is told at once`() throws {
        let path = try write("pose_guider") { entry in
            switch entry.key {
            case "conv_in.bias", "blocks.0.weight": nil
            case "conv_in.weight": .init(key: entry.key, shape: [3, 8])
            case "blocks.1.bias": .init(key: "blocks.1.gain", shape: entry.shape)
            default: entry
            }
        }

        let check = WeightCheck("pose_guider", files: [path], .mini)

        #expect(!check.isSound)
        #expect(check.missing == ["conv_in.bias", "blocks.0.weight", "blocks.1.bias"])
        #expect(
            check.wrong == [
                CheckpointError.wrongShape(
                    key: "conv_in.weight", file: path, found: [3, 8], needed: [8, 3, 3, 3])
            ])
        #expect(check.surplus == ["blocks.1.gain"])
        #expect(check.lines.count == 5)
    }

    @Test func `the denoiser is laid over from base, own file and temporal modules`() throws {
        let isSpatial = { (key: String) in !key.contains("_modules.") }
        _ = try write(
            "denoising_unet", as: "sd-image-variations-diffusers/unet/diffusion_pytorch_model",
            type: .float16
        ) { isSpatial($0.key) ? $0 : nil }
        _ = try write("denoising_unet", as: "personalive/denoising_unet") {
            $0.key.contains("motion_modules.") || $0.key == "conv_in.weight" ? $0 : nil
        }
        _ = try write("denoising_unet", as: "personalive/temporal_module") {
            $0.key.contains("temporal_modules.") ? $0 : nil
        }

        let files = WeightFolder(folder.path).files(of: "denoising_unet")
        let check = WeightCheck("denoising_unet", files: files, .mini)
        let found = try Checkpoint.open(folder.path, size: "mini", network: "denoising_unet")

        #expect(
            files.map { URL(fileURLWithPath: $0).lastPathComponent } == [
                "diffusion_pytorch_model.safetensors", "denoising_unet.safetensors",
                "temporal_module.safetensors",
            ])
        #expect(check.isSound)
        let golden = Checkpoint.synthetic(namespace: "mini", network: "denoising_unet")
        let shape = [32, 4, 3, 3]
        #expect(
            try found.tensor("conv_in.weight", shape).array
                == golden.tensor("conv_in.weight", shape).array)
        #expect(throws: Never.self) { try DenoisingUNet(from: found, .mini) }
    }

    @Test func `the VAE's older names are read, matrices stored as convolutions too`() throws {
        let names = ["to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"]
        let path = try write("vae", as: "sd-vae-ft-mse/diffusion_pytorch_model") { entry in
            guard entry.key.contains("attentions") else { return entry }
            var key = entry.key
            for (new, old) in names { key = key.replacing(".\(new).", with: ".\(old).") }
            let isMatrix = key.hasPrefix("decoder") && entry.shape.count == 2
            return .init(
                key: key, shape: entry.shape + (isMatrix ? [1, 1] : []))
        }

        let check = WeightCheck("vae", files: [path], .mini)
        let found = try Checkpoint.open(folder.path, size: "mini", network: "vae")

        #expect(check.lines == [])
        #expect(throws: Never.self) { try VAEDecoder(from: found, ModelConfiguration.mini.vae) }
    }

    @Test func `TAESD is read from its two original files`() throws {
        for (half, shift) in [("encoder", 0), ("decoder", 1)] {
            _ = try write("taesd", as: "taesd_\(half)") { entry in
                guard entry.key.hasPrefix(half) else { return nil }
                let parts = entry.key.split(separator: ".", maxSplits: 3)
                let index = Int(parts[2])! + shift
                return .init(key: "\(index).\(parts[3])", shape: entry.shape)
            }
        }

        let files = WeightFolder(folder.path).files(of: "taesd")
        let found = try Checkpoint.open(folder.path, size: "mini", network: "taesd")
        let alone = try Checkpoint(contentsOf: folder.path + "/taesd_decoder.safetensors")

        #expect(files.count == 2)
        #expect(WeightCheck("taesd", files: files, .mini).lines == [])
        let tiny = ModelConfiguration.mini.tinyAutoencoder
        #expect(throws: Never.self) { try TinyEncoder(from: found, tiny) }
        #expect(throws: Never.self) { try TinyDecoder(from: alone, tiny) }
    }

    @Test func `a checkpoint in shards is read by its index`() throws {
        let isFirst = { (key: String) in key.hasPrefix("encoder") }
        _ = try write("vae", as: "vae-1") { isFirst($0.key) ? $0 : nil }
        _ = try write("vae", as: "vae-2") { isFirst($0.key) ? nil : $0 }
        let table = try #require(WeightTable("vae", .mini))
        let map = table.entries.map {
            "\"\($0.key)\":\"vae-\(isFirst($0.key) ? 1 : 2).safetensors\""
        }
        let index = folder.path + "/vae.safetensors.index.json"
        try Data("{\"weight_map\":{\(map.joined(separator: ","))}}".utf8)
            .write(to: URL(fileURLWithPath: index))

        #expect(WeightFolder(folder.path).files(of: "vae") == [index])
        #expect(WeightCheck("vae", files: [index], .mini).isSound)
    }

    @Test(arguments: [
        "{", "{\"weight_map\":{\"w\":\"../w\"}}", "{\"weight_map\":{\"w\":\"none\"}}",
    ])
    func `an index that leads elsewhere is refused`(text: String) throws {
        let index = folder.path + "/vae.safetensors.index.json"
        try Data(text.utf8).write(to: URL(fileURLWithPath: index))

        #expect(throws: CheckpointError.self) { try Checkpoint(contentsOf: index) }
    }

    @Test func `a file that cannot be written leaves nothing behind`() throws {
        let table = try #require(WeightTable("taesd", .mini))
        let empty = Checkpoint.computed("nothing") { _, _ in nil }

        #expect(throws: CheckpointError.self) {
            try WeightRewriting(empty, table, as: .float32)(to: folder.path + "/w") { _ in }
        }
        #expect(throws: CheckpointError.self) {
            try WeightRewriting(empty, table, as: .float32)(to: folder.path + "/no/w") { _ in }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }

    @Test func `a cached file with other bytes than its name says is found`() throws {
        let blobs = folder.path + "/blobs"
        try FileManager.default.createDirectory(atPath: blobs, withIntermediateDirectories: true)
        // `printf small | sha256sum`, and Git's name of the same bytes.
        let sums = [
            "81db8ebbbbc69c6c6ad4a6aa92b76e0c08af547da236b9e2c9dbe1d8285a8130",
            "64c3ecd7abb014643a372e0155b41cfca014c01f",
        ]
        for sum in sums {
            try Data("small".utf8).write(to: URL(fileURLWithPath: "\(blobs)/\(sum)"))
            #expect(try Checksum(of: "\(blobs)/\(sum)") == .matches)
        }

        try Data("smell".utf8).write(to: URL(fileURLWithPath: "\(blobs)/\(sums[0])"))

        guard case .differs = try Checksum(of: "\(blobs)/\(sums[0])") else {
            Issue.record("not noticed")
            return
        }
        #expect(try Checksum(of: blobs) == .unknown)
    }
}
