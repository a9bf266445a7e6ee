/// Why films cannot be evaluated.
package enum EvaluationError: Error, Equatable, CustomStringConvertible {
    /// Result and truth have pictures of different sizes, as width and height.
    case sizes(result: String, SIMD2<Int>, truth: String, SIMD2<Int>)
    /// Too few frames of the two films belong together.
    case tooFewFrames(result: String, Int, other: String, Int, paired: Int)
    /// No face in any frame, and no truth either.
    case noFace(path: String, frames: Int)
    /// A film that ended earlier the second time.
    case changed(String)
    /// There are no face networks.
    case noNetworks(String)

    package var description: String {
        switch self {
        case .sizes(let result, let one, let truth, let other):
            "\(result) has pictures of \(one.x)x\(one.y) and \(truth) of \(other.x)x\(other.y): pixels are "
                + "only compared where both are of one size; scale the truth (node 'scale', or ffmpeg)"
        case .tooFewFrames(let result, let count, let other, let others, let paired):
            "\(result) has \(count) frame\(count == 1 ? "" : "s") and \(other) \(others): \(paired) of them are "
                + "shown at the same times, and at least \(FollowingDelay.leastPairs) are needed"
        case .noFace(let path, let frames):
            "no face was found in any of the \(frames) frames of \(path), and without a truth (--truth) there "
                + "is nothing else to compare"
        case .changed(let path): "\(path) has become shorter while it was evaluated"
        case .noNetworks(let lack):
            "\(lack): 'personalive models pull face' fetches them (36 MB, of which 2.7 MB are kept)"
        }
    }
}
