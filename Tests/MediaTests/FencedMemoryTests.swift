import Glibc
import Media
import Tensors
import Testing

/// Frames may lie in memory shared with another process, where the byte behind them is no one's.
@Suite struct FencedMemoryTests {
    private let folder = TestFolder()

    /// A frame whose last byte is followed by memory that may not be touched.
    private func fencedFrame(width: Int, height: Int) -> Tensor<UInt8> {
        let page = 4_096
        let size = width * height * 3
        let room = (size + page - 1) / page * page
        let base = mmap(
            nil, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
        mprotect(base + room, page, PROT_NONE)
        let memory = TensorMemory(base: base, byteCount: room) { munmap($0, room + page) }
        return Tensor(shape: [1, height, width, 3], memory: memory, offset: room - size)
    }

    @Test(arguments: [(64, 48), (512, 8), (33, 17), (1, 1)])
    func `frames are written and read within their bytes`(width: Int, height: Int) throws {
        let path = folder.file("a.mp4")
        let frame = fencedFrame(width: width, height: height)
        frame.pointer.update(repeating: 90, count: frame.count)
        let other = fencedFrame(width: 40, height: 24)
        other.pointer.update(repeating: 90, count: other.count)
        let writer = try VideoWriter(path: path, options: Sample.fast)
        try writer.write(frame, presentation: 0, duration: 40 * Sample.millisecond)
        try writer.write(
            other, presentation: 40 * Sample.millisecond, duration: 40 * Sample.millisecond)
        try writer.finish()

        let reader = try VideoReader(path: path)
        let copy = fencedFrame(width: reader.width, height: reader.height)
        while let item = try reader.next() {
            if case .frame = item { try reader.copyFrame(into: copy) }
        }

        #expect(copy.array.allSatisfy { abs(Int($0) - 90) <= 2 })
    }
}
