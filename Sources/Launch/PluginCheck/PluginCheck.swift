import Dataflow
import Foundation
import NodeKit
import Wire

/// Plays the other side of the protocol to a plugin, politely and less so, and says what it did wrong.
package struct PluginCheck {
    /// Something that the plugin did, and what it should have done.
    package struct Fault: Sendable, Codable {
        package let found: String
        package let needed: String
    }

    /// What came of one act: one life of the process.
    package struct Act: Sendable, Codable {
        package let name: String
        package let seconds: Double
        package let faults: [Fault]
    }

    private let plugin: Plugin
    private let values: [String: SettingValue]
    private let patience: Duration
    private let executable: String

    /// - Parameters:
    ///   - values: the node's settings, defaults included.
    ///   - patience: how long any step may take, besides the start.
    ///   - executable: the tool, beside which the node library lies.
    package init(
        _ plugin: Plugin, values: [String: SettingValue], patience: Duration, executable: String
    ) {
        self.executable = executable
        self.plugin = plugin
        self.values = values
        self.patience = patience
    }

    private typealias Script = (Rehearsal) throws -> Void

    private var scripts: [(name: String, isOdd: Bool, script: Script)] {
        let settings: [(name: String, isOdd: Bool, script: Script)] =
            plugin.spec.settings.contains(where: \.isLive)
            ? [("its live settings change between two ticks", false, Self.live)] : []
        if plugin.spec.inputs.isEmpty {
            return settings + [
                ("a source is asked for frames, and told to drain", false, Self.source),
                ("its supervisor is gone", false, Self.orphan),
                ("it is told to finish", false, Self.finish),
                ("its consumers leave early", false, Self.deserted),
            ]
        }
        return [
            (
                "a whole life: ticks with gaps, in the message and in shared memory", false,
                Self.life
            ),
            ("other sizes: odd extents", true, Self.odd),
            ("a stream that ends before its first frame, and late consumers", false, Self.empty),
            ("its supervisor is gone", false, Self.orphan),
            ("it is told to finish", false, Self.finish),
            ("it gets SIGTERM", false, Self.terminate),
        ]
            + settings
            + (plugin.spec.outputs.isEmpty
                ? [] : [("its consumers leave early", false, Self.deserted)])
    }

    /// Runs every act; `show` gets each as soon as it is over.
    package func run(show: (Act) -> Void = { _ in }) -> [Act] {
        func perform(_ name: String, _ faults: () -> [Fault]) -> Act {
            let began = ContinuousClock.now
            let found = faults()
            let act = Act(
                name: name, seconds: (ContinuousClock.now - began) / .seconds(1), faults: found)
            show(act)
            return act
        }
        let acts = scripts.map { name, isOdd, script in
            perform(name) { rehearse(isOdd: isOdd, script) }
        }
        let spec = plugin.spec
        guard spec.state != .unknown, !spec.inputs.isEmpty, !spec.outputs.isEmpty else { return acts }
        return acts + [perform("it is killed, and another process goes on", resume)]
    }

    private func resume() -> [Fault] {
        let settings = Settings(values)
        let spec = plugin.spec.resolved(with: settings)
        do {
            let resumption = Resumption(
                plugin: plugin, settings: settings,
                sizes: RehearsalSizes(spec, values: values, isOdd: false), patience: patience,
                executable: executable)
            return try resumption.complaints().map { Fault(found: $0.found, needed: $0.needed) }
        } catch let complaint as Rehearsal.Complaint {
            return [Fault(found: complaint.found, needed: complaint.needed)]
        } catch {
            return [Fault(found: "\(error)", needed: "this is no fault of the plugin")]
        }
    }

    private func rehearse(isOdd: Bool, _ script: Script) -> [Fault] {
        let settings = Settings(values)
        let spec = plugin.spec.resolved(with: settings)
        let rehearsal: Rehearsal
        do {
            rehearsal = try Rehearsal(
                plugin, settings, sizes: RehearsalSizes(spec, values: values, isOdd: isOdd),
                patience: patience, executable: executable)
            do {
                try script(rehearsal)
            } catch let complaint as Rehearsal.Complaint {
                rehearsal.complain(complaint.found, complaint.needed)
            }
        } catch {
            return [Fault(found: "\(error)", needed: "this is no fault of the plugin")]
        }
        return rehearsal.complaints.map { Fault(found: $0.found, needed: $0.needed) }
    }
}

// MARK: - Acts

extension PluginCheck {
    private static func life(_ rehearsal: Rehearsal) throws {
        try rehearsal.begin(isStrange: true)
        var stamps = [try rehearsal.feed(0, isShared: false)]
        // Whoever sends now does it without a credit.
        rehearsal.listen(for: .milliseconds(300))
        rehearsal.takers.forEach { $0.becomeEager() }
        let framed = rehearsal.feeds.filter { $0.port.pace == .frame }
        // 3 and 4 were dropped upstream; 6 only before one of the inputs.
        for frame in [1, 2, 5, 6, 7, 8, 40] as [UInt64] {
            let absent = frame == 6 && framed.count > 1 ? framed[0].port.name : nil
            let stamp = try rehearsal.feed(frame, isShared: frame % 2 == 1, absent: absent)
            if absent == nil { stamps.append(stamp) }
        }
        try rehearsal.waitUntilDone(with: "8 frames")
        try rehearsal.wait(
            for: "sent a progress message",
            needed: "say how it is getting on about four times a second", upTo: .seconds(3)
        ) { rehearsal.said["progress"] != nil }
        try rehearsal.end()
        checkStamps(rehearsal, stamps)
        checkSlots(rehearsal)
        checkReport(rehearsal, stamps)
    }

    private static func live(_ rehearsal: Rehearsal) throws {
        try rehearsal.begin()
        guard rehearsal.canSet else {
            throw Rehearsal.Complaint(
                "node.yaml has settings with 'live: true', but its hello did not say 'sets'",
                #"send {"type": "hello", "sets": true}, and obey 'set'"#)
        }
        rehearsal.takers.forEach { $0.becomeEager() }
        let isSource = rehearsal.feeds.isEmpty
        var stamps = isSource ? [] : [try rehearsal.feed(0, isShared: false)]
        if !isSource { try rehearsal.waitUntilDone(with: "a frame") }
        // Each goes to another value and back.
        for (edition, values) in [rehearsal.otherSettings, rehearsal.settings.values].enumerated() {
            rehearsal.tell(.set(values, edition: edition + 1))
            try rehearsal.wait(
                for: "answered set with applied",
                needed: #"between two ticks take the values, and send {"type": "applied", "edition": …, "#
                    + #""frame": …}"#
            ) { rehearsal.applied.count > edition }
            let answer = rehearsal.applied[edition]
            let (last, next) = (stamps.last?.frame, UInt64(edition) + 7)
            if answer.edition != edition + 1 || last.map({ answer.frame != $0 + 1 }) ?? false {
                rehearsal.complain(
                    "after frame \(last ?? 0) it answered change \(edition + 1) with "
                        + "edition \(answer.edition), frame \(answer.frame.map { "\($0)" } ?? "none")",
                    "'edition' is that of 'set', and 'frame' one more than the last frame that went by "
                        + "the old values")
            }
            guard !isSource else { continue }
            stamps.append(try rehearsal.feed(next, isShared: false))
            try rehearsal.waitUntilDone(with: "a frame")
        }
        if isSource { rehearsal.tell(.drain) }
        try rehearsal.end()
        if !isSource { checkStamps(rehearsal, stamps) }
    }

    private static func odd(_ rehearsal: Rehearsal) throws {
        try rehearsal.begin()
        rehearsal.takers.forEach { $0.becomeEager() }
        let stamps = try (0..<3).map { try rehearsal.feed($0, isShared: $0 == 1) }
        try rehearsal.waitUntilDone(with: "3 frames of other sizes")
        try rehearsal.end()
        checkStamps(rehearsal, stamps)
    }

    private static func empty(_ rehearsal: Rehearsal) throws {
        try rehearsal.begin(credits: nil)
        try rehearsal.feedValues()
        rehearsal.endInputs()
        rehearsal.listen(for: .milliseconds(200))
        try rehearsal.takers.forEach { try $0.sayHello(credits: 2) }
        try rehearsal.awaitEnd(
            needed: "when no tick can come any more, send 'end' to each consumer, to one that is "
                + "late when it has said hello")
    }

    private static func source(_ rehearsal: Rehearsal) throws {
        try rehearsal.begin()
        rehearsal.listen(for: .milliseconds(300))
        rehearsal.takers.forEach { $0.becomeEager() }
        try rehearsal.wait(
            for: "sent five frames, or the end",
            needed: "a source makes messages as long as its "
                + "consumers give credits"
        ) { rehearsal.takers.allSatisfy { $0.received.count >= 5 || $0.hasEnded } }
        rehearsal.tell(.drain)
        try rehearsal.awaitEnd(needed: "at 'drain' a source stops and sends 'end'")
        for taker in rehearsal.takers where taker.port.pace == .frame {
            checkSource(rehearsal, taker)
        }
    }

    private static func orphan(_ rehearsal: Rehearsal) throws {
        try rehearsal.begin(credits: 2)
        if !rehearsal.feeds.isEmpty { _ = try rehearsal.feed(0, isShared: false) }
        rehearsal.cutLifeline()
        let needed =
            "when standard input ends, the supervisor is gone: finish files and end, "
            + "within a few seconds"
        let deadline = ContinuousClock.now + .seconds(5)
        while rehearsal.status == nil, ContinuousClock.now < deadline {
            rehearsal.listen(for: .milliseconds(20))
        }
        guard rehearsal.status != nil else {
            throw Rehearsal.Complaint("it still runs 5 s after its standard input ended", needed)
        }
    }

    private static func finish(_ rehearsal: Rehearsal) throws {
        try rehearsal.begin(credits: 2)
        if !rehearsal.feeds.isEmpty { _ = try rehearsal.feed(0, isShared: false) }
        rehearsal.tell(.finishNow)
        try awaitDone(
            rehearsal, "at 'finish' close files and send 'done': after 12 s comes SIGKILL")
    }

    private static func terminate(_ rehearsal: Rehearsal) throws {
        try rehearsal.begin(credits: 2)
        rehearsal.signal(SIGTERM)
        try awaitDone(rehearsal, "SIGTERM means the same as 'finish': close files and send 'done'")
    }

    private static func awaitDone(_ rehearsal: Rehearsal, _ needed: String) throws {
        try rehearsal.wait(for: "said done", needed: needed, upTo: .seconds(10)) {
            rehearsal.said["done"] != nil
        }
        try rehearsal.awaitExit(within: .seconds(5))
    }

    private static func deserted(_ rehearsal: Rehearsal) throws {
        try rehearsal.begin(credits: 2)
        if !rehearsal.feeds.isEmpty { _ = try rehearsal.feed(0, isShared: false) }
        rehearsal.takers.forEach { $0.sayBye() }
        try rehearsal.wait(
            for: "answered the bye of its consumers with end",
            needed: "a consumer that says 'bye' early is answered 'end'"
        ) { rehearsal.takers.allSatisfy(\.hasEnded) }
        try rehearsal.wait(
            for: "said bye to its producers",
            needed: "a node all of whose consumers have left has nothing to do any more, and says "
                + "'bye' itself"
        ) { rehearsal.feeds.allSatisfy(\.saidBye) }
        rehearsal.feeds.forEach { $0.end() }
        try rehearsal.wait(for: "said done", needed: "then send 'done' and end") {
            rehearsal.said["done"] != nil
        }
        try rehearsal.awaitExit(within: .seconds(5))
    }
}

// MARK: - What is looked at afterwards

extension PluginCheck {
    /// What is sent keeps the stamp of the frame that it was made from.
    private static func checkStamps(_ rehearsal: Rehearsal, _ sent: [Stamp]) {
        for taker in rehearsal.takers where taker.port.pace == .frame {
            for stamp in taker.received where !sent.contains(stamp) {
                let same = sent.first { $0.frame == stamp.frame }
                let was = same.map { ", but frame \($0.frame) came as \(words($0))" } ?? ""
                rehearsal.complain(
                    "output '\(taker.port.name)' sent frame \(stamp.frame) as \(words(stamp))\(was)",
                    "what is sent keeps the stamp of the frame that it was made from: frame, "
                        + "captured, presentation, duration and epoch")
            }
        }
    }

    private static func words(_ stamp: Stamp) -> String {
        "captured \(stamp.captured), presentation \(stamp.presentation), "
            + "duration \(stamp.duration), epoch \(stamp.epoch)"
    }

    private static func checkSource(_ rehearsal: Rehearsal, _ taker: RehearsalTaker) {
        let frames = taker.received.map(\.frame)
        if frames != Array(0..<UInt64(frames.count)) {
            rehearsal.complain(
                "output '\(taker.port.name)' numbered its frames \(frames.prefix(8).map(String.init).joined(separator: ", "))",
                "a source's 'frame' counts from 0 without gaps")
        }
        let times = taker.received.map(\.captured)
        let isClock =
            zip(times, times.dropFirst()).allSatisfy { $0 <= $1 }
            && times.allSatisfy { $0 > 0 && $0 <= rehearsal.now }
        if !isClock {
            rehearsal.complain(
                "output '\(taker.port.name)' carries times of capture that no clock showed",
                "'captured' is CLOCK_MONOTONIC in ns when the source got hold of the frame")
        }
    }

    private static func checkSlots(_ rehearsal: Rehearsal) {
        for feed in rehearsal.feeds where feed.lentCount > 0 && feed.port.pace != .last {
            rehearsal.complain(
                "input '\(feed.port.name)' never gave back \(feed.lentCount) slots of shared memory",
                "list a slot in 'released' of a grant as soon as nothing reads it any more")
        }
    }

    private static func checkReport(_ rehearsal: Rehearsal, _ sent: [Stamp]) {
        guard let report = rehearsal.lastReport else { return }
        let takers = rehearsal.takers.filter { $0.port.pace == .frame }
        let isSink = rehearsal.takers.isEmpty
        guard isSink || !takers.isEmpty else { return }
        let answered = Set(takers.flatMap(\.received).map(\.frame))
        let missing = sent.map(\.frame).filter { frame in
            !(isSink ? report.delivered.contains(frame) : answered.contains(frame))
                && !report.dropped.contains { $0.frames.contains(frame) }
        }
        guard !missing.isEmpty else { return }
        let frames = missing.map(String.init).joined(separator: ", ")
        if isSink {
            rehearsal.complain(
                "its last report has frames \(frames) neither in 'delivered' nor in 'dropped'",
                "a sink reports what it took: frames in = frames out + frames dropped")
        } else {
            rehearsal.complain(
                "nothing came of frames \(frames), and its last report does not have them in 'dropped'",
                "a frame that ends in a node is in 'dropped' of its last report, with the reason")
        }
    }
}

extension Rehearsal {
    /// The monotonic clock, nanoseconds.
    fileprivate var now: Int64 { Self.stamp(0).captured + 1_000_000 }
}
