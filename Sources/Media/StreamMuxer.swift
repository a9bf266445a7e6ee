import CFFmpeg
import Foundation
import Glibc

/// Where a ``StreamWriter``'s packets go: one connection or one file, from its first packet to its last.
protocol StreamTarget: AnyObject {
    /// Pictures that were written and are still in memory; they are lost with it.
    var unwritten: Int { get }

    /// Whether a packet is coded as was said at the beginning.
    func takes(_ packet: FilmPacket) -> Bool

    /// Sends a picture and the sound before it.
    func write(_ packet: FilmPacket) throws(MediaError)

    /// Writes what belongs at the end, and closes.
    func finish() throws(MediaError)
}

/// One connection to a server, or one file, packed by libavformat.
///
/// It belongs to one thread. Whatever libavformat waits for, it gives up after some time.
final class StreamMuxer: StreamTarget {
    private let address: StreamAddress
    private let patience: Patience
    private var context: UnsafeMutablePointer<AVFormatContext>?
    private var tracks: FilmTracks?
    private var isHeaderWritten = false

    /// Makes the connection and says what will come.
    ///
    /// - Parameters:
    ///   - path: the file to write, should the address be one.
    ///   - first: the key packet that it begins with.
    ///   - sound: how sound is coded; nil for none.
    ///   - latency: nanoseconds for which SRT's receiver waits for what was lost.
    init(
        _ address: StreamAddress, path: String?, first: FilmPacket, sound: AudioFormat?,
        latency: Int64, patience: Patience
    ) throws(MediaError) {
        FFmpeg.prepare()
        (self.address, self.patience) = (address, patience)
        patience.begin()
        let url = path.map { "file:" + $0 } ?? address.url
        try check(
            avformat_alloc_output_context2(&context, nil, address.form.rawValue, url), "open")
        patience.attach(to: context!)
        do throws(MediaError) {
            tracks = try FilmTracks(in: context!, first: first, sound: sound)
            try open(url, latency: latency)
            try writeHeader()
        } catch {
            close()
            throw error
        }
    }

    deinit { close() }

    private func open(_ url: String, latency: Int64) throws(MediaError) {
        context!.pointee.flags |= AVFMT_FLAG_FLUSH_PACKETS
        context!.pointee.flush_packets = 1
        context!.pointee.max_delay = 0
        guard context!.pointee.oformat.pointee.flags & AVFMT_NOFILE == 0 else { return }
        var options = Options([
            // What is in the system's buffer counts as sent, so a large one hides that a server takes
            // nothing. Linux doubles this number. 128 KiB are enough for 5 Mbit/s to a server that is
            // 200 ms away.
            "send_buffer_size": "65536", "tcp_nodelay": "1", "pkt_size": "1316",
            "rw_timeout": "\(patience.microseconds)",
        ])
        if !url.contains("latency=") {
            av_dict_set(&options.pointer, "latency", "\(latency / 1000)", 0)
        }
        let known = Self.sockets
        try check(
            avio_open2(
                &context!.pointee.pb, url, AVIO_FLAG_WRITE, &context!.pointee.interrupt_callback,
                &options.pointer), "open")
        Self.sockets.subtracting(known).forEach(Self.holdLittle)
    }

    /// Of what the system's buffer holds, so much may wait to be sent for the first time, bytes; the rest is
    /// under way. A link of 300 kbit/s takes 0.4 s for it.
    private static let mostUnsent: Int32 = 16 << 10

    /// Makes a socket take more only when little of what it has waits. libavformat tells nobody which sockets
    /// it opens, and asks the system before each call whether the socket takes more.
    private static func holdLittle(_ descriptor: Int32) {
        var bytes = mostUnsent
        // Fails, as it may, for what is no TCP socket.
        setsockopt(
            descriptor, Int32(IPPROTO_TCP), TCP_NOTSENT_LOWAT, &bytes,
            socklen_t(MemoryLayout<Int32>.size))
    }

    /// Descriptors of this process that are sockets.
    private static var sockets: Set<Int32> {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return Set(
            names.compactMap { Int32($0) }.filter { descriptor in
                var status = stat()
                return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
            })
    }

    private func writeHeader() throws(MediaError) {
        var options = Options([:])
        let values: KeyValuePairs<String, String> =
            switch address.form {
            case .flv: ["flvflags": "no_duration_filesize"]
            case .mpegts: ["mpegts_flags": "resend_headers+initial_discontinuity"]
            case .rtsp: ["rtsp_transport": "tcp"]
            case .mp4: [:]  // a FragmentFile
            case .matroska: ["cluster_time_limit": "1000"]
            }
        for (key, value) in values { av_dict_set(&options.pointer, key, value, 0) }
        patience.begin()
        try check(avformat_write_header(context, &options.pointer), "begin")
        isHeaderWritten = true
    }

    /// What libavformat keeps is not known.
    var unwritten: Int { 0 }

    func takes(_ packet: FilmPacket) -> Bool { tracks?.takes(packet) ?? false }

    func write(_ packet: FilmPacket) throws(MediaError) {
        try tracks?.write(packet) { (packet, stream, timeBase) throws(MediaError) in
            try write(packet, stream: stream, timeBase: timeBase)
        }
    }

    private func write(
        _ packet: Packet, stream: Int, timeBase: AVRational
    ) throws(MediaError) {
        packet.pointer.pointee.stream_index = Int32(stream)
        let target = context!.pointee.streams[stream]!.pointee.time_base
        av_packet_rescale_ts(packet.pointer, timeBase, target)
        patience.begin()
        try check(av_write_frame(context, packet.pointer), "send")
    }

    func finish() throws(MediaError) {
        defer { close() }
        guard isHeaderWritten else { return }
        isHeaderWritten = false
        patience.begin()
        try check(av_write_trailer(context), "end")
    }

    private func close() {
        guard let format = context else { return }
        patience.begin()
        if format.pointee.oformat.pointee.flags & AVFMT_NOFILE == 0 {
            avio_closep(&context!.pointee.pb)
        } else if isHeaderWritten {
            // RTSP tears its session down here.
            av_write_trailer(format)
        }
        avformat_free_context(context)
        context = nil
    }

    /// The system's words for EIO.
    private static let noReason = String(cString: strerror(EIO))

    private func check(_ code: Int32, _ call: String) throws(MediaError) {
        guard code < 0 else { return }
        var reason = patience.reason(code)
        // A server that does not take an application or a key may say no more than this.
        if reason == Self.noReason {
            reason = "the server ended the connection: does it know the application and the key?"
        }
        throw .cannotSend(address: address.shown, reason: address.cleaned(reason))
    }
}
