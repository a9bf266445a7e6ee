import Tensors
import Testing

@Suite struct CheckpointTests {
    let folder = TemporaryFolder()

    private func checkpoint(_ header: String, _ data: [UInt8]) throws -> Checkpoint {
        try Checkpoint(contentsOf: folder.write(safetensors(header, data: data)))
    }

    @Test func `single, half and brain floats are all read as single`() throws {
        let header = """
            {"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},\
            "b":{"dtype":"F16","shape":[4],"data_offsets":[8,16]},\
            "c":{"dtype":"BF16","shape":[1,2],"data_offsets":[16,20]}}
            """
        let halves: [Float16] = [-1.5, 65504, 5.9604645e-08, .infinity]
        let data = bytes([Float(0.1), -2]) + bytes(halves) + [0x80, 0x3f, 0x49, 0xc0]

        let checkpoint = try checkpoint(header, data)

        #expect(try checkpoint.tensor("a", [2]).array == [0.1, -2])
        #expect(try checkpoint.tensor("b", [4]).array == [-1.5, 65504, 5.9604645e-08, .infinity])
        #expect(try checkpoint.tensor("c", [1, 2]).array == [1, -3.140625])
    }

    @Test func `a stored single-precision weight is a view into the mapped file`() throws {
        let header = #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  "#
        let checkpoint = try checkpoint(header, bytes([Float(1), 2]))

        let one = try checkpoint.tensor("a", [2])
        let two = try checkpoint.tensor("a", [2])

        #expect(one.pointer == two.pointer)
    }

    @Test func `a weight at an odd address is copied`() throws {
        let header = #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} "#
        #expect(header.utf8.count % 4 != 0)

        let tensor = try checkpoint(header, bytes([Float(1), 2])).tensor("a", [2])

        #expect(tensor.array == [1, 2])
        #expect(UInt(bitPattern: tensor.pointer) % 4 == 0)
    }

    @Test func `scopes spell out the full key`() throws {
        let header = #"{"mid.conv.bias":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#
        let conv = try checkpoint(header, bytes([Float(7)])).scope("mid").scope("conv")

        #expect(conv.contains("bias"))
        #expect(!conv.contains("weight"))
        #expect(try conv.tensor("bias", [1]).array == [7])
    }

    @Test func `a missing weight names its full key, its file and the nearest one`() throws {
        let header = #"{"model.conv_in.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#
        let file = try folder.write(safetensors(header, data: bytes([Float(7)])))
        let error = CheckpointError.missing(
            key: "conv_in.weight", file: file, nearest: "model.conv_in.weight")

        #expect(throws: error) {
            try Checkpoint(contentsOf: file).scope("conv_in").tensor("weight", [1])
        }
        #expect(
            "\(error)" == "the network needs weight 'conv_in.weight', which \(file) lacks; "
                + "did you mean 'model.conv_in.weight'?")
    }

    @Test func `a weight of another shape says found and needed`() throws {
        let header = #"{"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}"#
        let file = try folder.write(safetensors(header, data: bytes([Float(7), 8])))
        let error = CheckpointError.wrongShape(
            key: "w", file: file, found: [2, 1], needed: [1, 2])

        #expect(throws: error) { try Checkpoint(contentsOf: file).tensor("w", [1, 2]) }
        #expect("\(error)" == "weight 'w' in \(file) is [2, 1], but the network needs [1, 2]")
    }

    @Test func `whole numbers are no weights`() throws {
        let header = #"{"w":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}"#
        let file = try folder.write(safetensors(header, data: bytes([Int64(7)])))

        #expect(throws: CheckpointError.notWeights(key: "w", file: file, found: "I64")) {
            try Checkpoint(contentsOf: file).tensor("w", [1])
        }
    }

    @Test func `a setting is a word, a file or a folder`() throws {
        let header = #"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#
        let file = try folder.write(
            safetensors(header, data: bytes([Float(7)])), as: "vae.safetensors")

        let byFolder = try Checkpoint.open(folder.path, size: "mini", network: "vae")
        let byFile = try Checkpoint.open(file, size: "mini", network: "vae")
        let word = try Checkpoint.open("synthetic", size: "mini", network: "vae")

        #expect(try byFolder.tensor("w", [1]).array == [7])
        #expect(try byFile.tensor("w", [1]).array == [7])
        #expect(word.origin == "synthetic mini/vae")
        #expect(throws: CheckpointError.noFile(folder: folder.path, network: "taesd")) {
            try Checkpoint.open(folder.path, size: "mini", network: "taesd")
        }
        #expect(
            throws: CheckpointError.unreadable(
                file: "/nowhere/at.all", reason: "No such file or directory")
        ) {
            try Checkpoint.open("/nowhere/at.all", size: "mini", network: "vae")
        }
    }

    @Test func `the folder of one autoencoder will do where that is asked for`() throws {
        let header = #"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#
        let file = try folder.write(
            safetensors(header, data: bytes([Float(7)])),
            as: "diffusion_pytorch_model.safetensors")

        #expect(WeightFolder(folder.path).files(of: "vae") == [file])
        #expect(WeightFolder(folder.path).files(of: "taesd") == [file])
        #expect(WeightFolder(folder.path).files(of: "reference_unet") == [])
    }
}
