import BuiltinNodes
import Dataflow
import Foundation
import Networks
import NodeKit
import Tensors
import Testing

extension Settings {
    /// The smallest networks, with weights by formula.
    static var mini: Settings {
        Settings(["model": .text("mini"), "weights": .text("synthetic")])
    }
}

@Suite struct NetworkNodeTests {
    private func picture(_ id: String, _ height: Int = 128, _ width: Int = 128) -> Tensor<UInt8> {
        SyntheticStream.image(id, height: height, width: width, cells: 6)
            .reshaped([1, height, width, 3])
    }

    @Test func `no kind of node guesses its model or its weights`() {
        let settings = BuiltinKinds.specs.flatMap(\.settings)
            .filter { ["model", "weights"].contains($0.name) }

        #expect(settings.count == 16)
        #expect(settings.allSatisfy { $0.defaultValue == nil && !$0.isOptional })
    }

    @Test func `networks that have one size need no model, and all others do`() {
        func lacks(_ settings: String) -> Int {
            GraphFile.check(
                text: """
                    nodes:
                      source: { use: camera, with: { device: "lavfi:testsrc" } }
                      encoder: { use: tiny-encoder, in: { frame: source.frame }, with: { \(settings) } }
                    """, registry: NodeRegistry(BuiltinKinds.specs)
            ).diagnostics.count { $0.code == "missing-setting" }
        }

        #expect(lacks("variant: flux2, weights: synthetic") == 0)
        #expect(lacks("weights: synthetic") == 1)
        #expect(lacks("variant: flux2") == 1)
        #expect(lacks("variant: sd") == 2)
    }

    @Test func `the small model alone has something to say of what it knows`() {
        func notice(_ kind: String, _ model: String, _ weights: String) -> String? {
            BuiltinKinds.notice(
                of: kind, Settings(["model": .text(model), "weights": .text(weights)]))
        }

        let text = notice("denoiser", "small", "Models/small")
        #expect(text?.hasPrefix("Models/small knows only faces that our renderer drew") == true)
        #expect(notice("denoiser", "full", "Models/pretrained_weights") == nil)
        #expect(notice("denoiser", "small", "synthetic") == nil)
        #expect(notice("video-encoder", "small", "Models/small") == nil)
    }

    @Test func `the extractor takes pictures of any size, down to a pixel`() throws {
        for (height, width) in [(1, 1), (37, 61), (300, 128)] {
            var harness = try NodeHarness(KeypointExtractorNode.self, .mini)

            try harness.tick([
                .init(KeypointExtractorNode.frame, picture("driver", height, width)),
                .init(KeypointExtractorNode.portrait, picture("portrait", width, height)),
            ])

            let keypoints = harness.received(KeypointExtractorNode.keypoints)
            #expect(keypoints.map(\.shape) == [[13, 21, 3]])
            #expect(harness.received(KeypointExtractorNode.face).count == 1)
        }
    }

    @Test func `the portrait's face is sent once`() throws {
        var harness = try NodeHarness(KeypointExtractorNode.self, .mini)
        try harness.tick([
            .init(KeypointExtractorNode.frame, picture("driver")),
            .init(KeypointExtractorNode.portrait, picture("portrait")),
        ])
        try harness.tick([.init(KeypointExtractorNode.frame, picture("driver"))])

        #expect(harness.received(KeypointExtractorNode.portraitFace).count == 1)
        #expect(harness.received(KeypointExtractorNode.keypoints).map { $0.shape[0] } == [13, 1])
        // What the first frame's keypoints lead from.
        let own = harness.received(KeypointExtractorNode.portraitKeypoints)
        let first = harness.received(KeypointExtractorNode.keypoints)[0].rows(0..<1)
        #expect(own.map(\.array) == [first.array])
    }

    @Test func `another portrait's keypoints are moved from where the driver was first`() throws {
        var harness = try NodeHarness(KeypointExtractorNode.self, .mini)
        for (driver, portrait) in [("a", "one"), ("b", "one"), ("b", "two"), ("b", "two")] {
            try harness.tick([
                .init(KeypointExtractorNode.frame, picture(driver)),
                .init(KeypointExtractorNode.portrait, picture(portrait)),
            ])
        }

        let keypoints = harness.received(KeypointExtractorNode.keypoints)
        #expect(keypoints.map { $0.shape[0] } == [13, 1, 1, 1])
        #expect(keypoints[1].array != keypoints[2].array)
        #expect(keypoints[2].array == keypoints[3].array)
        let own = harness.received(KeypointExtractorNode.portraitKeypoints)
        #expect(own.count == 2 && own[0].array != own[1].array)
    }

    @Test func `motion comes as tokens, with what leads to them at first`() throws {
        var harness = try NodeHarness(MotionEncoderNode.self, .mini)
        try harness.tick([
            .init(MotionEncoderNode.face, picture("face", 40, 50)),
            .init(MotionEncoderNode.portraitFace, picture("portrait", 60, 30)),
        ])
        try harness.tick([.init(MotionEncoderNode.face, picture("face", 41, 50))])

        #expect(
            harness.received(MotionEncoderNode.motion).map(\.shape) == [[13, 8, 16], [1, 8, 16]])
        let own = harness.received(MotionEncoderNode.portraitMotion)
        let first = harness.received(MotionEncoderNode.motion)[0].rows(0..<1)
        #expect(own.map(\.array) == [first.array])
    }

    /// An output without consumers keeps no value for a mixer that comes on air.
    @Test func `a consumer that comes is sent the portrait's own motion and keypoints`() throws {
        let stamp = Stamp(frame: 0, captured: 0, presentation: 0)
        func sent(by node: inout some Node, _ ports: [String], on port: String) throws -> [Int] {
            let message = Message(AnyTensor(picture("face")), stamp)
            let inputs = Inputs(
                stamp: stamp, messages: Dictionary(uniqueKeysWithValues: ports.map { ($0, message) }))
            var counts: [Int] = []
            for tick in 0..<4 {
                var outputs = Outputs(stamp: stamp)
                if tick % 2 == 0 { outputs.newConsumers = [port] }
                try node.process(inputs, into: &outputs)
                counts.append(outputs.sent.count { $0.port == port })
            }
            return counts
        }
        var encoder = try MotionEncoderNode(settings: .mini)
        var extractor = try KeypointExtractorNode(settings: .mini)

        let motion = try sent(
            by: &encoder, [MotionEncoderNode.face.name, MotionEncoderNode.portraitFace.name],
            on: MotionEncoderNode.portraitMotion.name)
        let keypoints = try sent(
            by: &extractor, [KeypointExtractorNode.frame.name, KeypointExtractorNode.portrait.name],
            on: KeypointExtractorNode.portraitKeypoints.name)

        #expect(motion == [1, 0, 1, 0])
        #expect(keypoints == [1, 0, 1, 0])
    }

    /// Latents with how many driving frames had come in when each was made.
    private func denoised(frames: Int, chunk: Int) throws -> (NodeHarness<DenoiserNode>, madeAfter: [Int]) {
        var harness = try NodeHarness(
            DenoiserNode.self, .mini.setting(DenoiserNode.chunk, to: chunk))
        let portrait = picture("portrait")
        var madeAfter: [Int] = []
        for frame in 0..<frames {
            let rows = frame == 0 ? 13 : 1
            let keypoints = SyntheticStream("keypoints\(frame)").unit([rows, 21, 3])
            let motion = SyntheticStream("motion\(frame)").unit([rows, 8, 16])
            try harness.tick([
                .init(DenoiserNode.keypoints, keypoints),
                .init(DenoiserNode.motion, motion),
                .init(DenoiserNode.portrait, portrait),
            ])
            let made = harness.received(DenoiserNode.latent).count
            madeAfter += Array(repeating: frame + 1, count: made - madeAfter.count)
        }
        try harness.finish()
        return (harness, madeAfter)
    }

    @Test func `the denoiser gives back every frame it takes, in order, also the last ones`() throws
    {
        for chunk in 1...4 {
            let (harness, _) = try denoised(frames: 6, chunk: chunk)

            #expect(harness.stamps(DenoiserNode.latent).map(\.frame) == [0, 1, 2, 3, 4, 5])
            #expect(harness.received(DenoiserNode.latent).allSatisfy { $0.shape == [1, 4, 16, 16] })
            #expect(harness.dropped.isEmpty)
        }
    }

    /// A frame leaves when three chunks have come after its own, so what a live picture's age is
    /// made of follows from the chunk.
    @Test func `smaller chunks leave the denoiser earlier`() throws {
        for (chunk, after) in [(1, 4), (2, 8), (3, 12)] {
            let (_, madeAfter) = try denoised(frames: 12, chunk: chunk)

            #expect(madeAfter.first == after)
            #expect(DenoiserNode.spec.resolved(with: Settings(["chunk": .integer(chunk)])).heldFrames == after - 1)
        }
    }

    @Test func `both decoders turn a latent into a frame eight times as large`() throws {
        let latent = SyntheticStream("latent").unit([1, 4, 4, 4])
        var full = try NodeHarness(VAEDecoderNode.self, .mini)
        var tiny = try NodeHarness(TinyDecoderNode.self, .mini)

        try full.tick([.init(VAEDecoderNode.latent, latent)])
        try tiny.tick([.init(TinyDecoderNode.latent, latent)])

        #expect(full.received(VAEDecoderNode.frame).map(\.shape) == [[1, 32, 32, 3]])
        #expect(tiny.received(TinyDecoderNode.frame).map(\.shape) == [[1, 32, 32, 3]])
    }

    @Test func `weights of another network are refused by name, file and shape`() throws {
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("\(UUID().uuidString).safetensors")
        defer { try? FileManager.default.removeItem(at: file) }
        let header =
            #"{"decoder.layers.0.weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#
        var data = Data()
        withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { data.append(contentsOf: $0) }
        data.append(Data(header.utf8))
        data.append(Data(count: 8))
        try data.write(to: file)
        let settings = Settings(["model": .text("mini"), "weights": .text(file.path)])

        let error = #expect(throws: CheckpointError.self) {
            _ = try TinyDecoderNode(settings: settings)
        }

        let text = try #require(error).description
        #expect(text.contains("decoder.layers.0.weight"))
        #expect(text.contains(file.path))
        #expect(text.contains("[2]"))
        #expect(text.contains("[16, 4, 3, 3]"))
    }

    /// A folder as diffusers has it: weights of one network, and a `config.json` that is not ours.
    private func diffusersFolder(_ read: (Checkpoint) throws -> Void) throws -> String {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(#"{"_class_name": "Autoencoder", "sample_size": 256}"#.utf8)
            .write(to: folder.appendingPathComponent("config.json"))
        nonisolated(unsafe) var asked: [String: [Int]] = [:]
        try read(
            .computed("nowhere") { key, shape in
                asked[key] = shape
                return Tensor(repeating: 1, shape: shape)
            })
        let entries = asked.sorted { $0.key < $1.key }
        let writer = try SafetensorsWriter(
            path: folder.path + "/diffusion_pytorch_model.safetensors",
            entries.map { .init(key: $0.key, shape: $0.value) }, as: .float32, metadata: [:])
        for (_, shape) in entries { try writer.append(Tensor<Float>(repeating: 1, shape: shape)) }
        try writer.finish()
        return folder.path
    }

    @Test func `a decoder takes the folder that diffusers has of its autoencoder`() throws {
        let vae = try diffusersFolder { _ = try VAEDecoder(from: $0, ModelConfiguration.mini.vae) }
        let tiny = try diffusersFolder {
            _ = try TinyDecoder(from: $0, ModelConfiguration.mini.tinyAutoencoder)
        }
        defer { for folder in [vae, tiny] { try? FileManager.default.removeItem(atPath: folder) } }

        #expect(throws: Never.self) {
            _ = try VAEDecoderNode(settings: Settings(["model": .text("mini"), "weights": .text(vae)]))
        }
        #expect(throws: Never.self) {
            _ = try TinyDecoderNode(settings: Settings(["model": .text("mini"), "weights": .text(tiny)]))
        }
    }
}
