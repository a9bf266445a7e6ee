import BuiltinNodes
import NodeKit
import Tensors
import Testing

@Suite struct ChunkQueueTests {
    private func stamp(_ frame: Int) -> Stamp {
        Stamp(frame: UInt64(frame), captured: 0, presentation: 0)
    }

    /// A queue that took in frames 0, 1, …, the first with `lead` rows before it; keypoints and
    /// motion of a frame are its number, those of leading rows -1.
    private func queue(frames: Int, lead: Int = 0) -> ChunkQueue {
        var queue = ChunkQueue(lead: 12)
        for frame in 0..<frames {
            let rows = (frame == 0 ? Array(repeating: Float(-1), count: lead) : []) + [Float(frame)]
            let tensor = Tensor(rows, shape: [rows.count, 1, 1])
            queue.append(keypoints: tensor, motion: tensor, stamp: stamp(frame))
        }
        return queue
    }

    @Test func `rows that lead in have no stamp`() {
        var queue = queue(frames: 2, lead: 3)

        let chunk = queue.take(5)

        #expect(chunk.keypoints.array == [-1, -1, -1, 0, 1])
        #expect(queue.finished(4).map { $0?.frame } == [nil, nil, nil, 0])
        #expect(queue.hasFramesUnderWay)
    }

    @Test func `of more leading rows than are wanted so many are taken, evenly spaced`() {
        for (wanted, rows) in [(3, [0, 4, 8]), (6, [0, 2, 4, 6, 8, 10]), (9, [0, 1, 2, 4, 5, 6, 8, 9, 10])] {
            var queue = ChunkQueue(lead: wanted)
            let tensor = Tensor((0..<13).map(Float.init), shape: [13, 1, 1])

            queue.append(keypoints: tensor, motion: tensor, stamp: stamp(0))

            #expect(queue.take(wanted + 1).motion.array == rows.map(Float.init) + [12])
            #expect(queue.finished(wanted + 1).map { $0?.frame } == rows.map { _ in nil } + [0])
        }
    }

    @Test func `the end is mirrored`() {
        var queue = queue(frames: 4)
        queue.pad(to: 12)

        #expect(queue.take(12).motion.array == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1])
    }

    @Test func `a single frame is repeated`() {
        var queue = queue(frames: 1)
        queue.pad(to: 4)

        #expect(queue.take(4).motion.array == [0, 0, 0, 0])
    }

    @Test func `padding has nothing to finish`() {
        var queue = queue(frames: 2)
        queue.pad(to: 4)
        _ = queue.take(4)

        #expect(queue.finished(2).map { $0?.frame } == [0, 1])
        #expect(!queue.hasFramesUnderWay)
        #expect(queue.finished(4).compactMap { $0 }.isEmpty)
    }
}
