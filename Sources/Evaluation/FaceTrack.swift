import Media
import Networks
import Tensors

/// What was read of the face in every frame of a film.
package struct FaceTrack: Sendable {
    /// Where it is read again.
    let path: String
    package let width, height: Int
    /// When each frame is shown, nanoseconds from the film's start.
    package let times: [Int64]
    /// nil where no face was found.
    package let faces: [SeenFace?]

    package init(path: String, width: Int, height: Int, times: [Int64], faces: [SeenFace?]) {
        (self.path, self.width, self.height) = (path, width, height)
        (self.times, self.faces) = (times, faces)
    }

    /// Reads a film.
    ///
    /// - Parameters:
    ///   - limit: so many frames from the start; nil for all.
    ///   - tick: called after every frame.
    /// - Throws: ``MediaError`` for what is no film.
    package init(
        of path: String, _ finder: FaceFinder, limit: Int? = nil, tick: () -> Void = {}
    ) throws(MediaError) {
        let reader = try VideoReader(path: path, frameLimit: limit)
        let frame = Tensor<UInt8>(uninitialized: reader.shape)
        var follower = FaceFollower(finder, choice: 1)
        var times: [Int64] = [], faces: [SeenFace?] = []
        while let item = try reader.next() {
            guard case .frame(let shown) = item else { continue }
            try reader.copyFrame(into: frame)
            times.append(shown.presentation)
            faces.append(follower.look(at: frame).flatMap { SeenFace($0.points) })
            tick()
        }
        self.init(
            path: path, width: reader.width, height: reader.height, times: times, faces: faces)
    }

    /// What people are told of where it is: no password.
    var name: String { MediaAddress(path)?.shown ?? path }

    /// Frames without a face.
    package var missing: Int { faces.count { $0 == nil } }

    /// The usual time between two frames, nanoseconds.
    package var interval: Int64 {
        let gaps = zip(times, times.dropFirst()).map { $1 - $0 }.sorted()
        return gaps.isEmpty ? 40_000_000 : max(gaps[gaps.count / 2], 1)
    }
}
