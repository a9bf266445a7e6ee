import Layers
import Tensors
import Testing

@Suite struct PatchesTests {
    @Test func `a token's values become the pixels of its patch`() {
        // 2 × 2 patches of 2 × 2 pixels with one channel: token t holds 10 t + (0 1 / 2 3).
        let tokens = Tensor<Float>((0..<16).map { Float($0 / 4 * 10 + $0 % 4) }, shape: [1, 4, 4])

        let image = tokens.pixelsOfPatches(side: 2, patch: 2)

        #expect(image.shape == [1, 4, 4, 1])
        #expect(image.array == [0, 1, 10, 11, 2, 3, 12, 13, 20, 21, 30, 31, 22, 23, 32, 33])
    }

    @Test func `every channel has its own table`() {
        let bytes = Tensor<UInt8>([0, 1, 2, 255], shape: [1, 1, 2, 2])
        let tables = [(0..<256).map { Float($0) }, (0..<256).map { Float($0) * -1 }]

        #expect(bytes.looked(up: tables).array == [0, -1, 2, -255])
    }
}
