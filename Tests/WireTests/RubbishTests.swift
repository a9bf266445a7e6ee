import Foundation
import NodeKit
import Testing

@testable import Wire

/// Bytes by a seed, where headers and control messages are due.
@Suite struct RubbishBytesTests {
    private func damaged(_ bytes: [UInt8], _ numbers: inout Seeded) -> [UInt8] {
        var bytes = bytes
        switch Int.random(in: 0..<4, using: &numbers) {
        case 0: bytes.removeLast(Int.random(in: 0...bytes.count, using: &numbers))
        case 1:
            for _ in 0..<Int.random(in: 1...40, using: &numbers) {
                bytes.append(UInt8.random(in: 0...255, using: &numbers))
            }
        default:
            for _ in 0..<Int.random(in: 1...6, using: &numbers) {
                let place = bytes.indices.randomElement(using: &numbers)!
                bytes[place] = [0, 0xFF, 0x7F, 0x80, UInt8.random(in: 0...255, using: &numbers)]
                    .randomElement(using: &numbers)!
            }
        }
        return bytes
    }

    /// The same with one digit replaced by another figure.
    private func misreported(_ bytes: [UInt8], _ numbers: inout Seeded) -> [UInt8] {
        let digits = bytes.indices.filter {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[$0])
        }
        let figures = ["-5", "-1", "77", "0.5", "1e300", "\(Int64.max)"]
        let place = digits.randomElement(using: &numbers)!
        let figure = figures.randomElement(using: &numbers)!
        return bytes[..<place] + Array(figure.utf8) + bytes[(place + 1)...]
    }

    @Test func `a damaged header is refused, or is one that can be written again`() {
        var numbers = SystemRandomNumberGenerator.seeded(1)
        var whole = Envelope(.data)
        whole.shape = [1, 48, 64, 3]
        whole.sequence = 4
        whole.place = .init(slot: 2, process: 3, descriptor: 4, capacity: 9216)
        let bytes = whole.encoded()

        for _ in 0..<20_000 {
            let found = damaged(bytes, &numbers).withUnsafeBytes { try? Envelope(decoding: $0) }
            guard let found else { continue }
            let again = found.encoded().withUnsafeBytes { try? Envelope(decoding: $0) }
            #expect(again == found)
            #expect(found.shape.allSatisfy { $0 >= 0 })
            _ = found.payloadBytes
        }
    }

    @Test func `a damaged control message is refused, or has figures that can be added`() {
        var numbers = SystemRandomNumberGenerator.seeded(2)
        var report = NodeReport()
        for frame in [0, 1, 2, 7] as [UInt64] { report.emit(frame) }
        report.age.add(nanoseconds: 24_000_000)
        report.remember(.init(start: 5, duration: 6, frame: 7))
        report.inputs = [.init(port: "frame")]
        report.outputs = [.init(port: "frame", consumer: "film", keep: "all", sent: 4)]
        let bytes = ControlMessage.progress(report).encoded()

        var (accepted, refused) = (0, 0)
        for round in 0..<5_000 {
            let rubbish = round % 2 == 0 ? damaged(bytes, &numbers) : misreported(bytes, &numbers)
            let found = rubbish.withUnsafeBytes(ControlMessage.init(decoding:))
            guard case .progress(let report)? = found else {
                refused += found == nil ? 1 : 0
                continue
            }
            accepted += 1
            let counts = [
                report.ticks, report.emittedCount, report.emitted.count, report.delivered.count,
                report.age.count, report.peakMemory, report.outputs.reduce(0) { $0 + $1.sent },
            ]
            #expect(counts.allSatisfy { (0...1 << 41).contains($0) }, "\(counts)")
            let seconds = [report.busy, report.loading, report.waitingForInput]
            #expect(seconds.allSatisfy { (0...1e9).contains($0) }, "\(seconds)")
            #expect(
                report.recent.allSatisfy { $0.start >= 0 && $0.start + $0.duration >= $0.start })
            #expect(report.age.percentile(0.99).map { $0 >= 0 } ?? (report.age.count == 0))
        }

        #expect(accepted > 500, "\(accepted) of 5000")
        #expect(refused > 500, "\(refused) of 5000")
        let whole = bytes.withUnsafeBytes(ControlMessage.init(decoding:))
        guard case .progress(let read)? = whole else {
            Issue.record("the undamaged message is refused")
            return
        }
        #expect(read.emitted == report.emitted)
        #expect(read.age.count == 1)
        #expect(read.recent == report.recent)
        #expect(read.outputs.map(\.sent) == [4])
    }
}
