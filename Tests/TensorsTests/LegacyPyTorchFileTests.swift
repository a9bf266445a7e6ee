import Foundation
import Tensors
import Testing

/// Files as `torch.save` wrote them before PyTorch 1.6, put together here.
@Suite struct LegacyPyTorchFileTests {
    let folder = TemporaryFolder()

    private static let magic: [UInt8] = [
        0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e,
    ]

    private static func text(_ text: String) -> [UInt8] {
        [0x58, UInt8(text.utf8.count), 0, 0, 0] + Array(text.utf8)
    }

    private static func global(_ module: String, _ name: String) -> [UInt8] {
        Array("c\(module)\n\(name)\n".utf8)
    }

    /// One tensor of some shape in a storage of six halves.
    private static func tensor(
        _ key: String, _ type: String = "HalfStorage", storage: String, offset: UInt8,
        shape: [UInt8], strides: [UInt8]
    ) -> [UInt8] {
        func tuple(_ numbers: [UInt8]) -> [UInt8] {
            [0x28] + numbers.flatMap { [0x4b, $0] } + [0x74]
        }
        let persistent =
            [0x28] + text("storage") + global("torch", type) + text(storage) + text("cpu")
            + [0x4b, 6, 0x4e, 0x74, 0x51]
        return text(key) + global("torch._utils", "_rebuild_tensor_v2") + [0x28] + persistent
            + [0x4b, offset] + tuple(shape) + tuple(strides) + [0x89]
            + global("collections", "OrderedDict") + [0x29, 0x52, 0x74, 0x52]
    }

    /// A whole file: `a` in the second storage, `b` transposed in the first.
    private static var file: [UInt8] { file(first: "HalfStorage") }

    /// - Parameter first: the type of the first storage, whose elements have two bytes.
    private static func file(first: String) -> [UInt8] {
        let version: [UInt8] = [0x80, 2, 0x4d, 0xe9, 3, 0x2e],
            facts: [UInt8] = [0x80, 2, 0x7d, 0x2e]
        let value =
            [0x80, 2] + global("collections", "OrderedDict") + [0x29, 0x52, 0x71, 0, 0x28]
            + tensor("a", storage: "20", offset: 2, shape: [4], strides: [1])
            + tensor("b", first, storage: "10", offset: 0, shape: [3, 2], strides: [1, 3])
            + [0x75, 0x2e]
        let names = [0x80, 2, 0x5d, 0x28] + text("10") + text("20") + [0x65, 0x2e]
        func storage(_ numbers: [Float16]) -> [UInt8] {
            [UInt8(numbers.count), 0, 0, 0, 0, 0, 0, 0] + bytes(numbers)
        }
        return magic + version + facts + value + names + storage([1, 2, 3, 4, 5, 6])
            + storage([7, 8, 9, 10, 11, 12])
    }

    @Test func `an older file is read without running anything`() throws {
        let found = try Checkpoint(contentsOf: folder.write(Self.file, as: "old.bin"))

        #expect(try found.tensor("a", [4]).array == [9, 10, 11, 12])
        #expect(try found.tensor("b", [3, 2]).array == [1, 4, 2, 5, 3, 6])
    }

    @Test func `what lies behind a storage of no weights is found`() throws {
        let path = try folder.write(Self.file(first: "ShortStorage"), as: "old.bin")

        #expect(try Checkpoint(contentsOf: path).tensor("a", [4]).array == [9, 10, 11, 12])
    }

    @Test func `a storage of unknown width is named, since what follows it cannot be found`() throws
    {
        let path = try folder.write(Self.file(first: "FutureStorage"), as: "old.bin")

        #expect(
            throws: CheckpointError.badArchive(
                file: path,
                reason: "its storage '10' has the unknown type 'torch.FutureStorage'")
        ) { try Checkpoint(contentsOf: path) }
    }

    @Test func `an older file that is cut short is refused`() throws {
        for count in Self.magic.count..<Self.file.count {
            let path = try folder.write(Array(Self.file.prefix(count)), as: "old.bin")
            #expect(throws: CheckpointError.self, "\(count)") { try Checkpoint(contentsOf: path) }
        }
    }

    @Test func `the operation that is refused is named`() throws {
        let evil = Self.magic + Array("(S'true'\nios\nsystem\n.".utf8)
        let path = try folder.write(evil, as: "evil.bin")

        let error = #expect(throws: CheckpointError.self) { try Checkpoint(contentsOf: path) }

        #expect(error?.description.contains("operation 0x53 (STRING)") == true)
    }

    @Test func `values nested without end are refused`() throws {
        let deep = Self.magic + [0x29] + [UInt8](repeating: 0x85, count: 1_000_000) + [0x2e]
        let path = try folder.write(deep, as: "deep.bin")

        let error = #expect(throws: CheckpointError.self) { try Checkpoint(contentsOf: path) }

        #expect(error?.description.contains("nested more than 64 deep") == true)
    }

    @Test func `a dictionary that contains itself many times over is refused soon`() throws {
        // Each tuple of two holds the one before twice: 2 to the 60th values, were they all visited.
        var pickle: [UInt8] = [0x29]
        for _ in 0..<60 { pickle += [0x71, 0, 0x68, 0, 0x86] }
        let path = try folder.write(
            Self.magic + [0x4e, 0x2e, 0x4e, 0x2e] + pickle + [0x2e, 0x5d, 0x2e], as: "loop.bin")

        #expect(throws: Never.self) { try Checkpoint(contentsOf: path) }
    }

    @Test func `no single changed byte of an older file makes the reader crash`() throws {
        for index in Self.file.indices {
            var mutant = Self.file
            mutant[index] = UInt8.random(in: 0...255)
            let checkpoint = try? Checkpoint(contentsOf: folder.write(mutant, as: "old.bin"))
            _ = try? checkpoint?.tensor("b", [3, 2]).array
        }
    }
}
