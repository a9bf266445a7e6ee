import BuiltinNodes
import NodeKit
import Tensors
import Testing

/// Frames of several processes come in the order of their numbers.
@Suite struct FrameOrderTests {
    private func message(_ frame: UInt64) -> Message {
        Message(
            AnyTensor(Tensor<UInt8>([UInt8(frame)], shape: [1])),
            Stamp(frame: frame, captured: 0, presentation: 0))
    }

    private func frames(_ passed: FrameOrder.Passed) -> [UInt64] {
        passed.sent.map(\.message.stamp.frame)
    }

    @Test func `a frame waits for those before it, whichever comes first`() {
        var order = FrameOrder(inputs: 3, stride: 1, patience: nil)
        var went: [[UInt64]] = []
        for (frame, input) in [(1, 1), (2, 2), (0, 0), (4, 1), (3, 0), (5, 2)] as [(UInt64, Int)] {
            went.append(frames(order.take(message(frame), on: "data", from: input, at: 0)))
        }
        #expect(went == [[], [], [0, 1, 2], [], [3, 4], [5]])
    }

    @Test func `a frame that is missing is passed over when its process has sent a later one`() {
        var order = FrameOrder(inputs: 2, stride: 1, patience: nil)
        // Frame 2 was dropped on the way to the first process.
        var went = frames(order.take(message(0), on: "data", from: 0, at: 0))
        went += frames(order.take(message(1), on: "data", from: 1, at: 0))
        went += frames(order.take(message(3), on: "data", from: 1, at: 0))
        #expect(went == [0, 1])
        let later = order.take(message(4), on: "data", from: 0, at: 0)
        #expect(frames(later) == [3, 4])
    }

    @Test func `frames of which only every second one comes take turns all the same`() {
        var order = FrameOrder(inputs: 2, stride: 2, patience: nil)
        var went: [UInt64] = []
        for (frame, input) in [(2, 1), (0, 0), (4, 0), (6, 1)] as [(UInt64, Int)] {
            went += frames(order.take(message(frame), on: "data", from: input, at: 0))
        }
        #expect(went == [0, 2, 4, 6])
    }

    @Test func `a live graph waits for a missing frame for a while, and drops it when it comes late`() {
        var order = FrameOrder(inputs: 2, stride: 1, patience: 30)
        _ = order.take(message(0), on: "data", from: 0, at: 0)

        let early = order.take(message(2), on: "data", from: 0, at: 10)
        #expect(early.sent.isEmpty && order.due == 40)
        let overdue = order.advance(at: 40)
        #expect(frames(overdue) == [2])
        let late = order.take(message(1), on: "data", from: 1, at: 50)
        #expect(late.sent.isEmpty && late.late.map(\.frame) == [1])
    }

    @Test func `at the end what waits goes`() {
        var order = FrameOrder(inputs: 4, stride: 1, patience: nil)
        _ = order.take(message(7), on: "data", from: 3, at: 0)
        let rest = order.finish()
        #expect(frames(rest) == [7])
    }

    @Test func `a merging node goes on where another process ended`() throws {
        let settings = Settings([
            "replicas": .integer(2), "stride": .integer(1), "patience": .number(0),
        ])
        var node = MergeNode(settings: settings)
        var outputs = Outputs()
        node.process(
            Inputs(stamp: message(1).stamp, messages: ["data-2": message(1)]), into: &outputs)
        #expect(outputs.sent.isEmpty)

        var next = MergeNode(settings: settings)
        next.restore(try #require(node.save()).bytes)
        next.process(
            Inputs(stamp: message(0).stamp, messages: ["data-1": message(0)]), into: &outputs)

        #expect(outputs.sent.map(\.port) == ["data", "data"])
        #expect(outputs.sent.map(\.message.stamp.frame) == [0, 1])
        #expect(outputs.sent[1].message.tensor.withBytes { Array($0) } == [1])
    }
}
