import CFFmpeg
import Glibc
import Tensors

/// A camera of this machine (v4l2), or one of FFmpeg's test sources at a camera's pace.
final class CameraDevice: CameraFeed {
    private let device: String
    let shape: [Int]
    let interval: Int64

    private let demuxer: Demuxer
    private let index: Int32
    private let decoder: Decoder
    private let converter: RGBConverter
    private let packet = Packet()
    private let picture = Picture()
    private let isSimulated: Bool
    private var number = 0
    /// The device's time of the first frame, and the clock's when it was asked for.
    private var firstTime: Int64?
    private var began: Int64 = 0

    /// v4l2 queues so many frames at most (libavdevice/v4l2.c, `desired_video_buffers`).
    private static let queueLength = 256

    init(
        _ device: String, width: Int?, height: Int?, rate: Double?, isMirrored: Bool, threads: Int
    ) throws(MediaError) {
        FFmpeg.prepare()
        self.device = device
        isSimulated = device.hasPrefix("lavfi:")
        var orientation = Orientation()
        orientation.flipsX = isMirrored
        converter = RGBConverter(orientation)
        demuxer = try Self.open(device, width: width, height: height, rate: rate)
        guard let index = demuxer.bestStream(AVMEDIA_TYPE_VIDEO) else {
            throw .camera(
                device: device, reason: "it gives no pictures", advice: "choose another device")
        }
        self.index = index
        let stream = demuxer.stream(index).pointee
        decoder = try Decoder(
            stream.codecpar, timeBase: stream.time_base, threads: threads, name: device)
        let parameters = stream.codecpar.pointee
        shape = [1, Int(parameters.height), Int(parameters.width), 3]
        let given = stream.avg_frame_rate.num > 0 ? stream.avg_frame_rate : stream.r_frame_rate
        interval =
            given.num > 0
            ? 1_000_000_000 * Int64(given.den) / Int64(given.num) : 33_333_333
    }

    private static func open(
        _ device: String, width: Int?, height: Int?, rate: Double?
    ) throws(MediaError) -> Demuxer {
        var options = Options([:])
        if let width, let height {
            av_dict_set(&options.pointer, "video_size", "\(width)x\(height)", 0)
        }
        if let rate { av_dict_set(&options.pointer, "framerate", "\(rate)", 0) }
        let isSimulated = device.hasPrefix("lavfi:")
        guard FFmpeg.prepareDevices(),
            let format = av_find_input_format(isSimulated ? "lavfi" : "v4l2")
        else {
            throw .camera(
                device: device, reason: "this FFmpeg has no such devices",
                advice: "install libavdevice with v4l2")
        }
        if !isSimulated { try check(device) }
        do throws(MediaError) {
            return try Demuxer(
                device: isSimulated ? String(device.dropFirst(6)) : device, format: format,
                options: isSimulated ? Options([:]) : options)
        } catch {
            guard case .failed(_, _, let reason) = error else { throw error }
            throw .camera(
                device: device, reason: reason,
                advice: isSimulated
                    ? "try lavfi:testsrc=size=640x480:rate=25"
                    : "is another program using it? 'v4l2-ctl --list-formats-ext' says what it can")
        }
    }

    /// What commonly stands in the way, found before FFmpeg is asked.
    private static func check(_ device: String) throws(MediaError) {
        guard access(device, R_OK | W_OK) != 0 else { return }
        let isMissing = errno == ENOENT
        throw .camera(
            device: device, reason: String(cString: strerror(errno)),
            advice: isMissing
                ? "'ls /dev/video*' lists cameras; without one, try "
                    + "lavfi:testsrc=size=640x480:rate=25"
                : "let your user join the group 'video'")
    }

    func next() throws(MediaError) -> Camera.Event {
        if number == 0 { began = MonotonicClock.now }
        var stale: [Camera.Frame] = []
        while let frame = try readFrame() {
            let age = MonotonicClock.now - frame.captured
            if age <= max(2 * interval, 100_000_000) || stale.count == Self.queueLength {
                try decode()
                return .shot(Camera.Shot(frame: frame, stale: stale))
            }
            stale.append(frame)
        }
        return .ended
    }

    func takeWarnings() -> [String] { [] }

    func copyFrame(into tensor: Tensor<UInt8>) throws(MediaError) {
        try converter.convert(picture, into: tensor)
    }

    /// Reads one compressed frame, when its time has come.
    private func readFrame() throws(MediaError) -> Camera.Frame? {
        repeat {
            av_packet_unref(packet.pointer)
            let code = demuxer.read(into: packet)
            if code == FF_EOF { return nil }
            if code == FF_EAGAIN { continue }
            guard code >= 0 else {
                throw .camera(
                    device: device, reason: FFmpeg.reason(code), advice: "is it still plugged in?")
            }
        } while packet.pointer.pointee.stream_index != index || packet.pointer.pointee.size == 0
        let ticks = packet.pointer.pointee.pts
        let timeBase = demuxer.stream(index).pointee.time_base
        let time =
            ticks == FF_NOPTS
            ? Int64(number) * interval : av_rescale_q(ticks, timeBase, .nanosecond)
        let presentation = time - (firstTime ?? time)
        firstTime = firstTime ?? time
        defer { number += 1 }
        return Camera.Frame(
            number: number, captured: captureTime(time, presentation), presentation: presentation,
            duration: interval)
    }

    /// When a frame was taken, by our clock; a test source waits until then.
    private func captureTime(_ time: Int64, _ presentation: Int64) -> Int64 {
        if isSimulated {
            MonotonicClock.sleep(until: began + presentation)
            return began + presentation
        }
        // v4l2 stamps with the monotonic clock or with the time of day, as the driver likes.
        let now = MonotonicClock.now
        let ages = [now - time, Int64(av_gettime()) * 1_000 - time]
        return now - (ages.first { (0..<60_000_000_000).contains($0) } ?? 0)
    }

    private func decode() throws(MediaError) {
        _ = decoder.send(packet)
        let code = decoder.receive(into: picture)
        // A broken JPEG of a webcam repeats the picture before it.
        if code < 0 && picture.width == 0 {
            throw .camera(
                device: device, reason: FFmpeg.reason(code), advice: "choose another format")
        }
    }
}
