import CFFmpeg
import Tensors

/// Writes a line of text into pictures of one size, by libavfilter's `drawtext`.
///
/// A painter belongs to one thread.
package final class TextPainter {
    /// Where the text stands.
    package enum Place: String, CaseIterable, Sendable {
        case top, bottom, center
        case topLeft = "top-left", topRight = "top-right"
        case bottomLeft = "bottom-left", bottomRight = "bottom-right"

        /// Column and row of the text's upper left corner, as `drawtext` computes them.
        fileprivate var expressions: (x: String, y: String) {
            let (left, right, middle) = ("h/40", "w-tw-h/40", "(w-tw)/2")
            let (upper, lower) = ("h/40", "h-th-h/40")
            return switch self {
            case .top: (middle, upper)
            case .bottom: (middle, lower)
            case .center: (middle, "(h-th)/2")
            case .topLeft: (left, upper)
            case .topRight: (right, upper)
            case .bottomLeft: (left, lower)
            case .bottomRight: (right, lower)
            }
        }
    }

    package struct Style: Equatable, Sendable {
        package var text: String
        /// A family that fontconfig knows.
        package var font: String
        /// Height of letters as a part of the picture's.
        package var size: Double
        package var place: Place
        /// A name or `#RRGGBB`.
        package var color: String
        /// Opacity of the black ground behind the text, 0...1.
        package var plate: Double

        package init(
            text: String, font: String, size: Double, place: Place, color: String, plate: Double
        ) {
            (self.text, self.font, self.size) = (text, font, size)
            (self.place, self.color, self.plate) = (place, color, plate)
        }

        /// Writes nothing.
        package static let nothing = Style(
            text: "", font: "", size: 0, place: .top, color: "white", plate: 0)
    }

    package let width, height: Int
    private let filter: FrameFilter?

    /// - Throws: ``MediaError/failed(call:argument:reason:)`` for a color that is none, and where there is
    ///   no font.
    package init(_ style: Style, width: Int, height: Int) throws(MediaError) {
        (self.width, self.height) = (width, height)
        guard !style.text.allSatisfy(\.isWhitespace) else {
            filter = nil
            return
        }
        let size = max(4, Int((Double(height) * style.size).rounded()))
        let (x, y) = style.place.expressions
        var options = [
            ("text", style.text), ("expansion", "none"), ("font", style.font),
            ("fontsize", "\(size)"), ("fontcolor", style.color), ("x", x), ("y", y),
        ]
        if style.plate > 0 {
            options += [
                ("box", "1"), ("boxcolor", "black@\(style.plate)"), ("boxborderw", "\(size / 4)"),
            ]
        }
        // The filter's own list of options is read first, then each of them.
        let chain = "drawtext=" + options.map {
            "\($0)=" + Self.escaped(Self.escaped($1, "\\':"), "\\'[],;")
        }.joined(separator: ":")
        FFmpeg.prepare()
        let first = Picture(width: width, height: height, format: AV_PIX_FMT_RGB24)
        do throws(MediaError) {
            filter = try FrameFilter(.init(first.pointer.pointee, chain: chain))
        } catch {
            throw .failed(
                call: "drawtext", argument: style.text,
                reason: "\(error); is '\(style.color)' a color, and is a font installed "
                    + "(apt install fonts-dejavu-core)?")
        }
    }

    /// Puts a backslash before each of some letters.
    static func escaped(_ text: String, _ letters: String) -> String {
        String(text.flatMap { letters.contains($0) ? ["\\", $0] : [$0] })
    }

    /// Copies a picture `[1, h, w, 3]` and writes the text into the copy.
    package func paint(_ picture: Tensor<UInt8>, into room: Tensor<UInt8>) throws(MediaError) {
        guard let filter else {
            room.pointer.update(from: picture.pointer, count: picture.count)
            return
        }
        try FFmpeg.check(
            filter.send(TimedPicture(picture: Picture(picture), time: 0, duration: 0)), "drawtext",
            "\(width)x\(height)")
        guard let painted = try filter.receive() else {
            throw .failed(call: "drawtext", argument: "\(width)x\(height)", reason: "it gave nothing")
        }
        let (rows, stride) = painted.picture.rows
        for y in 0..<height {
            (room.pointer + y * width * 3).update(from: rows + y * stride, count: width * 3)
        }
    }
}
