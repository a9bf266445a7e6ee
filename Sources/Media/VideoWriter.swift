import CFFmpeg
import Glibc
import Marks
import Tensors

/// Writes frames and sound into a film with their true times: mp4, mov, mkv, webm or gif, as the
/// ending of its path says.
///
/// While it runs, a draft beside the target holds all but the last seconds, playable even after a
/// kill. ``finish()`` turns it into an ordinary film and only then replaces the target. A pipe or
/// device gets the film while it is made. A writer belongs to one thread.
package final class VideoWriter: FrameWriter {
    package let path: String
    /// The file that holds what was written so far, while the writer runs.
    package var draftPath: String { file.draftPath }
    private let options: VideoWriterOptions
    let file: FilmFile
    /// Whether no log of packets was there.
    private let isNew: Bool
    private var isClaimed = false
    var points = SavePoints()
    /// The first packet of sound, which says how it is coded, and nanoseconds from frame to frame.
    var firstSound: AudioPacket?
    var interval: Int64?
    private var encoder: FilmEncoder?
    private var sound: SoundTrack?
    private var leavesSoundOut = false
    private var failure: MediaError?
    private var isFinished = false
    private var warnings: [String] = []
    private var warned: Set<String> = []
    private var frames = 0
    /// Time of the first frame in the encoder's ticks, by whichever process.
    private var start: Int64?
    private var lastTime = Int64.min
    private var lastPresentation: Int64 = -40_000_000
    private var end: Int64 = 0
    /// When the film was begun, by whichever process: seconds since 1970.
    private(set) var began = Int64(time(nil))
    /// An earlier process had put the film at its place already.
    private var wasFinished = false

    /// Makes the draft, so that a wrong path shows before any work is done.
    ///
    /// - Parameters:
    ///   - owner: who writes it, whichever process that is: one that takes over finds the draft by it.
    ///   - patience: seconds until a pipe that no program reads is an error.
    /// - Throws: ``MediaError/cannotWrite(path:reason:kept:)``.
    package init(
        path: String, options: VideoWriterOptions = VideoWriterOptions(), owner: String? = nil,
        patience: Double = 60
    ) throws(MediaError) {
        (self.path, self.options) = (path, options)
        file = try FilmFile(path: path, owner: owner, patience: patience)
        isNew = file.log.map(\.isNew) ?? true
        for left in file.draft?.leftovers ?? [] {
            warn("\(left) of an earlier run is left there: it can be played, and is not touched")
        }
        if file.draft == nil {
            warn("the film goes into it while it is made: after a crash nothing can go on with it")
        }
        if file.container.videoCodec == .vp9, let tune = options.tune, tune != "zerolatency" {
            warn("VP9 has no tune '\(tune)': it is coded without")
        }
    }

    package func takeWarnings() -> [String] {
        defer { warnings = [] }
        return warnings
    }

    /// A frame of another size than the first is scaled to it.
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
            let start = self.start ?? time
            self.start = start
            lastPresentation = presentation
            let shown = max(Self.ticks(presentation + length) - time, 1)
            points.take(frameAt: time, presentation: presentation, end: presentation + length)
            try encoder.send(frame, at: time, for: shown, start: start)
            frames += 1
            end = presentation + length
            try takeFrames(encoder)
        }
    }

    /// Sound that can neither be copied nor decoded is left out, with a warning.
    package func write(_ packet: AudioPacket) throws(MediaError) {
        try attempt { () throws(MediaError) in
            guard !leavesSoundOut else { return }
            let isFirst = sound == nil
            if isFirst { sound = makeSound(for: packet) }
            guard let sound else { return }
            firstSound = firstSound ?? packet
            let packets = try sound.packets(for: packet)
            points.takeSound(packets: packets.count)
            for packet in packets { try file.record(packet, isSound: true) }
            if isFirst && encoder != nil && !file.hasBegun { try takeFrames(encoder!) }
        }
    }

    @discardableResult
    package func finish() throws(MediaError) -> FilmSummary {
        if let failure { throw failure }
        if wasFinished {
            return FilmSummary(path: path, frames: frames, end: end, width: 0, height: 0)
        }
        guard let encoder, frames > 0, !isFinished else {
            isFinished = true
            file.discard()
            throw .nothingToWrite(path: path)
        }
        isFinished = true
        try attempt { () throws(MediaError) in
            try encoder.end()
            try takeFrames(encoder)
            if let sound {
                for packet in try sound.finish() { try file.record(packet, isSound: true) }
            }
            if !file.hasBegun { try file.begin(encoder, sound, label: label) }
            let unsigned = try file.finish(
                sound: sound, label: label, marks: options.marks)
            if let unsigned { warn("the film is not signed: \(unsigned)") }
        }
        return FilmSummary(
            path: path, frames: frames, end: end, width: encoder.width, height: encoder.height)
    }

    private var label: AILabel? {
        options.labelsAIGenerated ? AILabel(options.marks.kind) : nil
    }
}

extension VideoWriter {
    /// Remembers the first failure: after it, every call fails the same way.
    private func attempt(_ body: () throws(MediaError) -> Void) throws(MediaError) {
        if let failure { throw failure }
        do throws(MediaError) {
            try claim()
            try body()
        } catch {
            var error = error
            if case .cannotWrite(_, let reason, let kept) = error {
                error = .cannotWrite(path: path, reason: reason, kept: kept)
            }
            failure = error
            file.log?.remove()
            throw error
        }
    }

    private func claim() throws(MediaError) {
        guard !isClaimed else { return }
        try file.claim()
        isClaimed = true
    }

    /// Goes on from where another process's film is safe.
    func resume(
        _ point: SavePoints.Point, begun began: Int64, interval: Int64, firstSound: AudioPacket?
    ) throws(MediaError) {
        try claim()
        guard let log = file.log, !isNew else {
            wasFinished = isNewer(than: began)
            if wasFinished { return file.discard() }
            return warn("what was written before is gone: the film begins anew")
        }
        var packets = try log.packets(upTo: point.logSize)
        if let firstSound {
            log.cutSound(after: point.soundPackets)
            var kept = point.soundPackets
            packets.removeAll { entry in
                guard entry.isSound else { return false }
                kept -= 1
                return kept < 0
            }
            sound = makeSound(for: firstSound)
        }
        file.take(packets)
        start = packets.first { !$0.isSound }?.packet.pointer.pointee.pts
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
        av_rescale_q(nanoseconds, .nanosecond, FilmEncoder.timeBase)
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
    ) throws(MediaError) -> FilmEncoder {
        let (height, width) = (frame.shape[1], frame.shape[2])
        let codec = file.container.videoCodec
        if width % 2 + height % 2 > 0 {
            warn(
                "\(width)x\(height) is padded to \(width + width % 2)x\(height + height % 2), "
                    + "since \(codec.name) needs even sides")
        }
        // The same as an earlier process's, whose packets have to go with this one's.
        interval = interval ?? (duration > 0 ? duration : 40_000_000)
        return try FilmEncoder(
            codec, width: width, height: height, interval: interval!, options: options, path: path)
    }

    private func makeSound(for packet: AudioPacket) -> SoundTrack? {
        let container = file.container
        guard let codec = container.soundCodec else {
            leavesSoundOut = true
            warn("\(container) has no room for sound: it is left out")
            return nil
        }
        do throws(MediaError) {
            let track = try SoundTrack(for: packet, in: container, else: codec, path: path)
            if !track.isCopied {
                warn(
                    "\(container) has no room for '\(packet.format.codec)': the sound is coded as "
                        + codec.name)
            }
            return track
        } catch {
            leavesSoundOut = true
            warn("the sound is left out: \(error)")
            return nil
        }
    }

    private func warnOfSize(_ frame: Tensor<UInt8>, _ encoder: FilmEncoder) {
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

    private func takeFrames(_ encoder: FilmEncoder) throws(MediaError) {
        while let packet = try encoder.receive() {
            if let log = file.log { points.log(packet, at: log.size) }
            try file.record(packet, isSound: false)
        }
        // Two seconds of pictures without any sound: there is none, or it comes late.
        let shown = file.waiting.filter { !$0.isSound }.map(\.packet.pointer.pointee.dts)
        guard !file.hasBegun, let first = shown.first, let last = shown.last else { return }
        let patience = 2 * Int64(FilmEncoder.timeBase.den)
        if sound != nil || last - first > patience { try file.begin(encoder, sound, label: label) }
    }
}
