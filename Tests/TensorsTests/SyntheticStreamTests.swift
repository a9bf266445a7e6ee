import Tensors
import Testing

/// The values are those of the generator's published test vectors.
@Suite struct SyntheticStreamTests {
    @Test func `a name and an index give known bits`() {
        #expect(SyntheticStream("").bits(0) == 0xc381_7c01_6ba4_ff30)
        #expect(SyntheticStream("a").bits(2) == 0xfdfa_b147_e960_346e)
        #expect(SyntheticStream("in/test").bits(1_048_576) == 0x8580_94b7_f280_7dbf)
    }

    @Test func `even and bell-shaped numbers are exact`() {
        let stream = SyntheticStream("in/test")

        #expect(
            stream.unit([3]).array.map(\.bitPattern) == [0xbe6f_7428, 0xbe3c_adf0, 0xbedb_9cd8])
        #expect(
            stream.gauss([3]).array.map(\.bitPattern) == [0xbf58_d6f2, 0x3dd4_dca0, 0xbef5_9b4c])
        #expect(stream.gauss([2], from: 1).array == Array(stream.gauss([3]).array.dropFirst()))
    }

    @Test func `a weight's rule follows from its key`() throws {
        func bits(_ network: String, _ key: String, _ shape: [Int]) throws -> UInt32 {
            let parts = network.split(separator: "/").map(String.init)
            return try Checkpoint.synthetic(namespace: parts[0], network: parts[1])
                .tensor(key, shape).array[0].bitPattern
        }

        #expect(
            try bits("full/denoising_unet", "conv_in.weight", [320, 4, 3, 3]) == 0xbdcc_ba88)
        #expect(
            try bits("full/denoising_unet", "down_blocks.0.resnets.0.norm1.weight", [320])
                == 0x3f88_a08a)
        #expect(
            try bits("full/motion_encoder", "model.conv2.bn1.running_var", [64]) == 0x3f91_834e)
        #expect(
            try bits("full/motion_extractor", "detector.fc_pitch.weight", [66, 768])
                == 0x3d0e_73a6)
        #expect(try bits("mini/motion_encoder", "model.conv6.bias", [1]) == 0x407c_ba66)
    }

    @Test func `normal numbers have mean 0, variance 1 and the right tails`() {
        let values = SyntheticStream("noise/1/0").normal([20001]).array.map(Double.init)

        let mean = values.reduce(0, +) / 20001
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 20001
        let beyondTwo = values.filter { abs($0) > 2 }.count
        #expect(abs(mean) < 0.03)
        #expect(abs(variance - 1) < 0.04)
        #expect((800...1020).contains(beyondTwo))  // 4.55 % of a normal distribution
    }

    @Test func `smooth pictures have known pixels`() {
        let image = SyntheticStream.image("in/test", height: 16, width: 24, cells: 4).array
        let frame = SyntheticStream.frame("in/test", time: 11, height: 16, width: 24, cells: 4)
            .array

        #expect(Array(image[0..<9]) == [98, 51, 244, 99, 65, 242, 100, 80, 240])
        let pixel = (9 * 24 + 10) * 3
        #expect(Array(image[pixel..<pixel + 3]) == [136, 149, 160])
        #expect(Array(frame[pixel..<pixel + 3]) == [123, 154, 89])
    }
}
