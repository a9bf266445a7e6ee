import CPosix
import Glibc
import Tensors
import Testing

@testable import Wire

@Suite struct SlotPoolTests {
    private func place(_ slot: SlotPool.Slot) -> Envelope.Place {
        Envelope.Place(
            slot: slot.number, process: UInt32(getpid()), descriptor: UInt32(slot.descriptor),
            capacity: UInt64(slot.capacity))
    }

    @Test func `what is written in a slot is read through its place`() throws {
        let memory = try SlotPool().allocate(100_000)
        memory.base.storeBytes(of: 42, toByteOffset: 99_999, as: UInt8.self)
        let slot = try #require(memory.owner as? SlotPool.Slot)

        let view = try #require(try SlotView().memory(at: place(slot), bytes: 100_000) {})

        #expect(view.base.load(fromByteOffset: 99_999, as: UInt8.self) == 42)
    }

    @Test func `a slot is used again once its memory is gone`() throws {
        let pool = SlotPool()
        let first = (try pool.allocate(50_000).owner as? SlotPool.Slot)?.number

        let second = (try pool.allocate(50_000).owner as? SlotPool.Slot)?.number

        #expect(first == second)
    }

    @Test func `a place that promises more than it has is refused`() throws {
        let memory = try SlotPool().allocate(4096)
        let slot = try #require(memory.owner as? SlotPool.Slot)
        var tooLarge = place(slot)
        tooLarge.capacity = 1 << 30

        #expect(throws: WireError.self) {
            _ = try SlotView().memory(at: tooLarge, bytes: 1 << 29) {}
        }
        #expect(throws: WireError.self) {
            _ = try SlotView().memory(at: place(slot), bytes: 5000) {}
        }
    }

    @Test func `nobody can shrink a slot`() throws {
        let memory = try SlotPool().allocate(100_000)
        let slot = try #require(memory.owner as? SlotPool.Slot)

        #expect(ftruncate(slot.descriptor, 0) == -1 && errno == EPERM)
    }

    private func place(_ descriptor: Int32, capacity: UInt64) -> Envelope.Place {
        Envelope.Place(
            slot: 1, process: UInt32(getpid()), descriptor: UInt32(descriptor), capacity: capacity)
    }

    @Test func `memory that can shrink is copied, and read no more when it did`() throws {
        let descriptor = posix_anonymous_file("unsealed", 0)
        defer { close(descriptor) }
        ftruncate(descriptor, 8192)
        let view = SlotView()
        pwrite(descriptor, [7], 1, 8191)
        let first = try #require(
            try view.memory(at: place(descriptor, capacity: 8192), bytes: 8192) {})

        ftruncate(descriptor, 4096)
        let error = #expect(throws: WireError.self) {
            _ = try view.memory(at: place(descriptor, capacity: 8192), bytes: 8192) {}
        }

        #expect(first.base.load(fromByteOffset: 8191, as: UInt8.self) == 7)
        #expect("\(error!)".hasSuffix("which has 4096 bytes now of the 8192 announced"))
    }

    @Test func `a pipe is no memory, and nothing waits for its writer`() throws {
        let path = "/tmp/slot-\(UInt32.random(in: 0 ... .max))"
        #expect(mkfifo(path, 0o600) == 0)
        let descriptor = open(path, O_RDWR)
        unlink(path)
        defer { close(descriptor) }

        let error = #expect(throws: WireError.self) {
            _ = try SlotView().memory(at: place(descriptor, capacity: 4096), bytes: 100) {}
        }

        #expect("\(error!)".hasSuffix("which is no memory but a pipe, a socket or a device"))
    }

    @Test func `a slot of a process that is gone is no slot, and no fault of the reader`() throws {
        var gone = Envelope.Place(slot: 1, process: 0, descriptor: 9, capacity: 4096)
        // The highest number that Linux gives to a process is 2^22.
        gone.process = 1 << 22

        #expect(try SlotView().memory(at: gone, bytes: 100) {} == nil)
    }

    @Test func `a slot of a process that has ended and is not buried is no slot either`() throws {
        var child: pid_t = 0
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("true"), nil]
        defer { free(arguments[0]) }
        #expect(posix_spawnp(&child, "true", nil, nil, &arguments, environ) == 0)
        defer { waitpid(child, nil, 0) }
        var information = siginfo_t()
        waitid(P_PID, id_t(child), &information, WEXITED | WNOWAIT)

        let place = Envelope.Place(slot: 1, process: UInt32(child), descriptor: 9, capacity: 4096)

        #expect(try SlotView().memory(at: place, bytes: 100) {} == nil)
    }

    @Test func `no slot leaves anything in a folder`() throws {
        let memory = try SlotPool().allocate(1 << 20)

        let names = (try? String(contentsOfDirectory: "/dev/shm")) ?? ""

        #expect(!names.contains("personalive"))
        withExtendedLifetime(memory) {}
    }
}

extension String {
    /// The names in a folder, a line each.
    fileprivate init(contentsOfDirectory path: String) throws {
        guard let folder = opendir(path) else { throw WireError("no folder \(path)") }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            names.append(withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            })
        }
        self = names.joined(separator: "\n")
    }
}
