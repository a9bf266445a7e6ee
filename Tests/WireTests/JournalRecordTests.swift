import NodeKit
import Testing

@testable import Wire

/// What a process leaves to its successor.
@Suite struct JournalRecordTests {
    private func copied(_ record: JournalRecord) throws -> JournalRecord {
        var writer = ByteWriter(capacity: 256)
        record.write(to: &writer)
        return try writer.bytes.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes)
            return try JournalRecord(reading: &reader)
        }
    }

    @Test func `the ledger comes back as it was written`() throws {
        var record = JournalRecord()
        record.kind = "stage"
        record.epoch = Epoch(number: 3, first: 40, begin: 1_500)
        (record.emitted, record.delivered) = (
            FrameSet(bounds: [0, 6, 9, 9]), FrameSet(bounds: [1, 2])
        )
        record.lateCount = 5
        record.dropped = [.init(reason: "stale", frames: FrameSet(bounds: [7, 8]))]
        record.arrivals["data"] = .init(
            arrived: FrameSet(bounds: [0, 9]), drops: Drops(.unpaired, FrameSet(bounds: [3, 3])))
        var drops = Drops(.superseded, FrameSet(bounds: [0, 4]))
        drops[.unwanted] = FrameSet(bounds: [8, 9])
        record.edgeDrops["data>sink.data~2"] = drops

        let found = try copied(record)

        #expect(found.epoch == record.epoch)
        #expect(found.emitted == record.emitted && found.delivered == record.delivered)
        #expect(found.lateCount == 5)
        #expect(found.dropped[0].frames.text == "7-8")
        #expect(found.arrivals["data"]?.arrived.text == "0-9")
        #expect(found.arrivals["data"]?.drops[.unpaired].text == "3")
        #expect(found.edgeDrops == record.edgeDrops)
    }

    @Test func `a source that begins anew begins an epoch where the old one ended`() {
        var record = JournalRecord()
        (record.ticks, record.state, record.end) = (12, [1], 400)
        record.emitted = FrameSet(bounds: [0, 10])
        record.dropped = [.init(reason: "passed over", frames: FrameSet(bounds: [11, 11]))]

        let fresh = record.anew
        let stamp = fresh.epoch(Stamp(frame: 2, captured: 9, presentation: 30))

        #expect(fresh.ticks == 0 && fresh.state == nil)
        #expect(stamp == Stamp(frame: 14, captured: 9, presentation: 430, epoch: 1))
        #expect(fresh.emitted == record.emitted)
    }

    @Test func `an edge that has ended is reported by its name`() {
        let report = NodeReport.Output(
            name: "data>sink.frame~2", drops: Drops(.superseded, FrameSet(bounds: [1, 1])))

        #expect(report?.port == "data" && report?.consumer == "sink")
        #expect(report?.consumerPort == "frame" && report?.edition == 2)
    }
}
