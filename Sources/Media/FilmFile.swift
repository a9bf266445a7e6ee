import CFFmpeg
import Glibc
import Marks
import Tensors

/// Compressed packets on their way into a film: logged, so that they outlive the process, and written
/// into a draft beside the target, or straight into a pipe.
final class FilmFile {
    let path: String
    let container: FilmContainer
    /// Nil where the film goes straight into a pipe or device.
    let draft: Draft?
    let log: PacketLog?
    private let stream: OpenOutput?
    private var film: PartialFilm?
    private(set) var hasBegun = false
    /// Packets that wait for the header: nobody knows yet whether there is sound.
    private(set) var waiting: [(packet: Packet, isSound: Bool)] = []
    private var lateSound: [Packet] = []
    private var lastDecoded = Int64.min, lastSound = Int64.min

    /// Makes the draft, or opens the pipe, so that a wrong path shows before any work is done.
    init(path: String, owner: String?, patience: Double) throws(MediaError) {
        self.path = path
        let place = try FilePlace(output: path)
        let isStream = place.kind == .pipe || place.kind == .characterDevice
        guard let container = FilmContainer(path: path) ?? (isStream ? .mp4 : nil) else {
            let endings = FilmContainer.endings.joined(separator: ", ")
            throw .cannotWrite(
                path: path, reason: "its name ends in none of \(endings), which say what it is to be",
                kept: nil)
        }
        self.container = container
        guard !isStream else {
            guard container.draft == container else {
                throw .cannotWrite(
                    path: path, reason: "a \(container) cannot be written into a pipe, only mp4, mov, "
                        + "mkv and webm can", kept: nil)
            }
            do throws(DraftError) {
                stream = try OpenOutput(place, path: path, patience: patience)
            } catch { throw .cannotWrite(path: path, reason: error.reason, kept: nil) }
            (draft, log) = (nil, nil)
            return
        }
        stream = nil
        do throws(DraftError) {
            draft = try Draft(for: place, owner: owner, ending: container.draftEnding)
        } catch { throw .cannotWrite(path: path, reason: error.reason, kept: nil) }
        log = try PacketLog(path: draft!.path(of: .packets))
    }

    /// The file that holds what was written so far.
    var draftPath: String { draft?.path ?? path }

    /// Waits until the process that this one takes over from has let go of the draft.
    func claim() throws(MediaError) {
        do throws(DraftError) { try draft?.claim() } catch {
            throw .cannotWrite(path: path, reason: error.reason, kept: nil)
        }
    }

    /// Takes over what an earlier process logged.
    func take(_ packets: [(packet: Packet, isSound: Bool)]) {
        waiting = packets
        lastDecoded = waiting.last { !$0.isSound }?.packet.pointer.pointee.dts ?? .min
        lastSound = waiting.last { $0.isSound }?.packet.pointer.pointee.dts ?? .min
    }

    /// Logs a packet and writes it into the film.
    func record(_ packet: Packet, isSound: Bool) throws(MediaError) {
        if isSound {
            // After a crash sound may come again that is in the film already.
            guard packet.pointer.pointee.dts > lastSound else { return }
            lastSound = packet.pointer.pointee.dts
        } else {
            // An encoder that went on after another's pictures counts back a little.
            let decoded = max(packet.pointer.pointee.dts, lastDecoded == .min ? .min : lastDecoded + 1)
            packet.pointer.pointee.dts = decoded
            lastDecoded = decoded
        }
        log?.append(packet, isSound: isSound)
        try write(packet, isSound: isSound)
    }

    private func write(_ packet: Packet, isSound: Bool) throws(MediaError) {
        if !hasBegun {
            waiting.append((packet, isSound))
        } else if isSound && film!.tracks.count == 1 {
            // Into a pipe it can never come.
            if stream == nil { lateSound.append(packet) }
        } else {
            try film!.write(packet, track: isSound ? 1 : 0)
        }
    }

    /// Writes the header and all that waited for it.
    func begin(
        _ encoder: FilmEncoder, _ sound: SoundTrack?, label: AILabel?
    ) throws(MediaError) {
        let film = try PartialFilm(
            path: draftPath, container: container.draft, descriptor: stream?.descriptor)
        self.film = film
        let parameters = FFmpeg.allocated(avcodec_parameters_alloc())
        avcodec_parameters_from_context(parameters, encoder.context)
        film.addTrack(
            parameters, timeBase: FilmEncoder.timeBase, rate: encoder.context.pointee.framerate)
        var used: UnsafeMutablePointer<AVCodecParameters>? = parameters
        avcodec_parameters_free(&used)
        if let sound { film.addTrack(sound.parameters, timeBase: sound.timeBase) }
        try film.begin(label: label?.metadata ?? [:])
        hasBegun = true
        let packets = waiting
        waiting = []
        for (packet, isSound) in packets { try write(packet, isSound: isSound) }
    }

    /// Completes the film and puts it at its place.
    ///
    /// - Returns: why it has no signature, if it was to have one.
    func finish(
        sound: SoundTrack?, label: AILabel?, marks: MarkOptions
    ) throws(MediaError) -> SigningError? {
        guard let film else { return nil }
        try film.finish()
        guard let draft else { return nil }
        let finished = FinishedFilm(
            film: film, draft: draft, container: container, label: label, marks: marks,
            lateSound: lateSound.isEmpty ? nil : sound.map { (lateSound, $0) })
        defer { log?.remove() }
        do throws(MediaError) { return try finished.write() } catch {
            // The log takes as much room as the film.
            log?.remove()
            return try finished.write()
        }
    }

    /// Takes away what there is: there is no film.
    func discard() {
        film?.close()
        draft?.remove()
        log?.remove()
    }
}

extension FilePlace {
    /// Where an output leads.
    ///
    /// - Throws: ``MediaError/cannotWrite(path:reason:kept:)`` where nothing may be written.
    init(output path: String) throws(MediaError) {
        do throws(Fault) { try self.init(path) } catch {
            throw .cannotWrite(path: path, reason: error.description, kept: nil)
        }
        if let obstacle { throw .cannotWrite(path: path, reason: obstacle, kept: nil) }
    }
}
