import AllocationMeter
import Foundation
import Tensors
import Testing

@Suite struct PyTorchFileTests {
    let folder = TemporaryFolder()

    private func checkpoint(_ pickle: [UInt8]) throws -> Checkpoint {
        let numbers: [Float16] = [1, 2, 3, 4, 5, 6]
        let file = try folder.write(
            PyTorchSample.archive([("m/data.pkl", pickle), ("m/data/0", bytes(numbers))]),
            as: "m.pth")
        return try Checkpoint(contentsOf: file)
    }

    @Test func `a half-precision tensor of an archive is read as single`() throws {
        let found = try checkpoint(PyTorchSample.pickle(shape: [2, 3], strides: [3, 1]))

        #expect(try found.tensor("w", [2, 3]).array == [1, 2, 3, 4, 5, 6])
    }

    @Test func `offset and strides are honoured`() throws {
        let found = try checkpoint(PyTorchSample.pickle(offset: 1, shape: [2, 2], strides: [1, 3]))

        #expect(try found.tensor("w", [2, 2]).array == [2, 5, 3, 6])
    }

    /// Shape, strides and offset that lead out of a storage of six elements.
    static let outside: [([UInt8], [UInt8], UInt8)] = [
        ([2, 3], [3, 2], 0), ([6], [1], 1), ([255, 255], [0, 0], 0),
    ]

    @Test(arguments: outside) func `a tensor that does not fit its storage is refused`(
        shape: [UInt8], strides: [UInt8], offset: UInt8
    ) throws {
        #expect(throws: CheckpointError.self) {
            try checkpoint(PyTorchSample.pickle(offset: offset, shape: shape, strides: strides))
        }
    }

    @Test func `a tensor beyond its storage says which bytes, of how many`() throws {
        let error = #expect(throws: CheckpointError.self) {
            try checkpoint(PyTorchSample.pickle(offset: 1, shape: [6], strides: [1]))
        }

        guard case .offsetsOutside("w", _, 2, 14, 12) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func `a tensor without elements needs no storage`() throws {
        let found = try checkpoint(PyTorchSample.pickle(shape: [9, 0], strides: [1, 1]))

        #expect(try found.tensor("w", [9, 0]).array == [])
    }

    @Test(arguments: [
        "BoolStorage", "CharStorage", "ShortStorage", "ComplexFloatStorage", "FutureStorage",
    ]) func `a tensor of a type that no weight has does not spoil the file`(type: String) throws {
        let found = try checkpoint(PyTorchSample.pickle(storage: type, shape: [1], strides: [1]))

        #expect(found.stored["w"]?.typeName == "torch." + type)
        #expect(found.stored["w"]?.shape == [1])
        let error = #expect(throws: CheckpointError.self) { try found.tensor("w", [1]) }
        guard case .notWeights(key: "w", _, found: "torch.\(type)") = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func `a weight in another order is not copied where only its shape is wanted`() throws {
        let pickle = PyTorchSample.pickle(shape: [250, 250], strides: [1, 250])
        let file = try folder.write(
            PyTorchSample.archive([
                ("m/data.pkl", pickle), ("m/data/0", [UInt8](repeating: 0, count: 125_000)),
            ]), as: "m.pth")
        let checkpoint = try Checkpoint(contentsOf: file)

        allocation_meter_start()
        let isThere = checkpoint.contains("w")
        let stored = checkpoint.stored
        let bytes = allocation_meter_stop()

        #expect(isThere)
        #expect(stored["w"]?.shape == [250, 250])
        #expect(bytes < 50_000)
    }

    @Test func `a compressed archive is refused in words`() throws {
        let file = try folder.write(PyTorchSample.archive([("m/data.pkl", [0])], method: 8))

        #expect(
            throws: CheckpointError.badArchive(
                file: file, reason: "'m/data.pkl' in it is compressed")
        ) { try Checkpoint(contentsOf: file) }
    }

    @Test func `a call in a pickle is never made`() throws {
        let evil = Array("cos\nsystem\n(X\u{4}\0\0\0truetR.".utf8)

        let found = try checkpoint(evil)

        #expect(!found.contains("w"))
    }

    @Test func `no single changed byte of an archive makes the reader crash`() throws {
        let sound = PyTorchSample.archive([
            ("m/data.pkl", PyTorchSample.pickle(shape: [2, 3], strides: [3, 1])),
            ("m/data/0", [UInt8](repeating: 0, count: 12)),
        ])

        for index in sound.indices {
            var mutant = sound
            mutant[index] = UInt8.random(in: 0...255)
            let file = try folder.write(mutant)
            let checkpoint = try? Checkpoint(contentsOf: file)
            _ = try? checkpoint?.tensor("w", [2, 3]).array
        }
    }
}
