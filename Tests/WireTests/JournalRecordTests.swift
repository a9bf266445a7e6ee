import Foundation
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

    @Test func `reasons for drops are told apart up to a limit`() {
        var report = NodeReport()
        for frame in 0..<500 as Range<UInt64> {
            report.drop(frame, because: "no face in frame \(frame)")
        }

        #expect(report.dropped.count == 33)
        #expect(report.dropped.reduce(0) { $0 + $1.frames.count } == 500)
    }

    @Test func `what a node without a journal did stays after its process was replaced`() {
        var old = NodeReport(), new = NodeReport()
        (old.delivered, old.deliveredCount) = (FrameSet(bounds: [0, 99]), 100)
        (new.delivered, new.deliveredCount) = (FrameSet(bounds: [100, 119]), 20)
        old.dropped = [.init(reason: "no face", frames: FrameSet(bounds: [3, 3]))]
        new.dropped = [.init(reason: "no face", frames: FrameSet(bounds: [9, 9]))]

        let all = new.following(old)

        #expect(all.delivered.text == "0-119" && all.deliveredCount == 120)
        #expect(all.dropped.map(\.frames.text) == ["3, 9"])
    }

    @Test func `edges that changes made of the same ports are told apart`() {
        var old = NodeReport(), new = NodeReport()
        var first = NodeReport.Output(
            port: "data", consumer: "sink", consumerPort: "data", keep: "all", sent: 5)
        first.until = 100
        var second = NodeReport.Output(
            port: "data", consumer: "sink", consumerPort: "data", edition: 2, keep: "all", sent: 7)
        second.since = 200
        (old.outputs, new.outputs) = ([first], [second])

        let all = new.following(old)

        #expect(all.outputs.map(\.sent).sorted() == [5, 7])
        #expect(all.outputs.first { $0.edition == 2 }?.until == nil)
    }

    @Test func `an edge that ended before the process began is the one that was reported`() throws {
        typealias Row = (consumer: String, edition: Int, sent: Int, since: UInt64?, until: UInt64)
        let rows: [Row] = [
            ("sink", 26, 417, 100, 517), ("between", 88, 492, 1200, 1692), ("sink", 0, 100, nil, 100),
        ]
        for row in rows {
            var edge = NodeConfiguration.Output(
                port: "data", consumer: row.consumer, consumerPort: "data", keep: .all, window: 2)
            (edge.edition, edge.since, edge.until) = (row.edition, row.since, row.until)
            var old = NodeReport()
            old.outputs = [NodeReport.Output(edge, sent: row.sent)]
            let last = row.until - 1

            let retired = try Self.retired(edge.name, dropping: last).following(old)
            let next = NodeReport().following(retired)

            for report in [retired, next] {
                #expect(report.outputs.map(\.sent) == [row.sent], "\(edge.name)")
                #expect(report.outputs[0].since == row.since && report.outputs[0].until == row.until)
                #expect(report.outputs[0].keep == "all", "\(edge.name)")
                #expect(report.outputs[0].drops[.unwanted].text == "\(last)", "\(edge.name)")
            }
        }
    }

    @Test func `two edges of a consumer that knows of no editions stay two`() throws {
        var first = NodeReport.Output(
            port: "data", consumer: "sink", consumerPort: "data", keep: "all", sent: 5)
        var second = first
        (first.until, second.since, second.sent) = (100, 200, 7)
        var old = NodeReport()
        old.outputs = [first, second]

        let all = try Self.retired("data>sink.data", dropping: 99).following(old)

        #expect(all.outputs.map(\.sent) == [5, 7])
    }

    /// The last report of a process, as the supervisor reads it, that knows of an edge from the journal only.
    private static func retired(_ edge: String, dropping frame: UInt64) throws -> NodeReport {
        var report = NodeReport()
        let drops = Drops(.unwanted, FrameSet(bounds: [frame, frame]))
        report.outputs = [try #require(NodeReport.Output(name: edge, drops: drops))]
        return try JSONDecoder().decode(NodeReport.self, from: JSONEncoder().encode(report))
    }
}
