import Glibc

/// How a head is held, seen from another way of holding it: turned about its middle, moved and scaled.
package struct HeadMotion: Sendable, Equatable {
    package var turn = Rotation.none
    /// Of the middle of the points.
    package var shift = SIMD3<Double>()
    /// Natural logarithm of the factor by which it is larger.
    package var growth = 0.0

    /// Held as before.
    package init() {}

    /// The motion that brings one set of points nearest to another (``PointFit``); the growth is the ratio of
    /// spreads.
    ///
    /// - Precondition: as many points in both, at least one.
    package init(from reference: [SIMD3<Float>], to points: [SIMD3<Float>]) {
        let fit = PointFit(from: reference, to: points), spreads = fit.spreads
        shift = fit.middles.to - fit.middles.from
        guard spreads.from > 0, spreads.to > 0 else { return }
        (turn, growth) = (fit.rotation, log(spreads.to / spreads.from) / 2)
    }

    // MARK: On points

    /// Points that are held so, of points that are held as the reference was.
    ///
    /// - Parameter middle: of the reference; that of the points themselves if nil.
    package func callAsFunction(
        _ points: [SIMD3<Float>], about middle: SIMD3<Double>? = nil
    ) -> [SIMD3<Float>] {
        let middle = middle ?? PointFit.middle(of: points)
        return points.map { point in
            SIMD3<Float>(turn.turn(SIMD3<Double>(point) - middle) * exp(growth) + middle + shift)
        }
    }

    /// Points as they would be if they were held as the reference was: the way back.
    package func undone(
        _ points: [SIMD3<Float>], about middle: SIMD3<Double>
    ) -> [SIMD3<Float>] {
        points.map { point in
            let turned = turn.turnBack(SIMD3<Double>(point) - middle - shift)
            return SIMD3<Float>(turned * exp(-growth) + middle)
        }
    }

    // MARK: As parameters

    /// Axis times angle, in radians; shift; growth: what medians and filters work on.
    package var numbers: [Float] {
        let vector = turn.vector
        return [vector.x, vector.y, vector.z, shift.x, shift.y, shift.z, growth].map { Float($0) }
    }

    /// - Precondition: seven numbers, as ``numbers`` has them.
    package init(numbers: [Float]) {
        let n = numbers.map { Double($0) }
        (shift, growth) = (SIMD3(n[3], n[4], n[5]), n[6])
        turn = Rotation(vector: SIMD3(n[0], n[1], n[2]))
    }

    /// This motion as it is seen from another one; undone by ``following(_:)``.
    package func since(_ other: HeadMotion) -> HeadMotion {
        var result = HeadMotion()
        result.turn = turn * other.turn.inverse
        (result.shift, result.growth) = (shift - other.shift, growth - other.growth)
        return result
    }

    /// This motion on top of another one.
    package func following(_ other: HeadMotion) -> HeadMotion {
        var result = HeadMotion()
        result.turn = turn * other.turn
        (result.shift, result.growth) = (shift + other.shift, growth + other.growth)
        return result
    }

    /// As much of it: 0 is none, 2 is twice the angle and twice the way.
    package func scaled(by strength: Float) -> HeadMotion {
        HeadMotion(numbers: numbers.map { $0 * strength })
    }

    /// On the way to another motion: 0 is this one, 1 the other.
    package func blended(with other: HeadMotion, _ share: Float) -> HeadMotion {
        other.since(self).scaled(by: share).following(self)
    }
}
