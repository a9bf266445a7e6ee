import Foundation
import Tensors
import Testing

/// Archives are written here as `torch.save` does it: stored files and a pickle of protocol 2.
@Suite struct PyTorchFileTests {
    let folder = TemporaryFolder()

    /// A ZIP archive that stores files as they are.
    private func archive(_ files: [(name: String, bytes: [UInt8])], method: UInt16 = 0) -> [UInt8] {
        func little<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
            withUnsafeBytes(of: value.littleEndian) { Array($0) }
        }
        var bytes: [UInt8] = [], directory: [UInt8] = []
        for (name, content) in files {
            let name = Array(name.utf8), size = little(UInt32(content.count))
            let common =
                little(UInt16(0)) + little(method) + little(UInt32(0)) + little(UInt32(0))
                + size + size + little(UInt16(name.count)) + little(UInt16(0))
            directory +=
                little(UInt32(0x0201_4b50)) + little(UInt32(0)) + common + little(UInt16(0))
                + little(UInt16(0)) + little(UInt16(0)) + little(UInt32(0))
                + little(UInt32(bytes.count)) + name
            bytes += little(UInt32(0x0403_4b50)) + little(UInt16(0)) + common + name + content
        }
        let end =
            little(UInt32(0x0605_4b50)) + little(UInt32(0)) + little(UInt16(files.count))
            + little(UInt16(files.count)) + little(UInt32(directory.count))
            + little(UInt32(bytes.count)) + little(UInt16(0))
        return bytes + directory + end
    }

    /// A pickle of one dictionary with one tensor, called `w`.
    private func pickle(
        storage: String = "HalfStorage", offset: UInt8 = 0, shape: [UInt8], strides: [UInt8]
    ) -> [UInt8] {
        func text(_ text: String) -> [UInt8] {
            [0x58, UInt8(text.utf8.count), 0, 0, 0] + Array(text.utf8)
        }
        func global(_ module: String, _ name: String) -> [UInt8] {
            Array("c\(module)\n\(name)\n".utf8)
        }
        func tuple(_ numbers: [UInt8]) -> [UInt8] {
            [0x28] + numbers.flatMap { [0x4b, $0] } + [0x74]
        }
        let persistent =
            [0x28] + text("storage") + global("torch", storage) + text("0") + text("cpu")
            + [0x4b, 4, 0x74, 0x51]
        let tensor =
            global("torch._utils", "_rebuild_tensor_v2") + [0x28] + persistent + [0x4b, offset]
            + tuple(shape) + tuple(strides) + [0x89] + global("collections", "OrderedDict")
            + [0x29, 0x52, 0x74, 0x52]
        return [0x80, 2] + global("collections", "OrderedDict") + [0x29, 0x52, 0x71, 0, 0x28]
            + text("w") + tensor + [0x75, 0x2e]
    }

    private func checkpoint(_ pickle: [UInt8]) throws -> Checkpoint {
        let numbers: [Float16] = [1, 2, 3, 4, 5, 6]
        let file = try folder.write(
            archive([("m/data.pkl", pickle), ("m/data/0", bytes(numbers))]), as: "m.pth")
        return try Checkpoint(contentsOf: file)
    }

    @Test func `a half-precision tensor of an archive is read as single`() throws {
        let found = try checkpoint(pickle(shape: [2, 3], strides: [3, 1]))

        #expect(try found.tensor("w", [2, 3]).array == [1, 2, 3, 4, 5, 6])
    }

    @Test func `offset and strides are honoured`() throws {
        let found = try checkpoint(pickle(offset: 1, shape: [2, 2], strides: [1, 3]))

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
            try checkpoint(pickle(offset: offset, shape: shape, strides: strides))
        }
    }

    @Test func `a compressed archive is refused in words`() throws {
        let file = try folder.write(archive([("m/data.pkl", [0])], method: 8))

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
        let sound = archive([
            ("m/data.pkl", pickle(shape: [2, 3], strides: [3, 1])),
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
