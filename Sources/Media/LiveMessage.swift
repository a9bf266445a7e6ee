import Foundation

/// One binary message of the live socket, protocol `personalive.v1`: a header of 24 bytes, little
/// endian, and the chunk. docs/studio.md has the layout with stored bytes that a test reads.
package struct LiveMessage: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
        /// VP8, H.264 (Annex B) or JPEG from the browser's camera.
        case videoUp = 1
        /// A packet of 20 ms from the browser's microphone.
        case audioUp = 2
        /// H.264 (Annex B) to the browser.
        case videoDown = 3
        case audioDown = 4
        /// A picture by itself to the browser.
        case picture = 5
    }

    /// How the chunk of a video is coded.
    package enum Codec: UInt16, Sendable {
        case jpeg = 0
        case vp8 = 1
        case h264 = 2
    }

    /// How the chunk of a sound is coded: one channel at 48 kHz.
    package enum SoundCodec: UInt16, Sendable {
        /// 16-bit samples.
        case samples = 0
        case opus = 1
    }

    package var kind: Kind
    /// Whether it can be decoded without those before it.
    package var isKey = false
    /// Whether it is the first of another codec or size.
    package var isFirst = false
    /// Whether it is one of those that a page missed which came later: it is decoded, and says nothing of
    /// how long pictures take.
    package var isPast = false
    /// The codec of a video or a sound from the browser; 0 of other kinds.
    package var stream: UInt16 = 0
    /// From 0, without gaps where nothing was dropped.
    package var sequence: UInt32
    /// When the source took it: microseconds of the supervisor's monotonic clock. A browser reckons
    /// with the offset that it measured by `clock`.
    package var captured: Int64
    /// When it is to be shown: microseconds from the start of the stream.
    package var presentation: Int64
    package var chunk: [UInt8]

    package static let headerBytes = 24
    private static let past: UInt8 = 4

    package init(
        kind: Kind, isKey: Bool = false, isFirst: Bool = false, isPast: Bool = false, stream: UInt16 = 0,
        sequence: UInt32, captured: Int64, presentation: Int64, chunk: [UInt8]
    ) {
        (self.kind, self.isKey, self.isFirst) = (kind, isKey, isFirst)
        (self.isPast, self.stream) = (isPast, stream)
        (self.sequence, self.captured) = (sequence, captured)
        (self.presentation, self.chunk) = (presentation, chunk)
    }

    /// Reads a message; nil of bytes that are none.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= Self.headerBytes, let kind = Kind(rawValue: bytes[0]) else { return nil }
        func number<Value: FixedWidthInteger>(_ offset: Int, _: Value.Type) -> Value {
            bytes.withUnsafeBytes {
                Value(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Value.self))
            }
        }
        self.kind = kind
        (isKey, isFirst, isPast) = (bytes[1] & 1 != 0, bytes[1] & 2 != 0, bytes[1] & Self.past != 0)
        stream = number(2, UInt16.self)
        sequence = number(4, UInt32.self)
        captured = number(8, Int64.self)
        presentation = number(16, Int64.self)
        chunk = Array(bytes[Self.headerBytes...])
    }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = [
            kind.rawValue, (isKey ? 1 : 0) | (isFirst ? 2 : 0) | (isPast ? Self.past : 0),
        ]
        bytes.reserveCapacity(Self.headerBytes + chunk.count)
        withUnsafeBytes(of: stream.littleEndian) { bytes += $0 }
        withUnsafeBytes(of: sequence.littleEndian) { bytes += $0 }
        withUnsafeBytes(of: captured.littleEndian) { bytes += $0 }
        withUnsafeBytes(of: presentation.littleEndian) { bytes += $0 }
        bytes += chunk
        return bytes
    }
}
