import Foundation
import Layers
import Media
import Tensors

/// What the pixels of a result say against the truth.
struct PictureFigures {
    private var squares: [Double] = [], absolutes: [Double] = [], similarities: [Double] = []
    private var changes: [Double] = []
    /// Of the controls, over fewer frames.
    private var copied: [PictureDifference] = [], shuffled: [PictureDifference] = []
    /// How much the truth changes from frame to frame: what a still picture misses.
    private var truthChanges: [Double] = []

    /// Pictures of the controls that are kept, and bytes that they take at most.
    private static let controls = 48, mostBytes = 256 << 20

    /// Looks through both films at once.
    ///
    /// - Parameters:
    ///   - pairs: frames that belong together.
    ///   - portrait: laid as the result's face lies; nil where that is not known.
    ///   - tick: called after every pair.
    init(
        _ pairs: [FramePairing.Pair], of result: String, with truth: String,
        portrait: Tensor<UInt8>?, tick: () -> Void
    ) throws {
        let (own, other) = (try FrameWalk(result), try FrameWalk(truth))
        let count = min(Self.controls, Self.mostBytes / (2 * own.byteCount), pairs.count)
        // Evenly over the film.
        let kept = (0..<max(count, 0)).map { pairs.count * $0 / count }
        let keptAt = Set(kept)
        var pictures: [(own: Tensor<UInt8>, truth: Tensor<UInt8>)] = []
        var last: (own: Tensor<UInt8>, truth: Tensor<UInt8>, pair: FramePairing.Pair)?
        for (number, pair) in pairs.enumerated() {
            let (a, b) = (try own.frame(pair.result), try other.frame(pair.other))
            let difference = PictureDifference(a, b)
            squares.append(difference.squared)
            absolutes.append(difference.absolute)
            similarities.append(difference.similarity)
            if let last, last.pair.result + 1 == pair.result, last.pair.other < pair.other {
                let change = PictureDifference.absolute(last.own, a)
                let truthChange = PictureDifference.absolute(last.truth, b)
                changes.append((change - truthChange).magnitude)
                truthChanges.append(truthChange)
            }
            last = (a, b, pair)
            if keptAt.contains(number) {
                pictures.append((a, b))
                if let portrait { copied.append(PictureDifference(portrait, b)) }
            }
            tick()
        }
        // Half of the film away: of few pictures a random order leaves some where they are.
        let half = pictures.count / 2
        shuffled = half == 0 ? [] : pictures.indices.map {
            PictureDifference(pictures[($0 + half) % pictures.count].own, pictures[$0].truth)
        }
    }

    /// - Parameter block: frames of a block of the bootstrap.
    func all(block: Int) -> [Figure] {
        guard !squares.isEmpty else { return [] }
        let drawn = Bootstrap(count: squares.count, block: block)
        func decibels(_ frames: [Int], of squares: [Double]) -> Double? {
            Bootstrap.mean(frames, of: squares).map { FilmComparison.decibels(ofSquaredError: $0) }
        }
        func mean(_ values: [Double]) -> Double? {
            values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
        }
        func control(_ pictures: [PictureDifference], _ part: (PictureDifference) -> Double)
            -> Double?
        {
            mean(pictures.map(part))
        }
        let count = squares.count, all = Array(squares.indices)
        func decibels(_ pictures: [PictureDifference]) -> Double? {
            control(pictures, \.squared).map { FilmComparison.decibels(ofSquaredError: $0) }
        }
        var figures = [
            Figure(
                "l1_pct", "L1", unit: "%", .lower, mean(absolutes.map { 100 * $0 }),
                drawn.interval(ofMean: absolutes.map { 100 * $0 }), frames: count,
                controls: .init(
                    copiedPortrait: control(copied) { 100 * $0.absolute },
                    shuffledDriver: control(shuffled) { 100 * $0.absolute }),
                meaning: "Mean absolute difference of the pixels from the truth's, in % of white."),
            Figure(
                "psnr_db", "PSNR", unit: "dB", .higher, decibels(all, of: squares),
                drawn.interval { decibels($0, of: squares) }, frames: count,
                controls: .init(
                    copiedPortrait: decibels(copied), shuffledDriver: decibels(shuffled)),
                meaning:
                    "Of the mean squared error of all frames, 8-bit RGB, as `personalive compare`."),
        ]
        if similarities[0].isFinite {
            figures.append(
                Figure(
                    "ssim", "SSIM", .higher, mean(similarities),
                    drawn.interval(ofMean: similarities), frames: count,
                    controls: .init(
                        copiedPortrait: control(copied, \.similarity),
                        shuffledDriver: control(shuffled, \.similarity)),
                    meaning:
                        "Structural similarity of the luma (window 11, deviation "
                        + "1.5), up to 1."))
        }
        guard !changes.isEmpty else { return figures }
        let percents = changes.map { 100 * $0 }
        figures.append(
            Figure(
                "t_l1_pct", "Change over time", unit: "%", .lower, mean(percents),
                Bootstrap(count: changes.count, block: block).interval(ofMean: percents),
                frames: changes.count,
                controls: .init(copiedPortrait: mean(truthChanges.map { 100 * $0 })),
                meaning:
                    "How much more or less the picture changes from frame to frame than the truth, in % "
                    + "of white: tLP with L1 in the place of LPIPS."))
        return figures
    }
}
