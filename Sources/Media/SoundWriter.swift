import CFFmpeg
import Tensors

/// Writes sound into a file of its own, beside its place until it is whole.
///
/// Sound is copied where the file's form has room for how it is coded, else coded anew. A writer belongs to
/// one thread.
package final class SoundWriter {
    /// Endings of files of sound, and what they are made of.
    private static let containers: KeyValuePairs<String, FilmContainer> = [
        ".m4a": .mp4, ".mka": .mkv, ".weba": .webm,
    ]
    package static let endings = containers.map(\.key)

    private let path: String
    private let container: FilmContainer
    private let draft: Draft
    private var file: (muxer: Muxer, track: SoundTrack)?
    private var warnings: [String]

    /// Makes the draft, so that a wrong path shows before any work is done.
    ///
    /// - Parameter owner: who writes it, whichever process that is.
    /// - Throws: ``MediaError/cannotWrite(path:reason:kept:)``.
    package init(path: String, owner: String? = nil) throws(MediaError) {
        self.path = path
        let name = path.lowercased()
        guard let found = Self.containers.first(where: { name.hasSuffix($0.key) }) else {
            throw .cannotWrite(
                path: path, reason: "its name ends in none of "
                    + Self.endings.joined(separator: ", ") + ", which say what it is to be",
                kept: nil)
        }
        container = found.value
        let place = try FilePlace(output: path)
        guard place.kind == .file || place.kind == .nothing else {
            throw .cannotWrite(path: path, reason: "sound is written into files only", kept: nil)
        }
        do throws(DraftError) { draft = try Draft(for: place, owner: owner) } catch {
            throw .cannotWrite(path: path, reason: error.reason, kept: nil)
        }
        warnings = draft.leftovers.map { "\($0) of an earlier run is left there, and is not touched" }
    }

    package func takeWarnings() -> [String] {
        defer { warnings = [] }
        return warnings
    }

    /// Appends a packet; the first one says how the sound is coded.
    package func write(_ packet: AudioPacket) throws(MediaError) {
        let file: (muxer: Muxer, track: SoundTrack)
        if let begun = self.file { file = begun } else { file = try begin(with: packet) }
        self.file = file
        for packet in try file.track.packets(for: packet) { try put(packet, file) }
    }

    private func begin(
        with packet: AudioPacket
    ) throws(MediaError) -> (muxer: Muxer, track: SoundTrack) {
        do throws(DraftError) { try draft.claim() } catch {
            throw .cannotWrite(path: path, reason: error.reason, kept: nil)
        }
        guard let codec = container.soundCodec else { preconditionFailure("\(container) is silent") }
        let track = try SoundTrack(for: packet, in: container, else: codec, path: path)
        if !track.isCopied {
            warnings.append(
                "\(path): the file has no room for '\(packet.format.codec)': the sound is coded as "
                    + codec.name)
        }
        let muxer = try Muxer(path: draft.path, container)
        muxer.addStream(track.parameters, timeBase: track.timeBase, rate: nil)
        try muxer.begin(Options(container.finishedOptions))
        return (muxer, track)
    }

    private func put(
        _ packet: Packet, _ file: (muxer: Muxer, track: SoundTrack)
    ) throws(MediaError) {
        do throws(MediaError) {
            try file.muxer.write(
                packet, stream: 0, timeBase: file.track.timeBase, interleaved: false)
        } catch {
            guard case .cannotWrite(_, let reason, _) = error else { throw error }
            throw .cannotWrite(path: path, reason: reason, kept: nil)
        }
    }

    /// Completes the file and puts it at its place.
    ///
    /// - Throws: ``MediaError/nothingToWrite(path:)`` when there was no sound; nothing is left then.
    package func finish() throws(MediaError) {
        guard let file else {
            draft.remove()
            throw .nothingToWrite(path: path)
        }
        for packet in try file.track.finish() { try put(packet, file) }
        try file.muxer.finish()
        do throws(DraftError) { try draft.publish() } catch {
            throw .cannotWrite(path: path, reason: error.reason, kept: draft.path)
        }
    }
}
