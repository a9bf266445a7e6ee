import AllocationMeter
import Foundation
import Tensors
import Testing

/// Damaged checkpoints by the thousand: no crash, no hang, no memory beyond the file's size.
///
/// `make fuzz` tries a million. A case is made from its number, so one that fails can be repeated:
/// `PERSONALIVE_FUZZ_FIRST=<number> PERSONALIVE_FUZZ_CASES=1`.
@Suite struct ReaderFuzzTests {
    private static func setting(_ name: String, default value: Int) -> Int {
        ProcessInfo.processInfo.environment["PERSONALIVE_FUZZ_" + name].flatMap { Int($0) } ?? value
    }

    private static let cases = setting("CASES", default: 4000)
    private static let first = setting("FIRST", default: 0)

    /// What a file of `count` bytes may cost beside its mapping: one byte of a pickle pushes a value,
    /// one of JSON begins one, so parsing multiplies the size. What a length or a shape in the file
    /// claims must not matter.
    private static func allowance(_ count: Int) -> Int { 64 * 1024 + 32 * count }

    @Test(.timeLimit(.minutes(max(5, cases / 2000))), arguments: FuzzCase.Format.allCases)
    func `a damaged file is read or refused, quickly and in little memory`(
        format: FuzzCase.Format
    ) throws {
        let folder = TemporaryFolder()
        let path = "\(folder.path)/damaged"
        var read = 0, largest = 0.0, slowest = 0.0
        for number in Self.first..<Self.first + Self.cases {
            let damaged = FuzzCase(format, number: number).bytes
            try Data(damaged).write(to: URL(fileURLWithPath: path))
            let outcome = Self.measure { Self.readAll(path) }
            read += outcome.result ? 1 : 0
            largest = max(largest, Double(outcome.bytes) / Double(Self.allowance(damaged.count)))
            slowest = max(slowest, outcome.seconds)
            if outcome.bytes > Self.allowance(damaged.count) || outcome.seconds > 2 {
                let size = "\(format) case \(number), \(damaged.count) bytes"
                Issue.record("\(size): \(outcome.bytes) bytes held, \(outcome.seconds) s")
            }
            if (number + 1) % 50_000 == 0 {
                print("\(format): \(number + 1 - Self.first) cases, \(read) of them readable")
            }
        }
        print(
            "\(format): \(Self.cases) cases, \(read) readable, slowest \(slowest) s, "
                + "at most \(largest) of the allowed memory")
        #expect(read < Self.cases)
        #expect(Self.cases < 1000 || read > 0, "damage that nothing survives tests only the door")
    }

    /// Opens a file and reads every tensor that it can have; whether it could be opened.
    private static func readAll(_ path: String) -> Bool {
        guard let checkpoint = try? Checkpoint(contentsOf: path) else { return false }
        for key in ["w", "b"] {
            do {
                _ = try sum(checkpoint.tensor(key, [2, 3]))
            } catch {
                guard case .wrongShape(_, _, let shape, _) = error else { continue }
                _ = try? sum(checkpoint.tensor(key, shape))
            }
        }
        guard let file = try? SafetensorsFile(contentsOf: path) else { return true }
        for key in file.entries.keys {
            _ = file.stored(key, as: Float.self).map(sum)
            _ = file.stored(key, as: UInt8.self).map(sum)
            _ = file.stored(key, as: Int64.self).map(sum)
        }
        return true
    }

    /// Touches every element.
    private static func sum<Element>(_ tensor: Tensor<Element>) -> Int {
        let bytes = UnsafeRawBufferPointer(tensor.buffer)
        return withExtendedLifetime(tensor.memory) { bytes.reduce(0) { $0 &+ Int($1) } }
    }

    /// Runs something; the most memory that it held at one time, and its time on the processor.
    private static func measure(
        _ body: () -> Bool
    ) -> (result: Bool, bytes: Int, seconds: Double) {
        let began = processorTime
        allocation_meter_start()
        let result = body()
        let bytes = Int(allocation_meter_stop())
        return (result, bytes, processorTime - began)
    }

    private static var processorTime: Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
