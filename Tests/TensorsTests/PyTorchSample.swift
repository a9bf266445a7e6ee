/// Archives as `torch.save` writes them: stored files and a pickle of protocol 2.
enum PyTorchSample {
    /// A ZIP archive that stores files as they are.
    static func archive(_ files: [(name: String, bytes: [UInt8])], method: UInt16 = 0) -> [UInt8] {
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

    /// A pickle of one dictionary with one tensor.
    static func pickle(
        key: String = "w", storage: String = "HalfStorage", offset: UInt8 = 0, shape: [UInt8], strides: [UInt8]
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
            + text(key) + tensor + [0x75, 0x2e]
    }
}
