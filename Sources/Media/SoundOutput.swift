import CFFmpeg
import Glibc

/// An opened loudspeaker or sound file, for 16-bit samples in two channels.
final class SoundOutput {
    /// The file that is written; nil for a device.
    let file: String?
    private let name: String
    private var context: UnsafeMutablePointer<AVFormatContext>?
    private var isBegun = false
    private let rate: Int32
    private var played: Int64 = 0

    init(_ name: String, rate: Int) throws(MediaError) {
        FFmpeg.prepare()
        (self.name, self.rate) = (name, Int32(rate))
        file = try name.hasSuffix(".wav") ? Self.newFile(name) : nil
        let isPulse = name == "pulse" || name.hasPrefix("pulse:")
        guard file != nil || FFmpeg.prepareDevices() else {
            throw .soundDevice(
                device: name, reason: "this FFmpeg has no such devices",
                advice: "install libavdevice with ALSA and PulseAudio")
        }
        let device = file.map { "file:" + $0 } ?? (isPulse ? "personalive" : name)
        do throws(MediaError) {
            try FFmpeg.check(
                avformat_alloc_output_context2(
                    &context, nil, file != nil ? "wav" : isPulse ? "pulse" : "alsa", device),
                "avformat_alloc_output_context2", name)
            let stream = FFmpeg.allocated(avformat_new_stream(context, nil))
            let parameters = stream.pointee.codecpar!
            parameters.pointee.codec_type = AVMEDIA_TYPE_AUDIO
            parameters.pointee.codec_id = AV_CODEC_ID_PCM_S16LE
            parameters.pointee.format = AV_SAMPLE_FMT_S16.rawValue
            parameters.pointee.sample_rate = Int32(rate)
            av_channel_layout_default(&parameters.pointee.ch_layout, Int32(SoundDecoder.channels))
            parameters.pointee.bit_rate = Int64(rate * SoundDecoder.channels * 16)
            parameters.pointee.block_align = Int32(2 * SoundDecoder.channels)
            parameters.pointee.bits_per_coded_sample = 16
            stream.pointee.time_base = AVRational(num: 1, den: Int32(rate))
            if file != nil {
                try FFmpeg.check(
                    avio_open(&context!.pointee.pb, device, AVIO_FLAG_WRITE), "avio_open", name)
            }
            var options = Options([:])
            // PulseAudio would hold 2 s of what is played (libavdevice/pulse_audio_enc.c).
            if isPulse {
                av_dict_set(&options.pointer, "buffer_duration", "100", 0)
                let sink = name.dropFirst(6)
                if !sink.isEmpty { av_dict_set(&options.pointer, "device", String(sink), 0) }
            }
            try FFmpeg.check(
                avformat_write_header(context, &options.pointer), "avformat_write_header", name)
            isBegun = true
        } catch {
            close()
            guard case .failed(_, _, let reason) = error else { throw error }
            throw .soundDevice(
                device: name, reason: reason,
                advice: file != nil
                    ? Self.folderAdvice
                    : isPulse
                        ? "'pactl list short sinks' lists what plays; does the server run?"
                        : "'aplay -L' lists what plays; for programs that listen, load snd-aloop or use "
                            + "pulse:SINK")
        }
    }

    deinit { close() }

    /// Plays samples; waits while the device has enough.
    func play(_ samples: [Int16]) throws(MediaError) {
        let packet = Packet(samples.withUnsafeBytes { Array($0) })
        packet.pointer.pointee.pts = played
        packet.pointer.pointee.dts = played
        packet.pointer.pointee.duration = Int64(samples.count / SoundDecoder.channels)
        played += packet.pointer.pointee.duration
        av_packet_rescale_ts(packet.pointer, AVRational(num: 1, den: rate), timeBase)
        let code = av_write_frame(context, packet.pointer)
        // ALSA says so of a device that is full; what is missing then is heard as a gap.
        guard code < 0, code != FF_EAGAIN else { return }
        throw .soundDevice(
            device: name, reason: FFmpeg.reason(code), advice: "is it still there?")
    }

    /// How long what is played now takes to be heard, nanoseconds; 0 where that is not known.
    var latency: Int64 {
        var time: Int64 = 0, wall: Int64 = 0
        guard file == nil, av_get_output_timestamp(context, 0, &time, &wall) >= 0 else { return 0 }
        let end = av_rescale_q(played, AVRational(num: 1, den: rate), .nanosecond)
        return max(end - av_rescale_q(time, timeBase, .nanosecond), 0)
    }

    /// Seconds per tick, as the device wants them.
    private var timeBase: AVRational { context!.pointee.streams[0]!.pointee.time_base }

    func finish() throws(MediaError) {
        guard isBegun else { return }
        isBegun = false
        try FFmpeg.check(av_write_trailer(context), "av_write_trailer", name)
    }

    private func close() {
        guard let format = context else { return }
        try? finish()
        if let file {
            avio_closep(&format.pointee.pb)
            // Each try on a full disk would leave one.
            var status = stat()
            if stat(file, &status) == 0, status.st_size == 0 { unlink(file) }
        }
        avformat_free_context(format)
        context = nil
    }

    private static let folderAdvice = "can its folder be written to?"

    /// Makes the file: what is there is never written over, so it may be `voice-2.wav`.
    private static func newFile(_ path: String) throws(MediaError) -> String {
        for number in 1...9999 {
            let name = number == 1 ? path : "\(path.dropLast(4))-\(number).wav"
            let descriptor = Glibc.open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
            if descriptor >= 0 {
                Glibc.close(descriptor)
                return name
            }
            guard errno == EEXIST else {
                throw .soundDevice(
                    device: path, reason: String(cString: strerror(errno)), advice: folderAdvice)
            }
        }
        throw .soundDevice(
            device: path, reason: "9999 files of that name are there", advice: "choose another name")
    }
}
