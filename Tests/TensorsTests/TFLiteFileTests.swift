import Foundation
import Tensors
import Testing

@Suite struct TFLiteFileTests {
    private let folder = TemporaryFolder()

    /// A model with one constant of each sort; tables are written from the end, as FlatBuffers are.
    private static let model: [UInt8] = {
        var sample = TFLiteSample()
        sample.add("conv2d/Kernel", shape: [2, 1, 2, 3], (0..<12).map(Float16.init))
        sample.add("depthwise_conv2d_1/Kernel", shape: [1, 2, 1, 3], (0..<6).map(Float16.init))
        sample.add("conv2d/Bias", shape: [2], [7, 8])
        sample.add("p_re_lu/Alpha", shape: [1, 1, 3], [1, 2, 3])
        sample.add("something/else", shape: [1], [1])
        return sample.bytes
    }()

    private func checkpoint(_ bytes: [UInt8]) throws -> Checkpoint {
        try Checkpoint(contentsOf: folder.write(bytes, as: "model.tflite"))
    }

    @Test func `constants come under PyTorch's names and in its order`() throws {
        let checkpoint = try checkpoint(Self.model)

        #expect(
            checkpoint.stored.mapValues(\.shape) == [
                "conv2d.weight": [2, 3, 1, 2], "depthwise_conv2d_1.weight": [3, 1, 2, 1],
                "conv2d.bias": [2], "p_re_lu.weight": [3],
            ])
        // Pixels (0, 1) of channels 0, 1, 2, where the file has channels 0, 1, 2 of pixels (0, 1).
        #expect(
            try checkpoint.tensor("conv2d.weight", [2, 3, 1, 2]).array[..<6] == [0, 3, 1, 4, 2, 5])
        #expect(
            try checkpoint.tensor("depthwise_conv2d_1.weight", [3, 1, 2, 1]).array
                == [0, 3, 1, 4, 2, 5])
        #expect(try checkpoint.tensor("conv2d.bias", [2]).array == [7, 8])
    }

    @Test func `a shape of more elements than bytes is refused, however large`() {
        for shape in [[1_048_575, 1_048_575, 1_048_575, 1_048_575], [2, 2, 2, 2], [0], [-1]] {
            var sample = TFLiteSample()
            sample.add("conv2d/Kernel", shape: shape, [1])

            #expect(throws: CheckpointError.self) { try checkpoint(sample.bytes) }
        }
    }

    @Test func `a damaged file is refused or read, and never touched outside of it`() throws {
        for cut in stride(from: 0, to: Self.model.count, by: 7) {
            let stored = try? checkpoint(Array(Self.model.prefix(cut))).stored
            #expect((stored?.count ?? 0) <= 4)
        }
        for seed in 0..<2_000 {
            var bytes = Self.model
            for turn in 0...seed % 4 {
                let number = (seed &* 2_654_435_761 &+ turn &* 40_503) >> 7
                bytes[8 + number % (bytes.count - 8)] = UInt8(truncatingIfNeeded: number >> 11)
            }
            guard let checkpoint = try? checkpoint(bytes) else { continue }
            for (key, entry) in checkpoint.stored { _ = try? checkpoint.tensor(key, entry.shape) }
        }
    }
}

/// Writes a small TensorFlow Lite model: constants and nothing else.
private struct TFLiteSample {
    private var tensors: [(name: String, shape: [Int], values: [Float16])] = []

    mutating func add(_ name: String, shape: [Int], _ values: [Float16]) {
        tensors.append((name, shape, values))
    }

    /// A FlatBuffer that grows forwards: an offset is written as zero and filled in when what it leads to
    /// is there.
    private struct Writer {
        var bytes: [UInt8] = [0, 0, 0, 0] + Array("TFL3".utf8)

        mutating func put<Value: FixedWidthInteger>(_ value: Value) {
            withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
        }

        mutating func fill(_ place: Int) {
            let offset = UInt32(bytes.count - place)
            withUnsafeBytes(of: offset.littleEndian) {
                bytes.replaceSubrange(place..<place + 4, with: $0)
            }
        }

        mutating func align() { while bytes.count % 4 != 0 { bytes.append(0) } }

        /// A table whose fields are four bytes each, or missing; where each lies.
        mutating func table(_ fields: [Bool], at place: Int) -> [Int] {
            align()
            let virtual = bytes.count
            let size = 4 + 4 * fields.count { $0 }
            put(UInt16(4 + 2 * fields.count))
            put(UInt16(size))
            var next: UInt16 = 4
            for isThere in fields {
                put(isThere ? next : 0)
                if isThere { next += 4 }
            }
            align()
            fill(place)
            let table = bytes.count
            put(Int32(table - virtual))
            let places = (0..<fields.count { $0 }).map { table + 4 + 4 * $0 }
            bytes += [UInt8](repeating: 0, count: 4 * places.count)
            return places
        }

        /// A vector of offsets; where each lies.
        mutating func vector(_ count: Int, at place: Int) -> [Int] {
            align()
            fill(place)
            put(UInt32(count))
            let places = (0..<count).map { bytes.count + 4 * $0 }
            bytes += [UInt8](repeating: 0, count: 4 * count)
            return places
        }
    }

    var bytes: [UInt8] {
        var writer = Writer()
        let model = writer.table([false, false, true, false, true], at: 0)
        let graph = writer.table([true], at: writer.vector(1, at: model[0])[0])
        let places = writer.vector(tensors.count, at: graph[0])
        for (index, tensor) in tensors.enumerated() {
            let fields = writer.table([true, true, true, true], at: places[index])
            // TensorType FLOAT16 is 1.
            writer.bytes[fields[1]] = 1
            writer.bytes[fields[2]] = UInt8(index)
            writer.align()
            writer.fill(fields[0])
            writer.put(UInt32(tensor.shape.count))
            for extent in tensor.shape { writer.put(Int32(extent)) }
            writer.fill(fields[3])
            writer.put(UInt32(tensor.name.utf8.count))
            writer.bytes += Array(tensor.name.utf8)
        }
        let buffers = writer.vector(tensors.count, at: model[1])
        for (index, tensor) in tensors.enumerated() {
            let fields = writer.table([true], at: buffers[index])
            writer.align()
            writer.fill(fields[0])
            writer.put(UInt32(2 * tensor.values.count))
            for value in tensor.values { writer.put(value.bitPattern) }
        }
        return writer.bytes
    }
}
