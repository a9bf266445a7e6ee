import CFFmpeg
import Glibc
import Marks
import Tensors

/// Turns a ``PartialFilm`` into an ordinary film whose header comes first, without re-encoding.
struct FinishedFilm {
    let film: PartialFilm
    let draft: Draft
    let container: FilmContainer
    let label: AILabel?
    let marks: MarkOptions
    /// Sound that came after the partial film's header, with its track.
    let lateSound: (packets: [Packet], track: SoundTrack)?

    private var target: String { draft.target.path }

    /// Writes the film beside its draft and then puts it at the target's place in one step.
    ///
    /// - Throws: ``MediaError/cannotWrite(path:reason:kept:)``; the draft is kept then.
    /// - Returns: why it has no signature, if it was to have one.
    func write() throws(MediaError) -> SigningError? {
        let file = draft.path(of: .finishing)
        // What a process of this run left that was killed here.
        unlink(file)
        let unsigned: SigningError?
        do throws(MediaError) {
            if container == .gif {
                try AnimatedPicture(of: film.path).write(to: file)
            } else {
                try copy(to: file)
            }
            if let label { try append(label, to: file) }
            unsigned = marks.isSigned ? sign(file) : nil
            do throws(DraftError) { try draft.publish(file) } catch {
                throw .cannotWrite(path: target, reason: error.reason, kept: nil)
            }
        } catch {
            unlink(file)
            guard case .cannotWrite(_, let reason, _) = error else { throw error }
            throw .cannotWrite(path: target, reason: reason, kept: film.path)
        }
        draft.remove()
        return unsigned
    }

    /// Puts a signed copy in the file's place. Whatever goes wrong, the file is there.
    private func sign(_ file: String) -> SigningError? {
        let signed = draft.path(of: .signing)
        unlink(signed)
        do {
            try marks.signature(of: container.rawValue).sign(
                file, to: signed, title: draft.target.name)
        } catch {
            unlink(signed)
            return error
        }
        guard rename(signed, file) == 0 else {
            let reason = String(cString: strerror(errno))
            unlink(signed)
            return .failed(path: target, reason: reason)
        }
        return nil
    }

    private func copy(to file: String) throws(MediaError) {
        let source = try Demuxer(partial: film.path, film.container)
        let muxer = try Muxer(path: file, container)
        for (index, track) in film.tracks.enumerated() {
            // The codecs' headers are in the container's own form in the file, as are the packets.
            let stored = source.stream(Int32(index)).pointee.codecpar!
            let stream = muxer.addStream(
                track.parameters, timeBase: track.timeBase, rate: track.rate)
            swap(&stream.pointee.codecpar.pointee.extradata, &stored.pointee.extradata)
            swap(&stream.pointee.codecpar.pointee.extradata_size, &stored.pointee.extradata_size)
        }
        if let lateSound {
            muxer.addStream(
                lateSound.track.parameters, timeBase: lateSound.track.timeBase, rate: nil)
        }
        muxer.describe(label?.metadata ?? [:])
        try muxer.begin(Options(container.finishedOptions))
        try copyPackets(from: source, to: muxer)
        try muxer.finish()
    }

    private func copyPackets(from source: Demuxer, to muxer: Muxer) throws(MediaError) {
        var taken = [Int](repeating: 0, count: film.tracks.count)
        let lead = self.lead
        let packet = Packet()
        while source.read(into: packet) >= 0 {
            let index = Int(packet.pointer.pointee.stream_index)
            guard index < taken.count, taken[index] < film.tracks[index].timings.count else {
                continue
            }
            apply(timing(of: taken[index], in: film.tracks[index]), to: packet)
            shift(packet, film.tracks[index].timeBase, by: lead)
            taken[index] += 1
            try muxer.write(
                packet, stream: index, timeBase: film.tracks[index].timeBase, interleaved: true)
        }
        for (index, track) in film.tracks.enumerated() where taken[index] != track.timings.count {
            throw .cannotWrite(
                path: target,
                reason: "\(film.path) lost packets: \(taken[index]) of "
                    + "\(track.timings.count) in stream \(index) came back", kept: nil)
        }
        guard let lateSound else { return }
        for packet in lateSound.packets {
            shift(packet, lateSound.track.timeBase, by: lead)
            try muxer.write(
                packet, stream: film.tracks.count, timeBase: lateSound.track.timeBase,
                interleaved: true)
        }
    }

    /// Nanoseconds that a film which joined a stream in its course would be blank at first: it begins
    /// with what came first. Less than a second is the stream's own lead.
    private var lead: Int64 {
        let starts = film.tracks.compactMap { track in
            track.timings.map(\.shown).min().map { av_rescale_q($0, track.timeBase, .nanosecond) }
        }
        let sound = lateSound.flatMap { late in
            late.packets.first.map {
                av_rescale_q($0.pointer.pointee.pts, late.track.timeBase, .nanosecond)
            }
        }
        let first = (starts + [sound].compactMap { $0 }).min() ?? 0
        return first < 1_000_000_000 ? 0 : first
    }

    private func shift(_ packet: Packet, _ timeBase: AVRational, by lead: Int64) {
        guard lead > 0 else { return }
        let ticks = av_rescale_q(lead, .nanosecond, timeBase)
        packet.pointer.pointee.pts -= ticks
        packet.pointer.pointee.dts -= ticks
    }

    /// The last packet's duration closes the gap between the orders of decoding and showing.
    private func timing(of index: Int, in track: PartialFilm.Track) -> PartialFilm.Timing {
        var timing = track.timings[index]
        guard index == track.timings.count - 1, track.rate != nil else { return timing }
        let first = track.timings.map(\.shown).min()!
        let end = track.timings.map { $0.shown + $0.duration }.max()!
        let rest = (end - first) - (timing.decoded - track.timings[0].decoded)
        if rest > 0 { timing.duration = rest }
        return timing
    }

    private func apply(_ timing: PartialFilm.Timing, to packet: Packet) {
        packet.pointer.pointee.pts = timing.shown
        packet.pointer.pointee.dts = timing.decoded
        packet.pointer.pointee.duration = timing.duration
        packet.pointer.pointee.flags = timing.flags
    }

    /// Appends what the muxer writes no metadata for: the IPTC's "digital source type" as XMP, in the
    /// box that XMP part 3 gives to mp4, and a GIF's comment.
    private func append(_ label: AILabel, to path: String) throws(MediaError) {
        var end: [UInt8]
        switch container {
        case .mp4, .mov:
            let xmp = Array(label.xmp.utf8)
            end = withUnsafeBytes(of: UInt32(24 + xmp.count).bigEndian) { Array($0) }
            end += Array("uuid".utf8) + AILabel.xmpBox + xmp
        case .gif: end = AILabel.gifEnd
        case .mkv, .webm: return
        }
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        defer { Glibc.close(descriptor) }
        // A GIF's comment comes before its trailer, which is its last byte.
        guard descriptor >= 0, lseek(descriptor, container == .gif ? -1 : 0, SEEK_END) >= 0,
            Glibc.write(descriptor, end, end.count) == end.count
        else {
            throw .cannotWrite(path: path, reason: String(cString: strerror(errno)), kept: nil)
        }
    }
}

extension Demuxer {
    /// Opens our own draft without anyone's interpretation of its times.
    convenience init(partial path: String, _ container: FilmContainer) throws(MediaError) {
        var options = Options(["fflags": "+nofillin+noparse"])
        if container.hasBoxes { av_dict_set(&options.pointer, "ignore_editlist", "1", 0) }
        try self.init(
            device: "file:" + path,
            format: av_find_input_format(container.hasBoxes ? "mp4" : "matroska"), options: options)
    }
}
