import CFFmpeg
import CPosix
import Glibc
import Marks
import Tensors

/// Writes pictures as PNG.
package enum ImageWriter {
    /// Writes `[1, h, w, 3]` RGB.
    ///
    /// - Throws: ``MediaError`` naming the file and the reason.
    package static func write(_ tensor: Tensor<UInt8>, to path: String) throws(MediaError) {
        let bytes = try encode(tensor)
        do throws(DraftError) { try Draft.write(bytes, to: path) } catch {
            throw .cannotWrite(path: path, reason: error.reason, kept: nil)
        }
    }

    /// Writes a file of a folder that is a draft itself.
    ///
    /// - Returns: why it has no signature, if it was to have one.
    static func writeDirectly(
        _ tensor: Tensor<UInt8>, to path: String, label: AILabel?, signature: FilmSignature?
    ) throws(MediaError) -> SigningError? {
        let plain = try encode(tensor)
        return try write(label?.labelled(png: plain) ?? plain, to: path, signature: signature)
    }

    /// Writes a picture's file, which is there without a signature, too.
    ///
    /// - Returns: why it has no signature, if it was to have one.
    package static func write(
        _ bytes: [UInt8], to path: String, signature: FilmSignature?
    ) throws(MediaError) -> SigningError? {
        let descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else {
            throw .cannotWrite(path: path, reason: String(cString: strerror(errno)), kept: nil)
        }
        defer { close(descriptor) }
        var unsigned: SigningError?
        if let signature {
            do throws(SigningError) {
                let name = path.split(separator: "/").last.map(String.init) ?? path
                try sign(bytes, into: descriptor, signature, title: name)
                return nil
            } catch { unsigned = error }
            ftruncate(descriptor, 0)
            lseek(descriptor, 0, SEEK_SET)
        }
        guard write(bytes, to: descriptor) else {
            let reason = String(cString: strerror(errno))
            unlink(path)
            throw .cannotWrite(path: path, reason: reason, kept: nil)
        }
        return unsigned
    }

    private static func sign(
        _ bytes: [UInt8], into target: Int32, _ signature: FilmSignature, title: String
    ) throws(SigningError) {
        let source = posix_anonymous_file("personalive-picture", 0)
        guard source >= 0 else { throw .failed(path: title, reason: String(cString: strerror(errno))) }
        defer { close(source) }
        guard write(bytes, to: source) else {
            throw .failed(path: title, reason: String(cString: strerror(errno)))
        }
        lseek(source, 0, SEEK_SET)
        try signature.sign(source, to: target, title: title)
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress! + done, $0.count - done)
            }
            guard count > 0 else { return false }
            done += count
        }
        return true
    }

    private static func encode(_ tensor: Tensor<UInt8>) throws(MediaError) -> [UInt8] {
        precondition(tensor.shape.count == 4 && tensor.shape[0] == 1 && tensor.shape[3] == 3)
        FFmpeg.prepare()
        let (height, width) = (tensor.shape[1], tensor.shape[2])
        let picture = Picture(tensor)
        var context = avcodec_alloc_context3(avcodec_find_encoder(AV_CODEC_ID_PNG))
        defer { avcodec_free_context(&context) }
        context!.pointee.width = Int32(width)
        context!.pointee.height = Int32(height)
        context!.pointee.pix_fmt = AV_PIX_FMT_RGB24
        context!.pointee.time_base = AVRational(num: 1, den: 25)
        let argument = "PNG \(width)x\(height)"
        try FFmpeg.check(avcodec_open2(context, nil, nil), "avcodec_open2", argument)
        try FFmpeg.check(
            avcodec_send_frame(context, picture.pointer), "avcodec_send_frame", argument)
        try FFmpeg.check(avcodec_send_frame(context, nil), "avcodec_send_frame", argument)
        let packet = Packet()
        try FFmpeg.check(
            avcodec_receive_packet(context, packet.pointer), "avcodec_receive_packet", argument)
        return packet.bytes
    }
}
