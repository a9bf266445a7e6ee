import Foundation
import HTTP
import Marks
import Media
import NodeKit
import Tensors

/// Serves a compressed stream to browsers and players over HTTP, as HTTP Live Streaming with parts of a fifth
/// of a second, and keeps it in a folder for another web server.
///
/// Viewers come and go in tasks of their own, so none holds the graph up.
package struct HLSOutNode: Node {
    package static let packet = Port(
        "packet", UInt8.self, "bytes", meaning: "film-packet", "packets of a 'live-encoder'"
    ).droppingLive(beyond: 50)
    package static let serves = Setting(
        "serve", Bool.self, default: true,
        "serves /live.m3u8, and a page with a player at /, on 127.0.0.1; nginx or ssh -L go beyond it"
    )
    package static let port = Setting(
        "port", Int.self, type: .integer(0...65_535), default: 8088,
        "of 127.0.0.1; 0 is any that is free, which 'personalive status' tells")
    package static let folder = Setting(
        "folder", String.self, isOptional: true,
        "where segments and live.m3u8 are kept for a web server of files; they have no parts")
    package static let part = Setting(
        "part", Double.self, type: .number(0.1...2), default: 0.2, unit: "s",
        "what viewers get at once: the list asks them to stay three of these behind")
    package static let segment = Setting(
        "segment", Double.self, type: .number(0.5...10), default: 2, unit: "s",
        "from one segment to the next: it ends at the first picture after it at which a viewer can begin"
    )
    package static let window = Setting(
        "window", Int.self, type: .integer(3...1000), default: 6,
        "segments that viewers can go back by")

    package static let spec = NodeSpec(
        "hls-out", "Serves a compressed stream to browsers and players over HTTP.",
        inputs: [packet],
        settings: [serves, port, folder, part, segment, window], state: .unknown)

    private let reporter: NodeReporter
    private let segmenter: HLSSegmenter
    private var playlist: HLSPlaylist
    private let server: HLSServer?
    private let folder: HLSFolder?
    private var parts = 0
    /// Signs headers and segments; nil where the pictures have no label, and where they cannot be signed.
    private var signer: SegmentSigner?
    private let owner: String?

    package init(settings: Settings) throws {
        (reporter, owner) = (settings.reporter, settings.owner)
        var options = HLSSegmenter.Options()
        options.part = Int64(settings[Self.part] * 1e9)
        options.segment = Int64(settings[Self.segment] * 1e9)
        segmenter = HLSSegmenter(options)
        // Seconds since 1970: a process that takes over goes on with larger numbers, as long as segments take a
        // second or more.
        playlist = HLSPlaylist(
            first: Int(Date().timeIntervalSince1970), segment: options.segment,
            part: options.partTarget, window: settings[Self.window])
        let path = settings[ifSet: Self.folder]
        folder = try path.map { try HLSFolder($0) }
        let port = settings[Self.port]
        do {
            server = try settings[Self.serves] ? HLSServer(port: UInt16(port), playlist) : nil
        } catch let error as ServerError {
            throw ListenError(port: port, reason: error.reason)
        }
        guard server != nil || folder != nil else {
            throw ListenError(
                description: "nothing is done with the stream: set 'serve: true' or a 'folder'")
        }
        let places =
            [server.map { "http://127.0.0.1:\($0.port)/live.m3u8" }, path].compactMap { $0 }
            .joined(separator: " and ")
        reporter.describe { [folder] in folder?.fault ?? "serving \(places)" }
    }

    package mutating func process(_ inputs: Inputs, into outputs: inout Outputs) throws {
        let packet = try FilmPacket(decoding: inputs[Self.packet])
        let (captured, lost) = (inputs.stamp.captured, segmenter.lost)
        publish(try segmenter.add(packet, captured: captured), &outputs)
        if segmenter.lost > lost, !packet.flags.contains(.repeated) {
            outputs.drop(inputs.stamp, because: GroupQueue.noBeginning)
        }
        reporter.set("parts", to: Double(parts))
        if let folder { reporter.set("skipped_playlists", to: Double(folder.skipped)) }
    }

    package mutating func finish(into outputs: inout Outputs) throws {
        publish(try segmenter.finish(), &outputs)
        playlist.end()
        let whole = playlist
        server?.update { $0 = whole }
        folder?.finish(with: whole)
        for warning in folder?.takeWarnings() ?? [] { outputs.warn(warning) }
    }

    private mutating func publish(_ steps: [HLSSegmenter.Step], _ outputs: inout Outputs) {
        guard !steps.isEmpty else { return }
        for step in steps {
            switch step {
            case .begin(let captured, let header, let isBreak):
                var own = header
                if let header { own = signed(header, &outputs) }
                playlist.begin(at: Self.wallTime(captured), header: own, isBreak: isBreak)
            case .part(var part):
                if signer != nil {
                    part.bytes = SegmentSigner.numbered(part.bytes, playlist.next.segment)
                }
                playlist.add(part)
                parts += 1
            case .endSegment: endSegment()
            }
        }
        let new = playlist
        server?.update { $0 = new }
        if steps.contains(.endSegment) { folder?.write(new) }
        for warning in folder?.takeWarnings() ?? [] { outputs.warn(warning) }
    }

    /// The header with a manifest, or as it is: no stream waits for its signature.
    private mutating func signed(_ header: [UInt8], _ outputs: inout Outputs) -> [UInt8] {
        signer = nil
        // A node outside of a run is a test's, which has no business with the user's key.
        guard let owner, let kind = segmenter.kind else { return header }
        do throws(SigningError) {
            let new = try SegmentSigner(kind: kind, owner: owner)
            let signed = try new.signed(header: header, from: playlist.next.segment)
            signer = new
            return signed
        } catch {
            outputs.warn("the stream is not signed: \(error)")
            return header
        }
    }

    private mutating func endSegment() {
        guard let signer else { return playlist.endSegment() }
        let (bytes, duration) = playlist.lastSegment
        let number = playlist.next.segment
        // Its parts were there before it was whole: they have no signature of their own.
        playlist.endSegment(
            mark: signer.mark(of: bytes, number: number, duration: duration))
    }

    /// Nanoseconds since 1970 of a moment of the monotonic clock.
    private static func wallTime(_ time: Int64) -> Int64 {
        Int64(Date().timeIntervalSince1970 * 1e9) - (MonotonicClock.now - time)
    }
}

/// Why a node cannot serve.
struct ListenError: Error, CustomStringConvertible {
    let description: String

    init(description: String) { self.description = description }

    init(port: Int, reason: String) {
        description =
            "port \(port) of 127.0.0.1 cannot be served: \(reason); set 'port:' to another, or to 0 for any"
    }
}
