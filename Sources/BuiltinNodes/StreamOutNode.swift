import CPosix
import Foundation
import Marks
import Media
import NodeKit
import Tensors

/// Sends a compressed stream to a server or into a file, and connects again whenever that breaks.
///
/// It never fails for what is wrong at the other end: its state says that, and its frames are counted as
/// dropped meanwhile.
package struct StreamOutNode: Node {
    package static let packet = Port(
        "packet", UInt8.self, "bytes", meaning: "film-packet", "packets of a 'live-encoder'"
    ).droppingLive(beyond: 50)
    package static let url = Setting(
        "url", String.self,
        "where to: rtmp://…, rtmps://…, srt://…, rtsp://…, udp://… or tcp://… (MPEG-TS), or a file that "
            + "ends in .mp4, .mkv, .ts or .flv")
    package static let keyFile = Setting(
        "key-file", String.self, type: .inputFile, isOptional: true,
        "a file whose first line is the stream's key: it comes where '{key}' stands, or, of RTMP and "
            + "RTSP, at the address's end, and is shown nowhere; /dev/null is none")
    package static let latency = Setting(
        "latency", Double.self, type: .number(0.02...10), default: 0.12, unit: "s",
        "of SRT: for how long its receiver waits for what was lost")
    package static let timeout = Setting(
        "timeout", Double.self, type: .number(0.5...600), default: 5, unit: "s",
        "a server that answers nothing, or takes nothing, for so long is connected to again")
    package static let buffer = Setting(
        "buffer", Double.self, type: .number(0.5...60), default: 2, unit: "s",
        "what a slow connection does not take is held for so long, then dropped in whole groups of "
            + "pictures")

    package static let spec = NodeSpec(
        "stream-out", "Sends a compressed stream to a server or into a file.", inputs: [packet],
        settings: [url, keyFile, latency, timeout, buffer], state: .unknown)

    private let writer: StreamWriter
    private let reporter: NodeReporter
    private var began: (bytes: Int, at: Int64)?

    package init(settings: Settings) throws {
        let file = settings[ifSet: Self.keyFile].flatMap { $0 == "/dev/null" ? nil : $0 }
        let key = try file.map(Self.key)
        var options = StreamWriter.Options()
        options.latency = Int64(settings[Self.latency] * 1e9)
        options.timeout = Int64(settings[Self.timeout] * 1e9)
        options.buffer = Int64(settings[Self.buffer] * 1e9)
        // A node outside of a run is a test's, which has no business with the user's key.
        if let owner = settings.owner {
            options.signer = { (kind) throws(SigningError) in
                try SegmentSigner(kind: kind, owner: owner)
            }
        }
        writer = StreamWriter(try StreamAddress(settings[Self.url], key: key), options)
        reporter = settings.reporter
        // The thread that sends has news when no packet comes, too.
        reporter.describe { [writer] in writer.state }
    }

    /// The first line of the file.
    private static func key(in file: String) throws -> String {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw StreamKeyError(description: "key-file \(file) cannot be read")
        }
        let text = String(decoding: data.prefix(4096), as: UTF8.self)
        let key = text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        let trimmed = key.trimmingCharacters(in: .whitespaces)
        guard !trimmed.isEmpty else {
            throw StreamKeyError(
                description: "key-file \(file) is empty: its first line has to be the stream's key")
        }
        return trimmed
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        let packet = try FilmPacket(decoding: inputs[Self.packet])
        writer.send(packet, frame: inputs.stamp.frame, captured: inputs.stamp.captured)
        settle(&outputs)
    }

    package mutating func finish(into outputs: inout Outputs) throws {
        writer.finish(within: 3_000_000_000)
        settle(&outputs)
    }

    private mutating func settle(_ outputs: inout Outputs) {
        for drop in writer.takeDrops() {
            outputs.drop(
                Stamp(frame: drop.frame, captured: 0, presentation: 0), because: drop.reason)
        }
        for warning in writer.takeWarnings() { outputs.warn(warning) }
        let figures = writer.current, now = MonotonicClock.now
        reporter.set("connections", to: Double(figures.connections))
        reporter.set("sent_pictures", to: Double(figures.sent))
        reporter.set("sent_age_ms", to: figures.age)
        reporter.set("waiting_ms", to: figures.waiting)
        let (bytes, at) = began ?? (figures.bytes, now)
        began = began ?? (bytes, at)
        guard now - at > 1_000_000_000 else { return }
        reporter.set("sent_kbit_s", to: Double(figures.bytes - bytes) * 8e6 / Double(now - at))
        began = (figures.bytes, now)
    }
}

/// Why a stream's key cannot be had.
struct StreamKeyError: Error, CustomStringConvertible { let description: String }
