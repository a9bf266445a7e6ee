import CFFmpeg

/// One opened microphone.
final class MicrophoneDevice {
    private let name: String
    private let isSimulated: Bool
    private let demuxer: Demuxer
    private let index: Int32
    private let format: AudioFormat
    private let timeBase: AVRational
    private let packet = Packet()
    /// Of a test source, when it began: our time and its own.
    private var began: (clock: Int64, time: Int64)?

    init(_ name: String, rate: Int) throws(MediaError) {
        FFmpeg.prepare()
        self.name = name
        let parts = name.split(separator: ":", maxSplits: 1).map(String.init)
        isSimulated = name.hasPrefix("lavfi:")
        let isPulse = parts.first == "pulse"
        let device = isSimulated || isPulse ? parts.dropFirst().first ?? "default" : name
        guard FFmpeg.prepareDevices(),
            let input = av_find_input_format(isSimulated ? "lavfi" : isPulse ? "pulse" : "alsa")
        else {
            throw .soundDevice(
                device: name, reason: "this FFmpeg has no such devices",
                advice: "install libavdevice with ALSA and PulseAudio")
        }
        demuxer = try Self.open(
            device, input, isSimulated: isSimulated, rate: rate, isPulse: isPulse, name: name)
        guard let index = demuxer.bestStream(AVMEDIA_TYPE_AUDIO) else {
            throw .soundDevice(device: name, reason: "it gives no sound", advice: "choose another device")
        }
        self.index = index
        format = AudioFormat(demuxer.stream(index).pointee.codecpar.pointee)
        timeBase = demuxer.stream(index).pointee.time_base
    }

    /// Many microphones have one channel, and ALSA's devices take the number that they have alone.
    private static func open(
        _ device: String, _ input: UnsafePointer<AVInputFormat>, isSimulated: Bool, rate: Int,
        isPulse: Bool, name: String
    ) throws(MediaError) -> Demuxer {
        var reason = ""
        for channels in isSimulated || isPulse ? [2] : [2, 1] {
            var options = Options([:])
            if !isSimulated {
                av_dict_set(&options.pointer, "sample_rate", "\(rate)", 0)
                av_dict_set(&options.pointer, "channels", "\(channels)", 0)
            }
            // 10 ms at a time; PulseAudio would give 40 (libavdevice/pulse_audio_dec.c).
            if isPulse { av_dict_set(&options.pointer, "fragment_size", "\(rate / 100 * 4)", 0) }
            do throws(MediaError) {
                return try Demuxer(device: device, format: input, options: options)
            } catch {
                guard case .failed(_, _, let said) = error else { throw error }
                reason = said
            }
        }
        throw .soundDevice(
            device: name, reason: reason,
            advice: isSimulated
                ? "try lavfi:sine=frequency=440"
                : isPulse
                    ? "'pactl list short sources' lists microphones; does the server run?"
                    : "'arecord -L' lists microphones; is it plugged in, and may your user open it?")
    }

    /// Waits for the next packet: as the device gives it, and when its first sample was captured.
    func next() throws(MediaError) -> (packet: AudioPacket, captured: Int64) {
        repeat {
            av_packet_unref(packet.pointer)
            let code = demuxer.read(into: packet)
            if code == FF_EAGAIN {
                MonotonicClock.sleep(until: MonotonicClock.now + 2_000_000)
                continue
            }
            guard code >= 0 else {
                throw .soundDevice(
                    device: name, reason: code == FF_EOF ? "it ended" : FFmpeg.reason(code),
                    advice: "is it still plugged in?")
            }
        } while packet.pointer.pointee.stream_index != index || packet.pointer.pointee.size == 0
        let sound = AudioPacket(packet, format, timeBase: timeBase, start: 0)
        return (sound, captureTime(of: sound))
    }

    /// When a packet was captured, by our clock; a test source waits until it is over.
    private func captureTime(of sound: AudioPacket) -> Int64 {
        let time = sound.presentationNanoseconds, now = MonotonicClock.now
        if isSimulated {
            let began = began ?? (now, time)
            self.began = began
            let captured = began.clock + time - began.time
            MonotonicClock.sleep(until: captured + sound.durationNanoseconds)
            return captured
        }
        // ALSA and PulseAudio stamp with the time of day (libavdevice/alsa_dec.c, pulse_audio_dec.c).
        let age = Int64(av_gettime()) * 1_000 - time
        return now - ((0..<10_000_000_000).contains(age) ? age : 0)
    }
}
