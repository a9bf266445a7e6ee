import BuiltinNodes
import Dataflow
import Foundation
import Layers
import NodeKit
import Tensors
import Testing

private let isLibtorchThere =
    ProcessInfo.processInfo.environment["PERSONALIVE_DEVICES"] == "required"
    || (try? TorchLibrary.find(for: .torch)) != nil

extension Settings {
    fileprivate static func mini(on device: String, precision: String? = nil) -> Settings {
        var values = ["model": "mini", "weights": "synthetic", "device": device]
        values["precision"] = precision
        return Settings(values.mapValues { .text($0) })
    }
}

/// Nodes whose networks compute on a device: the same answers as on the processor.
@Suite(.enabled(if: isLibtorchThere, "no libtorch here: 'make test-training' installs one"))
struct DeviceNodeTests {
    private func picture(_ id: String) -> Tensor<UInt8> {
        SyntheticStream.image(id, height: 128, width: 128, cells: 6).reshaped([1, 128, 128, 3])
    }

    /// By how much two results differ, of the largest value.
    private func difference(_ one: [Tensor<Float>], _ other: [Tensor<Float>]) -> Float {
        guard !one.isEmpty, one.map(\.shape) == other.map(\.shape) else { return .infinity }
        let (one, other) = (one.flatMap(\.array), other.flatMap(\.array))
        return zip(one, other).reduce(0) { max($0, abs($1.0 - $1.1)) } / (other.map(abs).max() ?? 1)
    }

    @Test func `the driver's head and face`() throws {
        let (keypoints, motion) = try answers(on: "torch")
        let (ownKeypoints, ownMotion) = try answers(on: "cpu")

        #expect(difference(keypoints, ownKeypoints) < 1e-4)
        #expect(difference(motion, ownMotion) < 1e-4)
    }

    private func answers(on device: String) throws -> ([Tensor<Float>], [Tensor<Float>]) {
        var extractor = try NodeHarness(KeypointExtractorNode.self, .mini(on: device))
        try extractor.tick([
            .init(KeypointExtractorNode.frame, picture("driver")),
            .init(KeypointExtractorNode.portrait, picture("portrait")),
        ])
        var encoder = try NodeHarness(MotionEncoderNode.self, .mini(on: device))
        try encoder.tick([
            .init(MotionEncoderNode.face, picture("face")),
            .init(MotionEncoderNode.portraitFace, picture("portrait")),
        ])
        return (
            extractor.received(KeypointExtractorNode.keypoints),
            encoder.received(MotionEncoderNode.motion)
        )
    }

    @Test func `frames and latents of both autoencoders`() throws {
        let latent = SyntheticStream("latent").unit([1, 4, 16, 16])
        func frames<Subject: Node>(
            _: Subject.Type, _ input: NodeKit.Port<Float>, _ output: NodeKit.Port<UInt8>,
            on device: String
        ) throws -> [UInt8] {
            var harness = try NodeHarness(Subject.self, .mini(on: device))
            try harness.tick([.init(input, latent)])
            return harness.received(output).flatMap(\.array)
        }
        func latents(on device: String) throws -> [Tensor<Float>] {
            var harness = try NodeHarness(TinyEncoderNode.self, .mini(on: device))
            try harness.tick([.init(TinyEncoderNode.frame, picture("frame"))])
            return harness.received(TinyEncoderNode.latent)
        }

        let full = try ["torch", "cpu"].map {
            try frames(VAEDecoderNode.self, VAEDecoderNode.latent, VAEDecoderNode.frame, on: $0)
        }
        let tiny = try ["torch", "cpu"].map {
            try frames(TinyDecoderNode.self, TinyDecoderNode.latent, TinyDecoderNode.frame, on: $0)
        }

        for frames in [full, tiny] {
            #expect(frames[0].count == 128 * 128 * 3 && frames[0].count == frames[1].count)
            #expect(zip(frames[0], frames[1]).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
        }
        #expect(try difference(latents(on: "torch"), latents(on: "cpu")) < 1e-4)
    }

    /// Latents of some frames; the state after `resumingAfter` of them goes over to another device.
    private func latents(
        frames: Int, on device: String, resumingAfter: Int = .max, on other: String = ""
    ) throws -> [Tensor<Float>] {
        var harness = try NodeHarness(DenoiserNode.self, .mini(on: device))
        var before: [Tensor<Float>] = []
        for frame in 0..<frames {
            if frame == resumingAfter {
                let state = try #require(harness.node.save())
                before = harness.received(DenoiserNode.latent)
                var node = try DenoiserNode(settings: .mini(on: other))
                node.restore(state.bytes)
                harness = try NodeHarness(resuming: node)
            }
            let rows = frame == 0 ? 13 : 1
            try harness.tick([
                .init(DenoiserNode.keypoints, SyntheticStream("k\(frame)").unit([rows, 21, 3])),
                .init(DenoiserNode.motion, SyntheticStream("m\(frame)").unit([rows, 8, 16])),
                .init(DenoiserNode.portrait, picture("portrait")),
            ])
        }
        try harness.finish()
        return before + harness.received(DenoiserNode.latent)
    }

    @Test func `a denoiser's state goes from the processor to a device and back`() throws {
        let own = try latents(frames: 24, on: "cpu")

        let there = try latents(frames: 24, on: "torch")
        let moved = try latents(frames: 24, on: "cpu", resumingAfter: 8, on: "torch")
        let back = try latents(frames: 24, on: "torch", resumingAfter: 12, on: "cpu")

        #expect(own.count == 24)
        for found in [there, moved, back] { #expect(difference(found, own) < 1e-3) }
    }
}

@Suite struct DeviceSettingTests {
    @Test func `halves need a device`() {
        #expect(throws: DeviceError.noHalves) {
            try NodeHarness(VAEDecoderNode.self, .mini(on: "cpu", precision: "f16"))
        }
    }

    @Test func `a device that does not exist is found by the check, with the nearest`() {
        let found = GraphFile.check(
            text: """
                nodes:
                  source: { use: camera, with: { device: "lavfi:testsrc" } }
                  encoder:
                    use: tiny-encoder
                    in: { frame: source.frame }
                    with: { model: mini, weights: synthetic, device: cudo }
                """, registry: NodeRegistry(BuiltinKinds.specs))

        #expect(found.text.contains("did you mean 'cuda'"), "\(found.text)")
    }

    @Test func `what a node takes on a GPU is not counted as this machine's memory`() {
        let kind = DenoiserNode.spec.kind
        let here = BuiltinKinds.memory(of: kind, .mini(on: "cpu"))
        let there = BuiltinKinds.memory(of: kind, .mini(on: "torch"))

        #expect(BuiltinKinds.memory(of: kind, .mini(on: "cuda")) == nil)
        #expect((there?.total ?? 0) > (here?.total ?? .max))
    }

    /// The published model in halves; figures of parameters are those of the published files.
    @Test func `what networks take of a GPU is their weights in halves, their maps and a context`() throws {
        func settings(_ more: [String: SettingValue]) -> Settings {
            let all: [String: SettingValue] = ["model": .text("full"), "weights": .text("synthetic")]
            return Settings(all.merging(more) { $1 })
        }
        func bytes(_ kind: String, _ more: [String: SettingValue] = [:]) throws -> Int {
            let there = settings(["device": .text("cuda:1")].merging(more) { $1 })
            let found = try #require(BuiltinKinds.gpuMemory(of: kind, there))
            #expect(found.device == .cuda(1))
            return found.bytes
        }

        let half = try bytes(DenoiserNode.spec.kind)
        let whole = try bytes(DenoiserNode.spec.kind, ["precision": .text("f32")])

        #expect(half > 5_000_000_000 && half < 9_000_000_000)
        #expect(whole > 10_000_000_000 && whole < 2 * half)
        #expect(try bytes(VAEDecoderNode.spec.kind) < 2_500_000_000)
        #expect(BuiltinKinds.gpuMemory(of: DenoiserNode.spec.kind, settings([:])) == nil)
        #expect(
            BuiltinKinds.gpuMemory(of: DenoiserNode.spec.kind, settings(["device": .text("torch")])) == nil)
    }

    @Test func `the devices of a graph's nodes are known, and those of a camera are none`() {
        #expect(BuiltinKinds.device(of: "vae-decoder", .mini(on: "cuda:1")) == "cuda:1")
        #expect(BuiltinKinds.device(of: "vae-decoder", .mini(on: "cpu")) == nil)
        #expect(
            BuiltinKinds.device(of: "camera", Settings(["device": .text("/dev/video0")])) == nil)
    }
}
