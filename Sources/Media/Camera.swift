import CFFmpeg
import Glibc
import Tensors

/// Takes frames from a camera (v4l2), or from one of FFmpeg's test sources at a camera's pace.
///
/// A camera belongs to one thread.
package final class Camera {
    /// When a frame was taken.
    package struct Frame: Equatable, Sendable {
        /// From 0; frames that were too old to be used have numbers too.
        package var number: Int
        /// Nanoseconds of ``MonotonicClock``.
        package var captured: Int64
        /// Nanoseconds from the first frame.
        package var presentation: Int64
        /// Nanoseconds from frame to frame, as the device says.
        package var duration: Int64
    }

    /// The newest frame, and those before it that had waited too long to be worth showing.
    package struct Shot: Equatable, Sendable {
        package var frame: Frame
        package var stale: [Frame]
    }

    /// The device, as errors name it.
    package let device: String
    /// Shape of every frame: `[1, height, width, 3]`.
    package let shape: [Int]
    /// Nanoseconds from frame to frame.
    package let interval: Int64

    private let demuxer: Demuxer
    private let index: Int32
    private let decoder: Decoder
    private let converter = RGBConverter(Orientation())
    private let packet = Packet()
    private let picture = Picture()
    private let isSimulated: Bool
    private var number = 0
    /// The device's time of the first frame, and the clock's when it was asked for.
    private var firstTime: Int64?
    private var began: Int64 = 0

    /// v4l2 queues so many frames at most (libavdevice/v4l2.c, `desired_video_buffers`).
    private static let queueLength = 256

    /// Opens a device such as `/dev/video0`, or a test source: `lavfi:testsrc=size=320x240:rate=25`.
    ///
    /// - Parameters:
    ///   - width: pixels; the driver takes the nearest size it has. Test sources say their own.
    ///   - rate: frames a second, for the driver.
    /// - Throws: ``MediaError/camera(device:reason:advice:)``.
    package init(
        device: String, width: Int? = nil, height: Int? = nil, rate: Double? = nil,
        threads: Int = 1
    ) throws(MediaError) {
        FFmpeg.prepare()
        self.device = device
        isSimulated = device.hasPrefix("lavfi:")
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

    /// Waits for the next frame; nil when a test source has ended.
    package func next() throws(MediaError) -> Shot? {
        if number == 0 { began = MonotonicClock.now }
        var stale: [Frame] = []
        while let frame = try readFrame() {
            let age = MonotonicClock.now - frame.captured
            if age <= max(2 * interval, 100_000_000) || stale.count == Self.queueLength {
                try decode()
                return Shot(frame: frame, stale: stale)
            }
            stale.append(frame)
        }
        return nil
    }

    /// Writes the pixels of the last shot into a tensor of ``shape``.
    package func copyFrame(into tensor: Tensor<UInt8>) throws(MediaError) {
        try converter.convert(picture, into: tensor)
    }

    /// Reads one compressed frame, when its time has come.
    private func readFrame() throws(MediaError) -> Frame? {
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
        return Frame(
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
