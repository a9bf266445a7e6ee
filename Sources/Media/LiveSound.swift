import CFFmpeg

/// The sound of a live stream: AAC is handed on as it is, all else is coded as AAC, and each packet waits
/// for the picture of its time.
package final class LiveSound {
    private let name: String
    private var track: SoundTrack?
    private var timeline = SoundTimeline()
    private var format: AudioFormat?
    private var leavesOut = false
    private var warnings: [String] = []

    /// - Parameter name: of the node, for errors.
    package init(name: String) { self.name = name }

    package func takeWarnings() -> [String] {
        defer { warnings = [] }
        return warnings
    }

    package var isEmpty: Bool { timeline.isEmpty }

    /// Takes a packet in. Sound that can neither be copied nor decoded is left out, with a warning.
    ///
    /// - Parameter captured: when its source got hold of its first sample, nanoseconds.
    package func add(_ packet: AudioPacket, captured: Int64) throws(MediaError) {
        guard !leavesOut else { return }
        guard let track = track ?? makeTrack(for: packet) else { return }
        self.track = track
        let format = AudioFormat(track.parameters.pointee)
        // What comes out may have begun in packets before this one.
        let shift = captured - packet.presentationNanoseconds
        for coded in try track.packets(for: packet) {
            let sound = AudioPacket(coded, format, timeBase: track.timeBase, start: 0)
            timeline.add(sound, captured: sound.presentationNanoseconds + shift)
        }
    }

    private func makeTrack(for packet: AudioPacket) -> SoundTrack? {
        do throws(MediaError) {
            // Only AAC is taken by every receiver of RTMP.
            let codec = packet.format.codec
            return try SoundTrack(
                for: packet, in: .mp4, else: .aac, path: name, isCopyable: codec == "aac")
        } catch {
            leavesOut = true
            warnings.append("the sound is left out: \(error)")
            return nil
        }
    }

    /// The packets that were captured at some time or before, on the time line that begins at `origin`.
    package func take(until captured: Int64, origin: Int64) -> [AudioPacket] {
        timeline.take(until: captured).compactMap { item in
            guard item.captured >= origin else { return nil }
            var packet = item.packet
            packet.presentation = av_rescale_q(
                item.captured - origin, .nanosecond, packet.timeBase)
            return packet
        }
    }

    /// How far the sound is from its pictures, by when both were captured, on average; nanoseconds.
    package var offset: Int64 { timeline.error }
    /// How often the sound's clock was found to be off.
    package var jumps: Int { timeline.jumps }
    /// Packets that came to no picture.
    package var droppedCount: Int { timeline.droppedCount }
}
