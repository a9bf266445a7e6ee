import CFFmpeg

/// How a stored picture is turned, mirrored and stretched before it is shown.
struct Orientation: Equatable {
    /// Rows become columns, before the mirrors.
    var swapsAxes = false
    var flipsX = false
    var flipsY = false
    /// Width of a stored pixel divided by its height.
    var pixelAspect = 1.0

    /// Whether stored rows can be shown as they are.
    var keepsRows: Bool { !swapsAxes && !flipsX && !flipsY }

    init() {}

    /// Reads a display matrix (nine numbers, 16.16 fixed point) to the nearest quarter turn.
    ///
    /// A pixel at (x, y) is shown at (a·x + c·y, b·x + d·y): libavutil/display.h.
    init(matrix: UnsafePointer<Int32>?) {
        guard let matrix else { return }
        let (a, b, c, d) = (matrix[0], matrix[1], matrix[3], matrix[4])
        swapsAxes = b.magnitude > a.magnitude
        flipsX = swapsAxes ? c < 0 : a < 0
        flipsY = swapsAxes ? b < 0 : d < 0
    }

    /// Size as shown, in square pixels: one side grows, none shrinks.
    func shownSize(width: Int, height: Int) -> (width: Int, height: Int) {
        let (w, h) = storedSize(width: width, height: height)
        return swapsAxes ? (h, w) : (w, h)
    }

    private func storedSize(width: Int, height: Int) -> (Int, Int) {
        pixelAspect >= 1
            ? (Int((Double(width) * pixelAspect).rounded()), height)
            : (width, Int((Double(height) / pixelAspect).rounded()))
    }

    /// What a picture's own tag asks for: 1 to 8 (Exif 2.32, 4.6.4).
    init(exif: Int) {
        swapsAxes = exif >= 5
        flipsX = [2, 3, 6, 7].contains(exif)
        flipsY = [3, 4, 7, 8].contains(exif)
    }

    /// What a stream (or, if it says so, its first frame) asks for.
    ///
    /// A picture's resolution is meant for printers: its pixels are square.
    init(stream: UnsafeMutablePointer<AVStream>, in demuxer: Demuxer, picture: Picture) {
        let frame = picture.pointer
        let ofFrame = av_frame_get_side_data(frame, AV_FRAME_DATA_DISPLAYMATRIX)?.pointee.data
        let ofStream = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, nil)
        let matrix = (ofFrame ?? ofStream).map {
            UnsafeRawPointer($0).assumingMemoryBound(to: Int32.self)
        }
        if matrix == nil && demuxer.isPicture && demuxer.isFile {
            self.init(exif: ExifOrientation.read(demuxer.name))
        } else {
            self.init(matrix: matrix)
        }
        guard !demuxer.isPicture else { return }
        let aspect = av_guess_sample_aspect_ratio(demuxer.context, stream, frame)
        // Beyond 8:1 it is a broken header rather than a film.
        if aspect.num > 0 && aspect.den > 0 && (0.125...8).contains(av_q2d(aspect)) {
            pixelAspect = av_q2d(aspect)
        }
    }
}
