import Tensors

/// The portrait's pixels for reading: beyond its edges those a little inside go on, since the outermost
/// rows of a picture often are a frame or a seam.
struct PortraitPixels {
    let picture: Tensor<UInt8>
    var width: Int { picture.shape[2] }
    var height: Int { picture.shape[1] }

    /// Pixels by which what goes on lies inside.
    private static let inset = 3

    init(_ picture: Tensor<UInt8>) { self.picture = picture }

    /// The colour of a pixel, 0...255.
    func color(_ x: Int, _ y: Int) -> SIMD3<Float> {
        SIMD3<Float>(bytes(x, y))
    }

    func bytes(_ x: Int, _ y: Int) -> SIMD3<UInt8> {
        func inside(_ i: Int, _ count: Int) -> Int {
            if i >= 0, i < count { return i }
            let inset = min(Self.inset, (count - 1) / 2)
            return i < 0 ? inset : count - 1 - inset
        }
        let p = picture.pointer + (inside(y, height) * width + inside(x, width)) * 3
        return SIMD3(p[0], p[1], p[2])
    }

    /// The colour at a place, between the pixels' centres linearly.
    func color(at place: SIMD2<Float>) -> SIMD3<Float> {
        let low = (place - 0.5).rounded(.down), part = place - 0.5 - low
        let (x, y) = (Int(low.x), Int(low.y))
        let top = color(x, y) + (color(x + 1, y) - color(x, y)) * part.x
        let bottom = color(x, y + 1) + (color(x + 1, y + 1) - color(x, y + 1)) * part.x
        return top + (bottom - top) * part.y
    }
}
