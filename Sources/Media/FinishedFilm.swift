import CFFmpeg
import Glibc

/// Turns a ``PartialFilm`` into an ordinary mp4 whose header comes first, without re-encoding.
struct FinishedFilm {
    let film: PartialFilm
    let target: String
    let label: KeyValuePairs<String, String>
    /// Whether an XMP packet says how the pictures were made.
    let isLabelled: Bool
    /// Sound that came after the partial film's header, with its track.
    let lateSound: (packets: [Packet], track: SoundTrack)?

    /// Writes the film beside the target and then puts it there in one step.
    ///
    /// - Throws: ``MediaError/cannotWrite(path:reason:kept:)``; the partial film is kept then.
    func write() throws(MediaError) {
        let draft = film.path + ".finishing"
        do throws(MediaError) {
            try copy(to: draft)
            if isLabelled { try Self.appendLabel(to: draft) }
            try Self.synchronize(draft)
            guard rename(draft, target) == 0 else {
                throw .cannotWrite(
                    path: target, reason: String(cString: strerror(errno)), kept: nil)
            }
        } catch {
            unlink(draft)
            guard case .cannotWrite(_, let reason, _) = error else { throw error }
            throw .cannotWrite(path: target, reason: reason, kept: film.path)
        }
        unlink(film.path)
    }

    private func copy(to draft: String) throws(MediaError) {
        let source = try Demuxer(partial: film.path)
        let muxer = try Muxer(path: draft)
        for (index, track) in film.tracks.enumerated() {
            // The codecs' headers are in mp4's own form in the file, as are the packets.
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
        muxer.describe(label)
        // In a movie clock of 1/1000 s, edit lists would cut off sound.
        try muxer.begin(
            Options(["movflags": "faststart+use_metadata_tags", "movie_timescale": "360000"]))
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

    /// Appends the IPTC's "digital source type" as XMP, in the box that XMP part 3 gives to mp4.
    private static func appendLabel(to path: String) throws(MediaError) {
        let xmp = Array(AILabel.xmp.utf8)
        var box = withUnsafeBytes(of: UInt32(24 + xmp.count).bigEndian) { Array($0) }
        box += Array("uuid".utf8) + AILabel.xmpBox + xmp
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
        defer { Glibc.close(descriptor) }
        guard descriptor >= 0, Glibc.write(descriptor, box, box.count) == box.count else {
            throw .cannotWrite(path: path, reason: String(cString: strerror(errno)), kept: nil)
        }
    }

    /// Makes sure that the bytes are on the disk before the name points to them.
    private static func synchronize(_ path: String) throws(MediaError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        defer { Glibc.close(descriptor) }
        guard descriptor >= 0, fsync(descriptor) == 0 else {
            throw .cannotWrite(path: path, reason: String(cString: strerror(errno)), kept: nil)
        }
    }
}

extension Demuxer {
    /// Opens our own fragments without anyone's interpretation of their times.
    convenience init(partial path: String) throws(MediaError) {
        try self.init(
            device: "file:" + path, format: av_find_input_format("mp4"),
            options: Options(["ignore_editlist": "1", "fflags": "+nofillin+noparse"]))
    }
}
