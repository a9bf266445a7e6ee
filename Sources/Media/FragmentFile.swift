import CFFmpeg
import Foundation
import Glibc
import Marks

/// Packs packets of a live stream into a file of fragmented mp4: a header, then a fragment for each group of
/// pictures. What is there can be played wherever it breaks off.
///
/// With a signer each fragment is signed as a segment of a live stream is. It belongs to one thread.
final class FragmentFile: StreamTarget {
    private let path: String
    private let signer: SegmentSigner?
    /// Why it has no signature although there is a signer.
    let signingFault: SigningError?
    private let muxer: FragmentMuxer
    private var descriptor: Int32
    /// Number of the fragment that is open, from 1.
    private var number = 1
    /// Times of its first picture and of its last one's end, on the packets' time line.
    private var span: Range<Int64>?
    /// Pictures of the fragment that is open.
    private(set) var unwritten = 0
    /// Bytes of the header and of whole fragments.
    private var length: off_t = 0

    /// Begins a file that is there and empty.
    ///
    /// - Parameters:
    ///   - first: the key packet that it begins with.
    ///   - sound: how sound is coded; nil for none.
    ///   - signer: nil for a file without a signature.
    /// - Throws: ``MediaError/cannotSend(address:reason:)``.
    init(
        _ path: String, first: FilmPacket, sound: AudioFormat?, signer: SegmentSigner?
    ) throws(MediaError) {
        self.path = path
        muxer = try FragmentMuxer(first: first, sound: sound)
        var (header, fault) = (muxer.header, SigningError?.none)
        if let signer {
            // No film waits for its signature.
            do throws(SigningError) { header = try signer.signed(header: header, from: 1) } catch {
                fault = error
            }
        }
        (self.signer, signingFault) = (fault == nil ? signer : nil, fault)
        descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure() }
        try append(header)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func takes(_ packet: FilmPacket) -> Bool { muxer.takes(packet) }

    func write(_ packet: FilmPacket) throws(MediaError) {
        if packet.isKey { try endFragment() }
        try muxer.write(packet)
        unwritten += 1
        let (begin, end) = (packet.presentation, packet.presentation + packet.duration)
        span = min(span?.lowerBound ?? begin, begin)..<max(span?.upperBound ?? end, end)
    }

    func finish() throws(MediaError) {
        defer {
            close(descriptor)
            descriptor = -1
        }
        try endFragment()
    }

    private func endFragment() throws(MediaError) {
        guard let span else { return }
        self.span = nil
        var fragment = try muxer.takeFragment()
        if let signer {
            fragment = SegmentSigner.numbered(fragment, number)
            fragment = signer.mark(
                of: fragment, number: number, duration: span.upperBound - span.lowerBound) + fragment
        }
        number += 1
        try append(fragment)
        unwritten = 0
    }

    /// Writes a whole part, or leaves the file as it was.
    private func append(_ bytes: [UInt8]) throws(MediaError) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress! + done, bytes.count - done)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let error = failure()
                ftruncate(descriptor, length)
                throw error
            }
            done += count
        }
        length += off_t(bytes.count)
    }

    private func failure() -> MediaError {
        .cannotSend(address: path, reason: String(cString: strerror(errno)))
    }
}
