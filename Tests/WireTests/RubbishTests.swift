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

        for _ in 0..<5_000 {
            let found = damaged(bytes, &numbers).withUnsafeBytes(ControlMessage.init(decoding:))
            guard case .progress(let report)? = found else { continue }
            _ = report.emitted.count + report.age.count + report.ticks
            _ = report.recent.reduce(Int64(0)) { max($0, $1.start + $1.duration) }
            _ = report.age.percentile(0.99)
        }
    }
}
