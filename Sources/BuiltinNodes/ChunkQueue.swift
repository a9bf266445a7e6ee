import NodeKit
import Tensors

/// Driving frames on their way through the denoiser's window, one row each.
package struct ChunkQueue {
    private struct Row {
        let keypoints: [Float]
        let motion: [Float]
    }

    private var waiting: [Row] = []
    /// The newest real frames, oldest first: what padding is made of.
    private var recent: [Row] = []
    private var paddedRows = 0
    /// Stamps of frames that have been taken in and not finished; nil for rows that lead in from
    /// the portrait, and for padding.
    private var underWay: [Stamp?] = []
    private var keypointShape: [Int] = []
    private var motionShape: [Int] = []

    /// Rows that lead in from the portrait, as many as the window has beside its newest chunk.
    let lead: Int

    package init(lead: Int) { self.lead = lead }

    /// More than a window: padding never goes further back.
    private static let remembered = 16

    /// Rows that wait for a chunk to be full.
    package var count: Int { waiting.count }
    package var hasFramesUnderWay: Bool { underWay.contains { $0 != nil } }

    /// Takes in one driving frame. With several rows the last is the frame itself, those before it
    /// lead to it from the portrait; of more than are wanted, as many are taken, evenly spaced.
    package mutating func append(keypoints: Tensor<Float>, motion: Tensor<Float>, stamp: Stamp) {
        let rows = keypoints.shape[0]
        precondition(motion.shape[0] == rows, "\(keypoints.shape) and \(motion.shape)")
        (keypointShape, motionShape) = (Array(keypoints.shape[1...]), Array(motion.shape[1...]))
        let leading = min(lead, rows - 1)
        for row in (0..<leading).map({ $0 * (rows - 1) / leading }) + [rows - 1] {
            waiting.append(
                Row(
                    keypoints: keypoints.rows(row..<row + 1).array,
                    motion: motion.rows(row..<row + 1).array))
            underWay.append(row == rows - 1 ? stamp : nil)
        }
        recent.append(waiting[waiting.count - 1])
        if recent.count > Self.remembered { recent.removeFirst() }
    }

    /// Fills up with the newest frames in reverse, to and fro, as the published offline program
    /// mirrors the end of a video.
    package mutating func pad(to count: Int) {
        while waiting.count < count {
            paddedRows += 1
            waiting.append(recent[mirrored(paddedRows)])
            underWay.append(nil)
        }
    }

    /// The next rows as tensors, oldest first.
    package mutating func take(_ count: Int) -> (keypoints: Tensor<Float>, motion: Tensor<Float>) {
        let rows = waiting.prefix(count)
        waiting.removeFirst(count)
        return (
            Tensor(rows.flatMap(\.keypoints), shape: [count] + keypointShape),
            Tensor(rows.flatMap(\.motion), shape: [count] + motionShape)
        )
    }

    /// The stamps of the oldest rows, which a pass has finished.
    package mutating func finished(_ count: Int) -> [Stamp?] {
        defer { underWay.removeFirst(min(count, underWay.count)) }
        return Array(underWay.prefix(count))
    }

    // MARK: In bytes, while no row waits

    func write(to writer: inout StateWriter) {
        writer.write(recent.count)
        for row in recent {
            writer.write(row.keypoints)
            writer.write(row.motion)
        }
        writer.write(underWay.count)
        for stamp in underWay {
            writer.write(stamp != nil)
            if let stamp { writer.write(stamp) }
        }
        for shape in [keypointShape, motionShape] {
            writer.write(shape.count)
            shape.forEach { writer.write($0) }
        }
    }

    init(lead: Int, reading reader: inout StateReader) {
        self.lead = lead
        for _ in 0..<reader.number() {
            let keypoints = reader.floats()
            recent.append(Row(keypoints: keypoints, motion: reader.floats()))
        }
        for _ in 0..<reader.number() { underWay.append(reader.flag() ? reader.stamp() : nil) }
        keypointShape = (0..<reader.number()).map { _ in reader.number() }
        motionShape = (0..<reader.number()).map { _ in reader.number() }
    }

    /// Where in `recent` the n-th padded row lies: back from the end, and forth again.
    private func mirrored(_ n: Int) -> Int {
        let last = recent.count - 1
        guard last > 0 else { return 0 }
        let step = n % (2 * last)
        return step <= last ? last - step : step - last
    }
}
