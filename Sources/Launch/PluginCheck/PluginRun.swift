import CPosix
import Dataflow
import NodeKit
import Tensors
import Wire

/// One life of a plugin without a graph: what was recorded, or made up, goes in, and what it makes comes out.
package struct PluginRun {
    /// What came of it.
    package struct Outcome: Sendable {
        /// Messages that each input was sent, and that each output sent, by port.
        package var fed: [String: Int] = [:]
        package var made: [String: Int] = [:]
        package var seconds = 0.0
        /// The node's own last report.
        package var report: NodeReport?
        /// How it ended before its work was done, and at which frame; nil when it did not.
        package var failure: String?
        package var faults: [PluginCheck.Fault] = []
    }

    private let plugin: Plugin
    private let settings: Settings
    private let frames: Int
    private let patience: Duration
    private let executable: String
    private let feed: RunFeed
    private let sizes: RehearsalSizes

    /// - Parameters:
    ///   - values: the node's settings, defaults included.
    ///   - recordings: files, and the input that each is for, where it says so. Without any, inputs get
    ///     numbers that are made up.
    ///   - extents: of named axes of what is made up.
    ///   - frames: that an input gets at most, or that a source may make; nil for all that was recorded, and
    ///     for 25 of what has no end.
    ///   - patience: how long any step may take, besides the start.
    ///   - executable: the tool, beside which the node library lies.
    /// - Throws: ``RecordingError`` for a file that cannot be read, or that the plugin cannot take.
    package init(
        _ plugin: Plugin, values: [String: SettingValue],
        recordings: [(input: String?, path: String)], extents: [String: Int], frames: Int?,
        patience: Duration, executable: String
    ) throws {
        (self.plugin, self.patience, self.executable) = (plugin, patience, executable)
        settings = Settings(values)
        let spec = plugin.spec.resolved(with: settings)
        self.frames = frames ?? (recordings.isEmpty ? 25 : .max)
        if recordings.isEmpty {
            try Self.check(extents, spec)
            let fixed = values.merging(extents.mapValues { .integer($0) }) { $1 }
            sizes = RehearsalSizes(spec, values: fixed, isOdd: false)
            feed = .made
        } else {
            let recorded = try RecordedInputs(spec, recordings)
            sizes = RehearsalSizes(of: try recorded.firstShapes())
            feed = .recorded(recorded)
        }
    }

    private static func check(_ extents: [String: Int], _ spec: NodeSpec) throws {
        let known = Set(spec.inputs.flatMap(\.axes).compactMap { axis in
            if case .named(let name, _) = axis { name } else { nil }
        })
        guard let stranger = extents.keys.filter({ !known.contains($0) }).min() else { return }
        throw RecordingError(
            "no input of '\(spec.kind)' has an axis '\(stranger)'"
                + (known.isEmpty ? "" : ": there are \(known.sorted().joined(separator: ", "))"))
    }

    /// Where the messages of inputs come from.
    private enum RunFeed {
        case recorded(RecordedInputs)
        case made
    }

    /// Starts the program and sees it to its end.
    ///
    /// - Parameters:
    ///   - show: gets each line that the program prints.
    ///   - take: gets each message that an output sends.
    package func run(
        show: @escaping (String) -> Void, take: @escaping (PortSpec, Message) throws -> Void
    ) throws -> Outcome {
        var inputs: Set<String>?
        if case .recorded(let recorded) = feed { inputs = recorded.inputs }
        let rehearsal = try Rehearsal(
            plugin, settings, sizes: sizes, inputs: inputs, isInline: true, patience: patience,
            executable: executable)
        rehearsal.show = show
        let taken = Taken()
        // A source that is told to stop may have sent a few more by then.
        let limit = rehearsal.feeds.isEmpty ? frames : .max
        for taker in rehearsal.takers {
            let port = taker.port
            var count = 0
            taker.take = { message in
                count += 1
                if count <= limit { taken.note { try take(port, message) } }
            }
        }
        var outcome = Outcome()
        do {
            try rehearsal.begin()
            let began = posix_monotonic_ns()
            defer { outcome.seconds = Double(posix_monotonic_ns() - began) / 1e9 }
            rehearsal.takers.forEach { $0.becomeEager() }
            if rehearsal.feeds.isEmpty {
                try makeFrames(rehearsal, taken)
            } else {
                try feedAll(rehearsal, taken)
            }
            try rehearsal.awaitEnd(
                needed: "when no tick can come any more, send 'end' to each consumer")
        } catch let complaint as Rehearsal.Complaint {
            if let failure = failure(rehearsal) {
                outcome.failure = failure
            } else {
                rehearsal.complain(complaint.found, complaint.needed)
            }
        }
        if let fault = taken.fault { throw fault }
        if case .recorded(let recorded) = feed {
            for path in recorded.cutShort.sorted() {
                show("warning: \(path) breaks off: it was not finished, and what is whole of it was used")
            }
        }
        outcome.faults = rehearsal.complaints.map {
            PluginCheck.Fault(found: $0.found, needed: $0.needed)
        }
        for feed in rehearsal.feeds { outcome.fed[feed.port.name] = feed.sentCount }
        for taker in rehearsal.takers { outcome.made[taker.port.name] = min(taker.received.count, limit) }
        outcome.report = rehearsal.lastReport
        return outcome
    }

    /// How the process ended too early; nil while it runs.
    private func failure(_ rehearsal: Rehearsal) -> String? {
        guard rehearsal.ending != nil else { return nil }
        rehearsal.hearTheRest()
        let frames = Set(rehearsal.feeds.filter { $0.port.pace == .frame }.flatMap(\.underWay)).sorted()
        guard let ending = rehearsal.ending, let first = frames.first else {
            return rehearsal.ending.map { "with no frame under way: \($0)" }
        }
        if rehearsal.failedReason != nil { return "at frame \(first): \(ending)" }
        // One that ends without a word may have been done with the first of them.
        return "with frame \(frames.map(String.init).joined(separator: " or ")) under way: \(ending)"
    }

    /// Whether what was made could be kept.
    private final class Taken {
        private(set) var fault: (any Error)?

        func note(_ body: () throws -> Void) {
            guard fault == nil else { return }
            do { try body() } catch { fault = error }
        }

        func check() throws { if let fault { throw fault } }
    }

    /// A source makes messages until it has none, or so many.
    private func makeFrames(_ rehearsal: Rehearsal, _ taken: Taken) throws {
        var seen = -1
        func count() -> Int { rehearsal.takers.map(\.received.count).max() ?? 0 }
        while count() < frames, !rehearsal.takers.allSatisfy(\.hasEnded) {
            seen = count()
            try rehearsal.wait(
                for: "sent message \(seen), or the end",
                needed: "a source makes messages as long as its consumers give credits"
            ) { count() > seen || rehearsal.takers.allSatisfy(\.hasEnded) }
            try taken.check()
        }
        rehearsal.tell(.drain)
    }

    /// Each input gets its messages as fast as the node is done with those before.
    private func feedAll(_ rehearsal: Rehearsal, _ taken: Taken) throws {
        var open = rehearsal.feeds
        while !open.isEmpty {
            for feed in open {
                while feed.credits > 0 {
                    guard feed.sentCount < frames, let message = try next(feed) else {
                        feed.end()
                        open.removeAll { $0 === feed }
                        break
                    }
                    let bytes = message.tensor.withBytes { Array($0) }
                    try feed.send(
                        bytes, message.tensor.shape, message.stamp, isShared: bytes.count >= 32 << 10)
                }
            }
            // One that needs nothing more has said so.
            open.removeAll(where: \.saidBye)
            guard let slow = open.first else { return }
            let frame = slow.underWay.first.map { "was done with frame \($0)" } ?? "said hello"
            try rehearsal.wait(
                for: "\(frame) of input '\(slow.port.name)'",
                needed: "a tick that takes longer needs a longer '--patience'"
            ) { open.contains { $0.credits > 0 || $0.saidBye } }
            try taken.check()
        }
    }

    /// The next message of an input, captured now; nil at the end.
    private func next(_ feed: RehearsalFeed) throws -> Message? {
        let now = posix_monotonic_ns()
        switch self.feed {
        case .recorded(let recorded):
            guard var message = try recorded.next(for: feed.port) else { return nil }
            let tensor = message.tensor
            if let fault = sizes.fault(tensor.elementType, tensor.shape, at: feed.port) {
                throw RecordingError(
                    "\(recorded.path(of: feed.port.name)): frame \(message.stamp.frame) for input "
                        + "'\(feed.port.name)' is \(fault)")
            }
            (message.stamp.captured, message.stamp.epoch) = (now, 0)
            return message
        case .made:
            // A value that stays valid is given once.
            guard feed.port.pace != .last || feed.sentCount == 0 else { return nil }
            let shape = sizes.shape(of: feed.port)
            let bytes = RehearsalSizes.payload(feed.port.elementType, shape, seed: feed.sentCount)
            let memory = TensorMemory(byteCount: bytes.count)
            bytes.withUnsafeBytes {
                UnsafeMutableRawBufferPointer(start: memory.base, count: $0.count)
                    .copyMemory(from: $0)
            }
            return Message(
                AnyTensor(elementType: feed.port.elementType, shape: shape, memory: memory),
                Stamp(
                    frame: UInt64(feed.sentCount), captured: now,
                    presentation: Int64(feed.sentCount) * 40_000_000, duration: 40_000_000))
        }
    }
}
