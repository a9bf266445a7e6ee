import Foundation
import Layers
import Parity
import Tensors
import Testing

/// Networks with narrow weights against golden values of weights that were rounded first
/// (Fixtures/rounded.py). Inputs hardly vary: with 1e-6 for 1e-5 in the first normalisation the result is off
/// by 32 % of its norm.
@Suite struct RoundedFixtureTests {
    private func line(_ storage: WeightStorage) throws -> ParityLine {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Fixtures").path
        let lines = try ParityRun(folder: folder, filter: "rounded", storage: storage)() { _ in }
        return try #require(lines.first)
    }

    @Test func `rounded weights in F32 are met as exactly as any`() throws {
        let line = try line(WeightStorage())

        #expect(line.passed && line.relativeError < 5e-5, "\(line)")
    }

    @Test func `narrow weights leave the error of their own arithmetic`() throws {
        let line = try line(WeightStorage(.bfloat16))

        #expect(line.passed && line.relativeTolerance < 0.06, "\(line)")
    }

    @Test(
        .enabled(if: isLibtorchThere, "no libtorch here: 'make test-training' installs one"),
        arguments: [WeightStorage.Precision.float32, .float16])
    func `libtorch meets them, too`(precision: WeightStorage.Precision) throws {
        try TorchLibrary.open(for: .torch)
        let line = try line(WeightStorage(precision, device: .torch))

        #expect(line.passed && line.relativeTolerance < 0.06, "\(line)")
    }
}
