import Glibc
import Kernels
import Tensors

/// Finds the invisible mark in frames, of whatever film.
///
/// Frames are summed up, since the mark is the same in all: over windows, so that a part of a film is
/// found, and over all of it; and mirrored. A frame of 512 x 512 takes about 1 ms, a search 20 ms.
package struct WatermarkDetector {
    /// Frames whose sum is searched for itself.
    private static let window = 125
    /// Larger pictures are made smaller by a whole number, so that their shorter side is at most this.
    private static let largestSide = 720

    private let key: WatermarkKey
    private var width = 0, height = 0, factor = 1
    private var reduced = Tensor<UInt8>(uninitialized: [0])
    private var scratch: [Float] = []
    private var sum: [Float] = [], windowSum: [Float] = []
    private var frames = 0, windowFrames = 0
    private var searches = 0
    private var best = WatermarkFinding.nothing

    package init(key: WatermarkKey = .shared) { self.key = key }

    /// Takes a frame `[1, h, w, 3]`; one of another size than the one before begins anew.
    package mutating func add(_ frame: Tensor<UInt8>) {
        let factor = (min(frame.shape[1], frame.shape[2]) + Self.largestSide - 1) / Self.largestSide
        let (width, height) = (frame.shape[2] / factor, frame.shape[1] / factor)
        guard width > 1, height > 1 else { return }
        if (width, height) != (self.width, self.height) {
            closeSum()
            (self.width, self.height, self.factor) = (width, height, factor)
            reduced = Tensor(uninitialized: [1, height, width, 3])
            scratch = [Float](repeating: 0, count: 3 * width * height)
            sum = [Float](repeating: 0, count: width * height)
            windowSum = sum
        }
        var picture = frame
        if factor > 1 {
            picture_shrink(
                frame.pointer, 3 * frame.shape[2], Int32(factor), reduced.pointer, Int32(width),
                Int32(height))
            picture = reduced
        }
        watermark_whiten(picture.pointer, Int32(width), Int32(height), &scratch, &windowSum)
        windowFrames += 1
        if windowFrames == Self.window { closeWindow() }
    }

    /// Searches what was not searched yet, and says what was found in all.
    package mutating func finish() -> WatermarkFinding {
        closeSum()
        var finding = best
        // So often it could have happened by chance.
        finding.logOdds = min(0, finding.logOdds + log10(Double(max(searches, 1))))
        return finding
    }

    private mutating func closeSum() {
        closeWindow()
        // A film of one window was searched.
        if frames > Self.window { search(sum) }
        frames = 0
    }

    private mutating func closeWindow() {
        guard windowFrames > 0 else { return }
        search(windowSum)
        for index in sum.indices { sum[index] += windowSum[index] }
        for index in windowSum.indices { windowSum[index] = 0 }
        frames += windowFrames
        windowFrames = 0
    }

    private mutating func search(_ picture: [Float]) {
        look(at: picture)
        guard !best.isFound else { return }
        var mirrored: [Float] = []
        mirrored.reserveCapacity(picture.count)
        for row in 0..<height {
            mirrored += picture[row * width..<(row + 1) * width].reversed()
        }
        look(at: mirrored)
    }

    private mutating func look(at picture: [Float]) {
        searches += 1
        let finding = WatermarkSearch(picture, width: width, height: height, key: key).find()
        if finding.logOdds < best.logOdds { best = finding }
    }
}
