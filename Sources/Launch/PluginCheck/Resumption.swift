import Dataflow
import Glibc
import NodeKit
import Wire

/// A node is killed after a few frames, and another process of it goes on: what is sent has to be what one sends
/// that was left alone.
struct Resumption {
    let plugin: Plugin
    let settings: Settings
    let sizes: RehearsalSizes
    let patience: Duration
    let executable: String

    /// Enough for a chunk before the kill, and one behind it.
    private var frames: UInt64 { UInt64(2 * max(3, plugin.spec.chunk + plugin.spec.heldFrames)) }

    /// One tensor of an output.
    private struct Sent: Hashable {
        let port: String
        let frame: UInt64
    }

    /// Collects what takers get.
    private final class Made {
        var bytes: [Sent: [UInt8]] = [:]
    }

    /// What is wrong with the node.
    ///
    /// - Throws: ``Rehearsal/Complaint`` where a process does not get to its end.
    func complaints() throws -> [Rehearsal.Complaint] {
        let whole = try life(journal: try Journal.create(), isKilled: false)
        let journal = try Journal.create()
        defer { close(journal) }
        let before = try life(journal: dup(journal), isKilled: true)
        let after = try life(journal: dup(journal), isKilled: false)
        let resumed = before.merging(after) { $1 }
        let needed = plugin.spec.state == .saved
            ? "'state: saved' promises that a process which is given the saved bytes goes on as if nothing had "
                + "been: save all that a tick depends on"
            : "'state: none' promises that a tick depends on its inputs and the settings alone: say 'saved', and "
                + "save what it depends on, or leave 'state' out"
        for sent in whole.keys.sorted(by: { ($0.frame, $0.port) < ($1.frame, $1.port) })
        where resumed[sent] != whole[sent] {
            return [
                .init(
                    "killed after frame \(frames / 2 - 1), it \(resumed[sent] == nil ? "never sent" : "sent other numbers as") "
                        + "frame \(sent.frame) of output '\(sent.port)' than when it was left alone", needed)
            ]
        }
        return []
    }

    /// One process, from the first frame that it asks for.
    ///
    /// - Parameter journal: what processes of the node hand on to each other; closed at the end.
    private func life(journal: Int32, isKilled: Bool) throws -> [Sent: [UInt8]] {
        defer { close(journal) }
        let rehearsal = try Rehearsal(
            plugin, settings, sizes: sizes, isInline: true, journal: journal, patience: patience,
            executable: executable)
        let made = Made()
        for taker in rehearsal.takers where taker.port.pace == .frame {
            let port = taker.port.name
            taker.take = { message in
                made.bytes[Sent(port: port, frame: message.stamp.frame)] =
                    message.tensor.withBytes { Array($0) }
            }
        }
        try rehearsal.begin()
        rehearsal.takers.forEach { $0.becomeEager() }
        let first = rehearsal.feeds.filter { $0.port.pace != .last }.map(\.first).min() ?? 0
        if first > 0 { try rehearsal.feedValues() }
        for frame in first..<max(first, isKilled ? frames / 2 : frames) {
            _ = try rehearsal.feed(frame, isShared: false)
        }
        try rehearsal.waitUntilDone(with: "\(frames) frames")
        if isKilled {
            rehearsal.signal(SIGKILL)
            rehearsal.hearTheRest()
        } else {
            try rehearsal.end()
        }
        if let complaint = rehearsal.complaints.first { throw complaint }
        return made.bytes
    }
}
