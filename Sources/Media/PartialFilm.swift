import CFFmpeg
import Glibc

/// The film while it is being made: it can be played up to its last second, whatever happens to the
/// process that writes it.
///
/// It also remembers every packet's exact times, since fragments round them off.
final class PartialFilm {
    /// When a packet is decoded and shown, in ticks of its track.
    struct Timing {
        var shown, decoded, duration: Int64
        var flags: Int32
    }

    /// One stream of the film.
    struct Track {
        let parameters: UnsafeMutablePointer<AVCodecParameters>
        let timeBase: AVRational
        let rate: AVRational?
        var timings: [Timing] = []
    }

    let path: String
    let container: FilmContainer
    /// Whether it goes into a pipe: what is in there cannot be taken back.
    private let isStream: Bool
    private(set) var tracks: [Track] = []
    private let muxer: Muxer
    /// How much of the file is known to be whole.
    private var goodSize: Int64 = 0
    /// The size before the first fragment, when there is nothing to play yet.
    private var emptySize: Int64 = 0

    /// Begins the draft, or writes into a pipe that is open.
    init(path: String, container: FilmContainer, descriptor: Int32?) throws(MediaError) {
        (self.path, self.container, isStream) = (path, container, descriptor != nil)
        muxer = try Muxer(path: path, container, descriptor: descriptor)
    }

    deinit {
        for track in tracks {
            var parameters: UnsafeMutablePointer<AVCodecParameters>? = track.parameters
            avcodec_parameters_free(&parameters)
        }
    }

    /// Adds a stream, before ``begin(label:)``.
    func addTrack(
        _ parameters: UnsafePointer<AVCodecParameters>, timeBase: AVRational,
        rate: AVRational? = nil
    ) {
        let copy = FFmpeg.allocated(avcodec_parameters_alloc())
        avcodec_parameters_copy(copy, parameters)
        tracks.append(Track(parameters: copy, timeBase: timeBase, rate: rate))
        muxer.addStream(copy, timeBase: timeBase, rate: rate)
    }

    /// Writes the header.
    func begin(label: KeyValuePairs<String, String>) throws(MediaError) {
        muxer.describe(label)
        try muxer.begin(Options(container.draftOptions))
        emptySize = muxer.position
    }

    /// Writes a packet; the packet is used up.
    func write(_ packet: Packet, track: Int) throws(MediaError) {
        let fields = packet.pointer.pointee
        tracks[track].timings.append(
            Timing(
                shown: fields.pts, decoded: fields.dts, duration: fields.duration,
                flags: fields.flags))
        do throws(MediaError) {
            try muxer.write(
                packet, stream: track, timeBase: tracks[track].timeBase, interleaved: false)
        } catch {
            throw salvage(error)
        }
        goodSize = muxer.position
    }

    /// Ends the file; it stays fragmented.
    func finish() throws(MediaError) {
        do throws(MediaError) { try muxer.finish() } catch { throw salvage(error) }
    }

    /// Closes the file as it is.
    func close() { muxer.close() }

    /// Cuts off a fragment that was written in part, and says where the rest is.
    private func salvage(_ error: MediaError) -> MediaError {
        guard case .cannotWrite(_, let reason, _) = error else { return error }
        muxer.close()
        guard !isStream else { return error }
        guard goodSize > emptySize else {
            unlink(path)
            return .cannotWrite(path: path, reason: reason, kept: nil)
        }
        truncate(path, Int(goodSize))
        return .cannotWrite(path: path, reason: reason, kept: path)
    }
}
