import CFFmpeg
import Tensors

/// A decoded (or to be encoded) frame, FFmpeg's reference to it.
final class Picture {
    let pointer: UnsafeMutablePointer<AVFrame>

    init() { pointer = FFmpeg.allocated(av_frame_alloc()) }

    /// A picture with rows of its own, padded as the codecs like it.
    init(width: Int, height: Int, format: AVPixelFormat) {
        pointer = FFmpeg.allocated(av_frame_alloc())
        pointer.pointee.width = Int32(width)
        pointer.pointee.height = Int32(height)
        pointer.pointee.format = format.rawValue
        precondition(av_frame_get_buffer(pointer, 0) >= 0, "no memory for \(width)x\(height)")
    }

    /// A picture with a copy of packed pixels.
    convenience init(
        copying pixels: UnsafePointer<UInt8>, width: Int, height: Int, format: AVPixelFormat,
        bytesPerPixel: Int
    ) {
        self.init(width: width, height: height, format: format)
        let ((rows, stride), count) = (self.rows, width * bytesPerPixel)
        for y in 0..<height { (rows + y * stride).update(from: pixels + y * count, count: count) }
    }

    /// A picture with a copy of `[1, h, w, 3]` RGB.
    convenience init(_ tensor: Tensor<UInt8>) {
        self.init(
            copying: tensor.pointer, width: tensor.shape[2], height: tensor.shape[1],
            format: AV_PIX_FMT_RGB24, bytesPerPixel: 3)
    }

    deinit {
        var pointer: UnsafeMutablePointer<AVFrame>? = pointer
        av_frame_free(&pointer)
    }

    var width: Int { Int(pointer.pointee.width) }
    var height: Int { Int(pointer.pointee.height) }
    /// First row of the first plane, and bytes from row to row.
    var rows: (UnsafeMutablePointer<UInt8>, Int) {
        (pointer.pointee.data.0!, Int(pointer.pointee.linesize.0))
    }

    /// Whether the decoder had to make up a part of it.
    var isBroken: Bool {
        pointer.pointee.decode_error_flags != 0
            || pointer.pointee.flags & AV_FRAME_FLAG_CORRUPT != 0
    }
}

/// Compressed bytes with their times.
final class Packet {
    let pointer: UnsafeMutablePointer<AVPacket>

    init() { pointer = FFmpeg.allocated(av_packet_alloc()) }

    /// A packet that holds a copy of `bytes`.
    init(_ bytes: [UInt8]) {
        pointer = FFmpeg.allocated(av_packet_alloc())
        precondition(av_new_packet(pointer, Int32(bytes.count)) >= 0, "no memory for a packet")
        bytes.withUnsafeBytes { from in
            guard let base = from.baseAddress else { return }
            UnsafeMutableRawPointer(pointer.pointee.data)
                .copyMemory(from: base, byteCount: from.count)
        }
    }

    deinit {
        var pointer: UnsafeMutablePointer<AVPacket>? = pointer
        av_packet_free(&pointer)
    }

    /// The compressed bytes (a copy).
    var bytes: [UInt8] {
        Array(UnsafeBufferPointer(start: pointer.pointee.data, count: Int(pointer.pointee.size)))
    }
}
