import BuiltinNodes
import NodeKit
import Tensors
import Testing

@Suite struct SideBySideNodeTests {
    private func picture(_ value: UInt8, _ height: Int, _ width: Int) -> Tensor<UInt8> {
        Tensor(repeating: value, shape: [1, height, width, 3])
    }

    @Test func `portrait, driver and result stand in a row, each at the same size`() throws {
        let settings = Settings().setting(SideBySideNode.size, to: 16)
        var harness = try NodeHarness(SideBySideNode.self, settings)

        try harness.tick([
            .init(SideBySideNode.portrait, picture(10, 40, 30)),
            .init(SideBySideNode.driver, picture(20, 16, 16)),
            .init(SideBySideNode.result, picture(30, 8, 8)),
        ])

        let frame = try #require(harness.received(SideBySideNode.frame).first)
        #expect(frame.shape == [1, 16, 48, 3])
        let row = (0..<48).map { frame.array[(5 * 48 + $0) * 3] }
        #expect(row == [UInt8](repeating: 10, count: 16) + [UInt8](repeating: 20, count: 16)
            + [UInt8](repeating: 30, count: 16))
    }

    @Test func `a warp stands beside them where there is one`() throws {
        var harness = try NodeHarness(
            SideBySideNode.self, Settings().setting(SideBySideNode.size, to: 16))

        try harness.tick([
            .init(SideBySideNode.portrait, picture(10, 16, 16)),
            .init(SideBySideNode.driver, picture(20, 16, 16)),
            .init(SideBySideNode.result, picture(30, 16, 16)),
            .init(SideBySideNode.warp, picture(40, 32, 32)),
        ])

        let frame = try #require(harness.received(SideBySideNode.frame).first)
        #expect(frame.shape == [1, 16, 64, 3])
        #expect(frame.array[50 * 3] == 40)
    }
}
