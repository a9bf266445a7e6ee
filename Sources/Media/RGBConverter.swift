import CFFmpeg
import Kernels
import Tensors

/// Turns decoded frames of any pixel format into RGB as they are shown.
///
/// The matrix and range are the stream's. 8-bit 4:2:0 at its own size, which is nearly every film,
/// goes through our own loop, straight into the tensor; all else through swscale with full chroma
/// interpolation and exact rounding.
final class RGBConverter {
    private let orientation: Orientation
    private var scaler: PictureScaler?
    private var scratch: Picture?
    private var scratchRows: [Int16] = []

    init(_ orientation: Orientation) { self.orientation = orientation }

    /// Writes a frame into `[1, h, w, 3]`, scaled to that size if it has another.
    func convert(_ picture: Picture, into tensor: Tensor<UInt8>) throws(MediaError) {
        let (height, width) = (tensor.shape[1], tensor.shape[2])
        let turned = orientation.swapsAxes
        if orientation.keepsRows && convertDirectly(picture, into: tensor) { return }
        try prepare(picture, width: turned ? height : width, height: turned ? width : height)
        // swscale touches bytes past the ends of rows, so it gets a padded picture.
        scaler!.scale(picture, into: scratch!)
        let (rows, stride) = scratch!.rows
        picture_orient(
            rows, stride, Int32(scratch!.width), Int32(scratch!.height), tensor.pointer,
            turned ? 1 : 0, orientation.flipsX ? 1 : 0, orientation.flipsY ? 1 : 0)
    }

    /// The loop of ``Kernels`` for the most usual kind of frame; false when it is another.
    ///
    /// 512x512 takes it 0.3 ms, where swscale at this quality takes 2.2 ms.
    private func convertDirectly(_ picture: Picture, into tensor: Tensor<UInt8>) -> Bool {
        let frame = picture.pointer.pointee
        let format = AVPixelFormat(frame.format)
        guard format == AV_PIX_FMT_YUV420P || format == AV_PIX_FMT_YUVJ420P,
            tensor.shape[1] == picture.height, tensor.shape[2] == picture.width,
            let shares = Self.lumaShares[frame.matrix], frame.chroma.y == 128
        else { return false }
        var matrix = Self.matrix(
            red: shares.red, blue: shares.blue, isFullRange: frame.isFullRange)
        matrix.is_centred = frame.chroma.x == 128 ? 1 : 0
        let room = 2 * (picture.width + 2)
        if scratchRows.count < room { scratchRows = [Int16](repeating: 0, count: room) }
        let (planes, strides) = (frame.data, frame.linesize)
        picture_from_yuv420(
            planes.0, Int(strides.0), planes.1, Int(strides.1), planes.2, Int(strides.2),
            frame.width, frame.height, &matrix, &scratchRows, tensor.pointer)
        return true
    }

    /// How much red and blue count for luma, by swscale's name of the matrix (ITU-T H.273, table 4).
    private static let lumaShares: [Int32: (red: Double, blue: Double)] = [
        SWS_CS_ITU601: (0.299, 0.114), SWS_CS_ITU709: (0.2126, 0.0722),
        SWS_CS_BT2020: (0.2627, 0.0593),
    ]

    private static func matrix(red: Double, blue: Double, isFullRange: Bool) -> picture_matrix {
        let green = 1 - red - blue
        let light = isFullRange ? 1 : 255.0 / 219, colour = isFullRange ? 1 : 255.0 / 224
        func fixed(_ value: Double) -> Int32 { Int32((value * 16_384).rounded()) }
        return picture_matrix(
            luma: fixed(light), red_v: fixed(2 * (1 - red) * colour),
            green_u: fixed(-2 * (1 - blue) * blue / green * colour),
            green_v: fixed(-2 * (1 - red) * red / green * colour),
            blue_u: fixed(2 * (1 - blue) * colour), black: isFullRange ? 0 : 16, is_centred: 0)
    }

    private func prepare(
        _ picture: Picture, width: Int, height: Int
    ) throws(MediaError) {
        let wanted = PictureScaler.Plan(
            picture, width: width, height: height, to: AV_PIX_FMT_RGB24)
        guard wanted != scaler?.plan else { return }
        scaler = try PictureScaler(wanted)
        scratch = Picture(width: width, height: height, format: AV_PIX_FMT_RGB24)
    }
}
