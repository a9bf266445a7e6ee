import BuiltinNodes
import Foundation
import Layers
import Media
import Networks
import NodeKit
import Tensors
import Testing

/// The tiny autoencoder's nodes, in the calling thread.
@Suite struct TinyAutoencoderTests {
    private static let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    private static let shared =
        ProcessInfo.processInfo.environment["PERSONALIVE_SHARED"]
        ?? package.appendingPathComponent("../shared").path
    private static let fixture = shared + "/reference/fixtures/taef2_real.safetensors"
    private static let hasShared = FileManager.default.fileExists(atPath: fixture)

    private static let variant = Setting("variant", String.self, default: "sd")
    private static let weights = Setting("weights", String.self, default: "synthetic")

    private func latents(
        of frame: Tensor<UInt8>, _ settings: Settings
    ) throws -> (latent: Tensor<Float>, warnings: [String]) {
        var encoder = try NodeHarness(TinyEncoderNode.self, settings)
        try encoder.tick([.init(TinyEncoderNode.frame, frame)])
        return (
            try #require(encoder.received(TinyEncoderNode.latent).first), encoder.warnings
        )
    }

    private func roundTrip(_ frame: Tensor<UInt8>, _ settings: Settings) throws -> Tensor<UInt8> {
        var decoder = try NodeHarness(TinyDecoderNode.self, settings)
        try decoder.tick([.init(TinyDecoderNode.latent, latents(of: frame, settings).latent)])
        return try #require(decoder.received(TinyDecoderNode.frame).first)
    }

    @Test(arguments: [("sd", 4), ("flux2", 32)])
    func `a frame goes to a latent an eighth its size, and back`(
        variant: String, channels: Int
    ) throws {
        let settings = Settings.mini.setting(Self.variant, to: variant)
        let frame = SyntheticStream.image("tiny", height: 16, width: 24, cells: 4)
            .reshaped([1, 16, 24, 3])

        let found = try latents(of: frame, settings)

        #expect(found.latent.shape == [1, channels, 2, 3])
        #expect(found.warnings.isEmpty)
        #expect(try roundTrip(frame, settings).shape == frame.shape)
    }

    @Test func `what is over beyond a multiple of 8 is cut off, and said once`() throws {
        let frame = Tensor<UInt8>(repeating: 9, shape: [1, 19, 15, 3])
        var encoder = try NodeHarness(TinyEncoderNode.self, .mini)

        for _ in 0..<2 { try encoder.tick([.init(TinyEncoderNode.frame, frame)]) }

        #expect(encoder.received(TinyEncoderNode.latent).map(\.shape) == [[1, 4, 2, 1], [1, 4, 2, 1]])
        #expect(
            encoder.warnings == [
                "frames of 15x19 pixels are cut to 8x16: a latent covers 8x8 pixels"
            ])
    }

    @Test func `a frame of fewer than 8 rows is refused`() throws {
        var encoder = try NodeHarness(TinyEncoderNode.self, .mini)

        #expect(throws: (any Error).self) {
            try encoder.tick([
                .init(TinyEncoderNode.frame, Tensor<UInt8>(repeating: 9, shape: [1, 7, 16, 3]))
            ])
        }
    }

    /// The published weights on a photo: as near to the photo as PyTorch's result is, as numbers and
    /// as the nodes' bytes. Bytes are cut off below, and since this decoder's pictures are a little
    /// too bright, that brings them 0.3 dB nearer.
    @Test(.enabled(if: hasShared))
    func `the published autoencoder gives the picture back as PyTorch does`() throws {
        let fixture = try SafetensorsFile(contentsOf: Self.fixture)
        let picture = try #require(fixture.stored("in/image_u8", as: UInt8.self))
            .reshaped([1, 256, 256, 3])
        let golden = try #require(fixture.stored("out/decoded", as: Float.self))
        let settings = Settings().setting(Self.variant, to: "flux2")
            .setting(Self.weights, to: Self.shared + "/weights")
        let weights = { (half: String) in
            try Checkpoint(contentsOf: "\(Self.shared)/weights/taef2_\(half).pth")
        }

        let image = picture.floats(centred: false)
        let ours = try TinyDecoder(from: weights("decoder"), .flux2)(
            TinyEncoder(from: weights("encoder"), .flux2)(image))
        let bytes = try roundTrip(picture, settings)

        let expected = Self.decibels(golden.channelsLast(), to: image)
        #expect(abs(expected - 33.6) < 0.1)
        #expect(abs(Self.decibels(ours, to: image) - expected) < 0.01)
        let goldenBytes = golden.channelsLast().scaled(by: 2, plus: -1).rgb8()
        #expect(
            abs(Self.decibels(bytes, to: picture) - Self.decibels(goldenBytes, to: picture)) < 0.01)
    }

    private static func decibels(_ a: Tensor<UInt8>, to b: Tensor<UInt8>) -> Double {
        FilmComparison.decibels(ofSquaredError: FilmComparison.squaredError(a, b))
    }

    /// Peak signal-to-noise ratio of images in 0...1.
    private static func decibels(_ a: Tensor<Float>, to b: Tensor<Float>) -> Double {
        let sum = zip(a.array, b.array).reduce(0.0) { sum, pair in
            let difference = Double(min(max(pair.0, 0), 1)) - Double(pair.1)
            return sum + difference * difference
        }
        return -10 * log10(sum / Double(a.count))
    }
}
