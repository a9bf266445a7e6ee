import CFFmpeg
import Glibc
import Tensors

/// Writes frames and sound into an H.264 mp4 with their true times.
///
/// While it runs, `name.partial.mp4` beside the target holds all but the last seconds, playable even
/// after a kill. ``finish()`` turns it into an ordinary mp4 and only then replaces the target.
/// A writer belongs to one thread.
package final class VideoWriter {
    /// What was written.
    package struct Summary: Equatable, Sendable {
        package var path: String
        package var frames: Int
        /// Nanoseconds from the stream's start to the end of the last frame.
        package var end: Int64
        package var width: Int, height: Int
    }

    /// The finished file.
    package let path: String
    /// The file that holds what was written so far, while the writer runs.
    package let partialPath: String
    private let options: VideoWriterOptions
    /// Whether no log of packets was there.
    let isNew: Bool
    private var film: PartialFilm?
    let log: PacketLog
    var points = SavePoints()
    /// The first packet of sound, which says how it is coded, and nanoseconds from frame to frame.
    var firstSound: AudioPacket?
    var interval: Int64?
    private var lastDecoded = Int64.min, lastSound = Int64.min
    private var encoder: H264Encoder?
    private var sound: SoundTrack?
    private var soundFailed = false
    private var hasBegun = false
    /// Compressed packets that wait for the header: nobody knows yet whether there is sound.
    var waiting: [(packet: Packet, isSound: Bool)] = []
    private var lateSound: [Packet] = []
    private var failure: MediaError?
    private var isFinished = false
    private var warnings: [String] = []
    private var warned: Set<String> = []
    private var frames = 0
    private var lastTime = Int64.min
    private var lastPresentation: Int64 = -40_000_000
    private var end: Int64 = 0
    /// When the film was begun, by whichever process: seconds since 1970.
    private(set) var began = Int64(time(nil))
    /// An earlier process had put the film at its place already.
    private var wasFinished = false

    /// Creates the partial file, so that a wrong path shows before any work is done.
    ///
    /// - Throws: ``MediaError/cannotWrite(path:reason:kept:)``.
    package init(path: String, options: VideoWriterOptions = VideoWriterOptions())
        throws(MediaError)
    {
        self.path = path
        self.options = options
        let name = path.hasSuffix(".mp4") ? String(path.dropLast(4)) : path
        partialPath = name + ".partial.mp4"
        try Self.checkTarget(path)
        let logPath = name + ".partial.packets"
        isNew = access(logPath, F_OK) != 0
        do throws(MediaError) {
            log = try PacketLog(path: logPath)
            // What is in it may be an earlier process's, to be gone on with.
            try Self.checkWriting(to: partialPath)
        } catch {
            guard case .cannotWrite(_, let reason, _) = error else { throw error }
            throw .cannotWrite(path: path, reason: reason, kept: nil)
        }
    }

    private static func checkWriting(to path: String) throws(MediaError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw .cannotWrite(path: path, reason: String(cString: strerror(errno)), kept: nil)
        }
        close(descriptor)
    }

    /// What a person should know, since the last call.
    package func takeWarnings() -> [String] {
        defer { warnings = [] }
        return warnings
    }

    /// Appends a frame `[1, h, w, 3]`; times in nanoseconds.
    ///
    /// A frame of another size than the first is scaled to it. Frames come in the order of time.
    package func write(
        _ frame: Tensor<UInt8>, presentation: Int64, duration: Int64
    ) throws(MediaError) {
        precondition(frame.shape.count == 4 && frame.shape[0] == 1 && frame.shape[3] == 3)
        try attempt { () throws(MediaError) in
            if self.encoder == nil {
                self.encoder = try makeEncoder(for: frame, duration: duration)
            }
            let encoder = self.encoder!
            warnOfSize(frame, encoder)
            // Nobody knows: as long as the one before it.
            let length = duration > 0 ? duration : max(presentation - lastPresentation, 1)
            let time = nextTime(for: presentation)
            lastPresentation = presentation
            let shown = max(Self.ticks(presentation + length) - time, 1)
            points.take(frameAt: time, presentation: presentation, end: presentation + length)
            try encoder.send(frame, at: time, for: shown)
            frames += 1
            end = presentation + length
            try takeFrames(encoder)
        }
    }

    /// Appends a packet of sound, whose times count from the same start as the frames'.
    ///
    /// Sound that can neither be copied nor decoded is left out, with a warning.
    package func write(_ packet: AudioPacket) throws(MediaError) {
        try attempt { () throws(MediaError) in
            guard !soundFailed else { return }
            let isFirst = sound == nil
            if isFirst { sound = makeSound(for: packet) }
            guard let sound else { return }
            firstSound = firstSound ?? packet
            let packets = try sound.packets(for: packet)
            points.takeSound(packets: packets.count)
            for packet in packets { try record(packet, isSound: true) }
            if isFirst && encoder != nil && !hasBegun { try takeFrames(encoder!) }
        }
    }

    /// Completes the file and puts it at its place.
    ///
    /// - Throws: ``MediaError/nothingToWrite(path:)`` when there was no frame; nothing is left then.
    @discardableResult
    package func finish() throws(MediaError) -> Summary {
        if let failure { throw failure }
        if wasFinished { return Summary(path: path, frames: frames, end: end, width: 0, height: 0) }
        guard let encoder, frames > 0, !isFinished else {
            isFinished = true
            film?.remove()
            unlink(partialPath)
            log.remove()
            throw .nothingToWrite(path: path)
        }
        isFinished = true
        try attempt { () throws(MediaError) in
            try encoder.end()
            try takeFrames(encoder)
            if let sound {
                for packet in try sound.finish() { try record(packet, isSound: true) }
            }
            if !hasBegun { try begin() }
            try film!.finish()
            do throws(MediaError) { try finished.write() } catch {
                // The log takes as much room as the film.
                log.remove()
                try finished.write()
            }
            log.remove()
        }
        return Summary(
            path: path, frames: frames, end: end, width: encoder.width, height: encoder.height)
    }

    private var finished: FinishedFilm {
        FinishedFilm(
            film: film!, target: path, label: label, isLabelled: options.labelsAIGenerated,
            lateSound: lateSound.isEmpty ? nil : sound.map { (lateSound, $0) })
    }

    private var label: KeyValuePairs<String, String> {
        options.labelsAIGenerated ? AILabel.metadata : [:]
    }
}

extension VideoWriter {
    /// Remembers the first failure: after it, every call fails the same way.
    private func attempt(_ body: () throws(MediaError) -> Void) throws(MediaError) {
        if let failure { throw failure }
        do throws(MediaError) {
            try body()
        } catch {
            var error = error
            if case .cannotWrite(_, let reason, let kept) = error {
                error = .cannotWrite(path: path, reason: reason, kept: kept)
            }
            failure = error
            log.remove()
            throw error
        }
    }

    private static func checkTarget(_ path: String) throws(MediaError) {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        var status = stat()
        if stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR {
            throw .cannotWrite(path: path, reason: "it is a folder", kept: nil)
        }
        let parent = folder.isEmpty ? "/" : folder
        guard stat(parent, &status) == 0 else {
            throw .cannotWrite(path: path, reason: "there is no folder \(parent)", kept: nil)
        }
    }

    /// Goes on from where another process's film is safe.
    func resume(
        _ point: SavePoints.Point, begun began: Int64, interval: Int64, firstSound: AudioPacket?
    ) throws(MediaError) {
        if isNew {
            wasFinished = isNewer(than: began)
            if wasFinished { log.remove() } else { warn("what was written before is gone: the film begins anew") }
            return
        }
        waiting = try log.packets(upTo: point.logSize)
        if let firstSound {
            log.cutSound(after: point.soundPackets)
            var kept = point.soundPackets
            waiting.removeAll { entry in
                guard entry.isSound else { return false }
                kept -= 1
                return kept < 0
            }
            sound = makeSound(for: firstSound)
        }
        lastDecoded = waiting.last { !$0.isSound }?.packet.pointer.pointee.dts ?? .min
        lastSound = waiting.last { $0.isSound }?.packet.pointer.pointee.dts ?? .min
        self.began = began
        (self.interval, self.firstSound, points) = (interval, firstSound, SavePoints(after: point))
        (frames, lastTime) = (point.frames, point.time)
        (lastPresentation, end) = (point.presentation, point.end)
    }

    /// Whether the finished film is there, and of a time after that, in seconds: not one of yesterday.
    private func isNewer(than began: Int64) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && Int64(status.st_mtim.tv_sec) >= began
    }

    private static func ticks(_ nanoseconds: Int64) -> Int64 {
        av_rescale_q(nanoseconds, .nanosecond, H264Encoder.timeBase)
    }

    private func nextTime(for presentation: Int64) -> Int64 {
        let time = Self.ticks(presentation)
        defer { lastTime = max(time, lastTime + (lastTime == .min ? 0 : 1)) }
        guard time <= lastTime else { return time }
        warn("frame \(frames) is not later than the one before it; its time was moved")
        return lastTime + 1
    }

    private func makeEncoder(
        for frame: Tensor<UInt8>, duration: Int64
    ) throws(MediaError) -> H264Encoder {
        let (height, width) = (frame.shape[1], frame.shape[2])
        if width % 2 + height % 2 > 0 {
            warn(
                "\(width)x\(height) is padded to \(width + width % 2)x\(height + height % 2), "
                    + "since H.264 needs even sides")
        }
        // The same as an earlier process's, whose packets have to go with this one's.
        interval = interval ?? (duration > 0 ? duration : 40_000_000)
        return try H264Encoder(
            width: width, height: height, interval: interval!,
            options: options, path: path)
    }

    private func makeSound(for packet: AudioPacket) -> SoundTrack? {
        do throws(MediaError) {
            let track = try SoundTrack(for: packet, path: path)
            if !track.isCopied {
                warn("mp4 has no room for '\(packet.format.codec)': the sound is coded as AAC")
            }
            return track
        } catch {
            soundFailed = true
            warn("the sound is left out: \(error)")
            return nil
        }
    }

    private func warnOfSize(_ frame: Tensor<UInt8>, _ encoder: H264Encoder) {
        let (height, width) = (frame.shape[1], frame.shape[2])
        guard width + width % 2 != encoder.width || height + height % 2 != encoder.height else {
            return
        }
        warn(
            "frames of \(width)x\(height) are scaled to the first frame's "
                + "\(encoder.width)x\(encoder.height)")
    }

    /// A warning is said once.
    private func warn(_ text: String) {
        let line = "\(path): \(text)"
        if !warned.contains(line) {
            warned.insert(line)
            warnings.append(line)
        }
    }

    private func takeFrames(_ encoder: H264Encoder) throws(MediaError) {
        while let packet = try encoder.receive() { try record(packet, isSound: false) }
        // Two seconds of pictures without any sound: there is none, or it comes late.
        let shown = waiting.filter { !$0.isSound }.map(\.packet.pointer.pointee.dts)
        guard !hasBegun, let first = shown.first, let last = shown.last else { return }
        let patience = 2 * Int64(H264Encoder.timeBase.den)
        if sound != nil || last - first > patience { try begin() }
    }

    /// Logs a packet, so that it outlives the process, and writes it into the film.
    private func record(_ packet: Packet, isSound: Bool) throws(MediaError) {
        if isSound {
            // After a crash sound may come again that is in the film already.
            guard packet.pointer.pointee.dts > lastSound else { return }
            lastSound = packet.pointer.pointee.dts
        } else {
            // An encoder that went on after another's pictures counts back a little.
            let decoded = max(packet.pointer.pointee.dts, lastDecoded == .min ? .min : lastDecoded + 1)
            packet.pointer.pointee.dts = decoded
            lastDecoded = decoded
            points.log(packet, at: log.size)
        }
        log.append(packet, isSound: isSound)
        try write(packet, isSound: isSound)
    }

    private func write(_ packet: Packet, isSound: Bool) throws(MediaError) {
        if !hasBegun {
            waiting.append((packet, isSound))
        } else if isSound && film!.tracks.count == 1 {
            lateSound.append(packet)
        } else {
            try film!.write(packet, track: isSound ? 1 : 0)
        }
    }

    /// Writes the header and all that waited for it.
    private func begin() throws(MediaError) {
        guard let encoder else { return }
        let film = try PartialFilm(path: partialPath)
        self.film = film
        let parameters = FFmpeg.allocated(avcodec_parameters_alloc())
        avcodec_parameters_from_context(parameters, encoder.context)
        film.addTrack(
            parameters, timeBase: H264Encoder.timeBase, rate: encoder.context.pointee.framerate)
        var used: UnsafeMutablePointer<AVCodecParameters>? = parameters
        avcodec_parameters_free(&used)
        if let sound { film.addTrack(sound.parameters, timeBase: sound.timeBase) }
        try film.begin(label: label)
        hasBegun = true
        let packets = waiting
        waiting = []
        for (packet, isSound) in packets { try write(packet, isSound: isSound) }
    }
}
