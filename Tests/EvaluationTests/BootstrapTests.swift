import Evaluation
import Tensors
import Testing

@Suite struct BootstrapTests {
    /// Numbers of mean 0 of which each is partly the one before.
    private func numbers(_ count: Int, memory: Double, seed: UInt64) -> [Double] {
        let noise = SyntheticStream("errors \(seed)").normal([count + 100])
        var last = 0.0
        return noise.array.map { step in
            last = memory * last + Double(step)
            return last
        }.suffix(count)
    }

    // Numbers of a film of 10 s: errors that last for 2 and for 5 frames.
    @Test(arguments: [(0.5, 170), (0.8, 160)] as [(Double, Int)])
    func `the interval holds the true mean about as often as it says`(memory: Double, least: Int) {
        let hits = (0..<200).count { seed in
            let values = numbers(250, memory: memory, seed: UInt64(seed))
            return Bootstrap(count: 250, block: 25).interval(ofMean: values)!.contains(0)
        }

        #expect((least...199).contains(hits), "\(hits) of 200")
    }

    @Test func `blocks see that frames beside each other are alike, and single frames do not`() {
        let values = numbers(250, memory: 0.9, seed: 3)

        let blocks = Bootstrap(count: 250, block: 25).interval(ofMean: values)!
        let single = Bootstrap(count: 250, block: 1).interval(ofMean: values)!

        #expect(
            blocks.upperBound - blocks.lowerBound > 1.8 * (single.upperBound - single.lowerBound))
    }

    @Test func `one seed gives one interval, and it holds the value`() {
        let values = numbers(100, memory: 0.5, seed: 1)
        let mean = values.reduce(0, +) / 100

        let first = Bootstrap(count: 100, block: 10).interval(ofMean: values)

        #expect(first == Bootstrap(count: 100, block: 10).interval(ofMean: values))
        #expect(first != Bootstrap(count: 100, block: 10, seed: 2).interval(ofMean: values))
        #expect(first!.contains(mean))
    }

    @Test func `what has no spread has an interval without width, and one frame has none`() {
        #expect(
            Bootstrap(count: 9, block: 3).interval(ofMean: Array(repeating: 4, count: 9)) == 4...4)
        #expect(Bootstrap(count: 1, block: 3).interval(ofMean: [4]) == nil)
        #expect(Bootstrap(count: 9, block: 3).interval { _ in nil } == nil)
    }

    @Test func `shuffled frames are all there, in another order`() {
        let order = Bootstrap.shuffled(50)

        #expect(order.sorted() == Array(0..<50) && order != Array(0..<50))
        #expect(order == Bootstrap.shuffled(50))
    }
}
