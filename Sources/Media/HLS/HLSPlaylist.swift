import Foundation
import Glibc

/// The segments and parts of a live stream that viewers can have at a moment, and the playlist that says so:
/// HTTP Live Streaming (RFC 8216) with the low-latency extension of its second edition
/// (draft-pantos-hls-rfc8216bis). Pure.
package struct HLSPlaylist: Sendable {
    /// A piece of a segment that viewers can have before the segment is complete.
    package struct Part: Equatable, Sendable {
        package var bytes: [UInt8]
        /// Nanoseconds.
        package var duration: Int64
        /// Whether a decoder can begin with it.
        package var isIndependent: Bool

        package init(bytes: [UInt8], duration: Int64, isIndependent: Bool) {
            (self.bytes, self.duration, self.isIndependent) = (bytes, duration, isIndependent)
        }
    }

    /// Where a part stands: the number of its segment, and its own in there, from 0.
    package struct Place: Comparable, Sendable {
        package var segment: Int
        package var part: Int

        package init(segment: Int, part: Int) { (self.segment, self.part) = (segment, part) }

        package static func < (one: Place, other: Place) -> Bool {
            (one.segment, one.part) < (other.segment, other.part)
        }
    }

    /// A file of the stream, by its name.
    package enum File: Equatable, Sendable {
        case playlist
        case header(segment: Int)
        case segment(Int)
        case part(Place)

        /// - Parameter name: `live.m3u8`, `header-7.mp4`, `segment-7.m4s` or `part-7.2.m4s`.
        package init?(_ name: Substring) {
            // [0-9] and not \d, which takes digits of every script: Int takes none but these.
            if name == "live.m3u8" {
                self = .playlist
            } else if let match = name.wholeMatch(of: /header-([0-9]{1,15})\.mp4/) {
                self = .header(segment: Int(match.1)!)
            } else if let match = name.wholeMatch(of: /segment-([0-9]{1,15})\.m4s/) {
                self = .segment(Int(match.1)!)
            } else if let match = name.wholeMatch(of: /part-([0-9]{1,15})\.([0-9]{1,15})\.m4s/) {
                self = .part(Place(segment: Int(match.1)!, part: Int(match.2)!))
            } else {
                return nil
            }
        }

        package var name: String {
            switch self {
            case .playlist: "live.m3u8"
            case .header(let segment): "header-\(segment).mp4"
            case .segment(let number): "segment-\(number).m4s"
            case .part(let place): "part-\(place.segment).\(place.part).m4s"
            }
        }
    }

    private struct Segment: Sendable {
        /// When its first picture was captured, nanoseconds since 1970.
        var begin: Int64
        /// Whether its times do not follow those of the one before.
        var isBreak: Bool
        /// Breaks before it, its own not counted.
        var earlierBreaks: Int
        /// The segment whose number its header has.
        var header: Int
        var parts: [Part] = []
        /// What comes before its parts in its own file: its signature.
        var mark: [UInt8] = []
        var isComplete = false

        var duration: Int64 { parts.reduce(0) { $0 + $1.duration } }
    }

    /// Whole seconds that a segment lasts at most, rounded.
    package let targetDuration: Int
    /// Nanoseconds that a part lasts at most.
    package let partTarget: Int64
    /// Complete segments in the playlist.
    private let window: Int
    private var segments: [Segment] = []
    private var headers: [Int: [UInt8]] = [:]
    private var isEnded = false
    /// Number of the first segment in ``segments``.
    private var first: Int

    /// Segments that can be had for some time after the playlist has dropped them.
    private static let spare = 3

    /// - Parameters:
    ///   - first: number of the first segment, larger than those of an earlier process.
    ///   - segment: nanoseconds that a segment lasts.
    ///   - part: nanoseconds that a part lasts at most.
    ///   - window: complete segments in the playlist.
    package init(first: Int, segment: Int64, part: Int64, window: Int) {
        (self.first, self.window, partTarget) = (first, window, part)
        targetDuration = Int((segment + 999_999_999) / 1_000_000_000)
    }

    // MARK: What is added

    /// Begins a segment; nanoseconds since 1970.
    ///
    /// - Parameters:
    ///   - header: what a player needs before it, if that is not the one before.
    ///   - isBreak: whether its times do not follow those of the segment before.
    package mutating func begin(at time: Int64, header: [UInt8]?, isBreak: Bool) {
        endSegment()
        let number = first + segments.count
        if let header { headers[number] = header }
        let earlierBreaks = segments.last.map { $0.earlierBreaks + ($0.isBreak ? 1 : 0) } ?? 0
        segments.append(
            Segment(
                begin: time, isBreak: isBreak && !segments.isEmpty, earlierBreaks: earlierBreaks,
                header: header == nil ? segments.last?.header ?? number : number))
        while segments.count > window + Self.spare + 1 {
            let gone = segments.removeFirst()
            first += 1
            if !segments.contains(where: { $0.header == gone.header }) {
                headers[gone.header] = nil
            }
        }
    }

    package mutating func add(_ part: Part) {
        precondition(!segments.isEmpty, "a part belongs to a segment")
        segments[segments.count - 1].parts.append(part)
    }

    /// Nothing more comes.
    package mutating func end() {
        endSegment()
        isEnded = true
    }

    /// The bytes of the last segment's parts, and how long they last, nanoseconds.
    package var lastSegment: (bytes: [UInt8], duration: Int64) {
        (segments.last?.parts.flatMap(\.bytes) ?? [], segments.last?.duration ?? 0)
    }

    /// The last segment gets no more parts.
    ///
    /// - Parameter mark: what its own file begins with.
    package mutating func endSegment(mark: [UInt8] = []) {
        guard !segments.isEmpty else { return }
        if !mark.isEmpty { segments[segments.count - 1].mark = mark }
        segments[segments.count - 1].isComplete = true
    }

    // MARK: What can be had

    package var hasSegments: Bool { !segments.isEmpty }

    /// Where the part comes that is made next.
    package var next: Place {
        guard let last = segments.last else { return Place(segment: first, part: 0) }
        return last.isComplete
            ? Place(segment: first + segments.count, part: 0)
            : Place(segment: first + segments.count - 1, part: last.parts.count)
    }

    /// Whether a part, or with nil the whole of a segment, is in the playlist.
    ///
    /// A part beyond the last of a whole segment stands for the first of the next one (RFC 8216bis, 6.2.5.2).
    /// After the end there is nothing to wait for.
    package func has(segment: Int, part: Int?) -> Bool {
        if isEnded { return true }
        if let part, let found = self[segment], found.isComplete, part >= found.parts.count {
            return next > Place(segment: segment + 1, part: 0)
        }
        return next > Place(segment: segment, part: part ?? .max)
    }

    /// The bytes of a file; nil for what is not there, or not yet.
    package func bytes(of file: File) -> [UInt8]? {
        switch file {
        case .playlist: return Array(text(isLowLatency: true).utf8)
        case .header(let segment): return headers[segment]
        case .segment(let number):
            guard let segment = self[number], segment.isComplete else { return nil }
            return segment.mark + segment.parts.flatMap(\.bytes)
        case .part(let place):
            guard let parts = self[place.segment]?.parts, parts.indices.contains(place.part) else {
                return nil
            }
            return parts[place.part].bytes
        }
    }

    private subscript(number: Int) -> Segment? {
        segments.indices.contains(number - first) ? segments[number - first] : nil
    }

    /// Files that the plain playlist names, with ``File/playlist`` last.
    package var plainFiles: [File] {
        let complete = listed.filter(\.segment.isComplete)
        let headers = Set(complete.map(\.segment.header)).sorted().map { File.header(segment: $0) }
        return headers + complete.map { File.segment($0.number) } + [.playlist]
    }

    /// The playlist.
    ///
    /// - Parameter isLowLatency: whether it names parts and promises to wait for them, as only a server can.
    package func text(isLowLatency: Bool) -> String {
        var lines = ["#EXTM3U", "#EXT-X-VERSION:9", "#EXT-X-TARGETDURATION:\(targetDuration)"]
        if isLowLatency {
            // A player may play this far behind the end: the least that is recommended is three parts.
            lines += [
                "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=\(Self.seconds(3 * partTarget))",
                "#EXT-X-PART-INF:PART-TARGET=\(Self.seconds(partTarget))",
            ]
        }
        lines.append("#EXT-X-MEDIA-SEQUENCE:\(first + firstListed)")
        lines.append("#EXT-X-DISCONTINUITY-SEQUENCE:\(listed.first?.segment.earlierBreaks ?? 0)")
        var header: Int?
        for (number, segment) in listed {
            if segment.isBreak { lines.append("#EXT-X-DISCONTINUITY") }
            if segment.header != header {
                header = segment.header
                lines.append("#EXT-X-MAP:URI=\"\(File.header(segment: segment.header).name)\"")
            }
            lines.append("#EXT-X-PROGRAM-DATE-TIME:\(Self.date(segment.begin))")
            // Parts are of use near the end only: within three target durations of it.
            if isLowLatency, number >= first + segments.count - 3 {
                lines += Self.parts(segment, number)
            }
            if segment.isComplete {
                lines.append("#EXTINF:\(Self.seconds(segment.duration)),")
                lines.append(File.segment(number).name)
            }
        }
        if isEnded {
            lines.append("#EXT-X-ENDLIST")
        } else if isLowLatency {
            lines.append("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"\(File.part(next).name)\"")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func parts(_ segment: Segment, _ number: Int) -> [String] {
        segment.parts.enumerated().map { index, part in
            let name = File.part(Place(segment: number, part: index)).name
            return "#EXT-X-PART:DURATION=\(seconds(part.duration)),URI=\"\(name)\""
                + (part.isIndependent ? ",INDEPENDENT=YES" : "")
        }
    }

    /// Place in ``segments`` of the first one in the playlist.
    private var firstListed: Int {
        let complete = segments.count - (segments.last?.isComplete == false ? 1 : 0)
        return max(complete - window, 0)
    }

    private var listed: [(number: Int, segment: Segment)] {
        segments.indices[firstListed...].map { (first + $0, segments[$0]) }
    }

    private static func seconds(_ nanoseconds: Int64) -> String {
        String(format: "%.5f", Double(nanoseconds) / 1e9)
    }

    /// ISO 8601 with milliseconds.
    private static func date(_ nanoseconds: Int64) -> String {
        var (seconds, time) = (time_t(nanoseconds / 1_000_000_000), tm())
        gmtime_r(&seconds, &time)
        var text = [CChar](repeating: 0, count: 32)
        strftime(&text, text.count, "%Y-%m-%dT%H:%M:%S", &time)
        let whole = text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        return whole + String(format: ".%03dZ", Int(nanoseconds / 1_000_000 % 1000))
    }
}
