import Foundation
import Networks
import Testing

@Suite struct HeadMotionTests {
    /// Points that lie in no plane.
    static let cloud: [SIMD3<Float>] = (0..<21).map { index in
        let t = Float(index)
        return SIMD3(sin(t) * 0.3, cos(1.7 * t) * 0.4, sin(0.6 * t + 1) * 0.2)
    }

    static func far(_ a: [SIMD3<Float>], _ b: [SIMD3<Float>]) -> Float {
        zip(a, b).map { way in ((way.0 - way.1) * (way.0 - way.1)).sum().squareRoot() }.max() ?? 0
    }

    private static func motion(_ numbers: [Float]) -> HeadMotion { HeadMotion(numbers: numbers) }

    @Test(arguments: [
        [0, 0, 0, 0, 0, 0, 0], [0.4, 0, 0, 0, 0, 0, 0], [0, -0.5, 0.1, 0.2, -0.1, 0, 0.3],
        [1.5, 1, -0.7, 0, 0, 0.4, -0.6], [0, 3.1, 0, 0, 0, 0, 0],
    ] as [[Float]])
    func `a motion is found again from the points that it moved`(numbers: [Float]) {
        let moved = Self.motion(numbers)(Self.cloud)

        let found = HeadMotion(from: Self.cloud, to: moved)

        #expect(zip(found.numbers, numbers).allSatisfy { abs($0 - $1) < 1e-5 }, "\(found.numbers)")
        #expect(Self.far(found(Self.cloud), moved) < 1e-6)
        let middle = PointFit.middle(of: Self.cloud)
        #expect(Self.far(found.undone(moved, about: middle), Self.cloud) < 1e-6)
    }

    @Test func `half a turn is found, about whatever axis`() {
        let found = HeadMotion(from: Self.cloud, to: Self.cloud.map { SIMD3(-$0.x, $0.y, -$0.z) })

        #expect(abs(abs(found.numbers[1]) - .pi) < 1e-5, "\(found.numbers)")
    }

    @Test func `half of a motion done twice about an axis is the whole`() {
        let whole = Self.motion([0, 0.8, 0, 0.2, 0, 0, 0.1])
        let half = whole.scaled(by: 0.5)

        #expect(zip(half.following(half).numbers, whole.numbers).allSatisfy { abs($0 - $1) < 1e-6 })
        #expect(whole.scaled(by: 0) == HeadMotion())
    }

    @Test func `a motion seen from another, on top of that, is itself again`() {
        let a = Self.motion([0.3, -0.5, 0.1, 0.2, -0.1, 0, 0.3])
        let b = Self.motion([-0.2, 0.1, 0.6, 0, 0.3, 0, -0.1])

        let again = a.since(b).following(b)

        #expect(zip(again.numbers, a.numbers).allSatisfy { abs($0 - $1) < 1e-6 })
        #expect(zip(a.blended(with: b, 1).numbers, b.numbers).allSatisfy { abs($0 - $1) < 1e-6 })
        #expect(zip(a.blended(with: b, 0).numbers, a.numbers).allSatisfy { abs($0 - $1) < 1e-6 })
    }

    @Test func `points without any extent are only moved`() {
        let one = [SIMD3<Float>(0.1, 0.2, 0.3)]

        let found = HeadMotion(from: one, to: [SIMD3(0.3, 0.2, 0.3)])

        #expect(zip(found.numbers, [0, 0, 0, 0.2, 0, 0, 0]).allSatisfy { abs($0 - $1) < 1e-6 })
    }
}
