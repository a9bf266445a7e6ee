import CFFmpeg

/// Lays pictures with transparent parts over one colour: the networks know none of transparency.
///
/// The colour is the picture's own surroundings: the mean of what can be seen along its edges, or grey
/// where they are transparent as well. A film keeps its first picture's colour.
final class AlphaComposer {
    /// What transparent parts are laid over.
    struct Background: Equatable {
        var red, green, blue: UInt8
        /// Whether nothing could be seen along the edges.
        var isGrey: Bool

        static let grey = Background(red: 128, green: 128, blue: 128, isGrey: true)

        /// The colour as the Web writes it: `#808080`.
        var name: String {
            let digits = [red, green, blue].map { byte in
                let text = String(byte, radix: 16)
                return text.count < 2 ? "0" + text : text
            }
            return "#" + digits.joined()
        }
    }

    private let name: String
    private var scaler: PictureScaler?
    private(set) var background: Background?
    private var warning: String?

    /// - Parameter name: the file, for warnings.
    init(name: String) { self.name = name }

    func takeWarnings() -> [String] {
        defer { warning = nil }
        return warning.map { [$0] } ?? []
    }

    /// The picture without transparency; the same one when it has none.
    func flatten(_ picture: Picture) throws(MediaError) -> Picture {
        guard picture.pointer.pointee.hasAlpha else { return picture }
        let plan = PictureScaler.Plan(
            picture, width: picture.width, height: picture.height, to: AV_PIX_FMT_RGBA)
        if scaler?.plan != plan { scaler = try PictureScaler(plan) }
        let flat = Picture(width: picture.width, height: picture.height, format: AV_PIX_FMT_RGBA)
        scaler!.scale(picture, into: flat)
        let clear = Self.clearPixels(flat)
        guard clear > 0 else { return picture }
        let ground = background ?? Self.surroundings(of: flat)
        if background == nil { say(ground, clear: clear, of: picture.width * picture.height) }
        background = ground
        Self.compose(flat, over: ground)
        av_frame_copy_props(flat.pointer, picture.pointer)
        flat.pointer.pointee.format = AV_PIX_FMT_RGB24.rawValue
        return flat
    }

    private func say(_ ground: Background, clear: Int, of pixels: Int) {
        let share = max(1, (100 * clear + pixels / 2) / pixels)
        warning =
            "\(name): \(share) % of it is transparent, at least in part: laid over "
            + (ground.isGrey ? "grey" : "the colour along its edges") + " (\(ground.name))"
    }

    /// Pixels that are not wholly opaque.
    private static func clearPixels(_ picture: Picture) -> Int {
        let (rows, stride) = picture.rows
        var count = 0
        for y in 0..<picture.height {
            let row = rows + y * stride
            for x in 0..<picture.width where row[4 * x + 3] != 255 { count += 1 }
        }
        return count
    }

    /// The mean colour along the edges, weighted by opacity.
    private static func surroundings(of picture: Picture) -> Background {
        let (rows, stride) = picture.rows
        let (width, height) = (picture.width, picture.height)
        var sums = (red: 0, green: 0, blue: 0, weight: 0, pixels: 0)
        func add(_ x: Int, _ y: Int) {
            let pixel = rows + y * stride + 4 * x
            let alpha = Int(pixel[3])
            sums.red += alpha * Int(pixel[0])
            sums.green += alpha * Int(pixel[1])
            sums.blue += alpha * Int(pixel[2])
            sums.weight += alpha
            sums.pixels += 1
        }
        for x in 0..<width {
            add(x, 0)
            add(x, height - 1)
        }
        for y in 0..<height {
            add(0, y)
            add(width - 1, y)
        }
        // A shoulder that is cut by the lower edge is no surroundings: half of the edges must be seen.
        guard sums.weight * 2 > sums.pixels * 255 else { return .grey }
        func mean(_ sum: Int) -> UInt8 { UInt8((sum + sums.weight / 2) / sums.weight) }
        return Background(
            red: mean(sums.red), green: mean(sums.green), blue: mean(sums.blue), isGrey: false)
    }

    /// Makes rows of RGB out of rows of RGBA, in place.
    private static func compose(_ picture: Picture, over ground: Background) {
        let (rows, stride) = picture.rows
        let under = (Int(ground.red), Int(ground.green), Int(ground.blue))
        for y in 0..<picture.height {
            let row = rows + y * stride
            for x in 0..<picture.width {
                let (from, to) = (row + 4 * x, row + 3 * x)
                let alpha = Int(from[3])
                let clear = 255 - alpha
                let red = (Int(from[0]) * alpha + under.0 * clear + 127) / 255
                let green = (Int(from[1]) * alpha + under.1 * clear + 127) / 255
                let blue = (Int(from[2]) * alpha + under.2 * clear + 127) / 255
                (to[0], to[1], to[2]) = (UInt8(red), UInt8(green), UInt8(blue))
            }
        }
    }
}
