/// Tells a mesh that jumped, as when it was read off something that is no face, from one that moved.
///
/// No head is as fast: in a film with speech and turns, 1,531 frames at 25 a second, the points move by at
/// most 0.12 units of head space in the mean from one frame to the next, and the face grows or shrinks by at
/// most 2.3 %.
package struct MeshGuard: Equatable {
    /// Units of head space that points may move in the mean, and by how much the face may grow or shrink,
    /// from one frame to the next.
    private static let farthest: Float = 0.35, growth: Float = 1.35
    /// Frames after which what jumped is believed: the film was cut, or another person sat down.
    package static let patience = 6

    /// The last mesh that was followed, and its unit of head space.
    private var last: [SIMD3<Float>] = []
    private var scale: Float = 1
    /// Frames since then.
    private var held = 0

    package init() {}

    package enum Verdict: Equatable {
        case followed
        /// The mesh jumped, or is none; the last one is to be held.
        case held
        /// It jumped a while ago and is still there: it is followed from now on.
        case believed
    }

    package mutating func judge(_ mesh: [SIMD3<Float>], scale now: Float) -> Verdict {
        guard last.count == mesh.count else { return follow(mesh, now, .followed) }
        let moved = zip(last, mesh).reduce(Float(0)) { $0 + ($1.1 - $1.0).flat.length }
            / Float(mesh.count) / scale
        if moved <= Self.farthest, max(now / scale, scale / now) <= Self.growth {
            return follow(mesh, now, .followed)
        }
        if held >= Self.patience { return follow(mesh, now, .believed) }
        held += 1
        return .held
    }

    private mutating func follow(
        _ mesh: [SIMD3<Float>], _ now: Float, _ verdict: Verdict
    ) -> Verdict {
        (last, scale, held) = (mesh, now, 0)
        return verdict
    }

    /// All of it, for another process of the same node.
    package var numbers: [Float] {
        [Float(held), scale] + last.coordinates
    }

    package init(numbers: [Float]) {
        guard numbers.count >= 2 else { return }
        (held, scale) = (Int(numbers[0]), numbers[1])
        last = Array(coordinates: numbers[2...])
    }
}
