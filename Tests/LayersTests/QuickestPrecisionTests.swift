import Foundation
import Layers
import Tensors
import Testing

struct QuickestPrecisionTests {
    @Test func `what a device computes fastest in is what is usual there, but on a processor that multiplies BF16`() throws {
        let processor = try String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
        let multipliesNarrow = ["avx512_bf16", "avx512_fp16"].contains { processor.contains($0) }

        #expect(WeightStorage.Precision.quickest(on: .cuda(0)) == .float16)
        #expect(WeightStorage.Precision.quickest(on: .torch) == .float32)
        if !multipliesNarrow { #expect(WeightStorage.Precision.quickest(on: .cpu) == .float32) }
        #expect(WeightStorage.Precision.quickest(on: .cpu) != .float16)
    }
}
