import Networks
import Testing

/// Where a face is cut out: values only.
@Suite struct FaceRegionTests {
    private let framing = FaceFraming(portrait: (2, 0.1), driver: (2.5, 0.2))

    @Test func `a portrait is levelled and a driver is not`() {
        let face = Face.Region(center: SIMD2(100, 100), side: 40, radians: .pi / 2)
        let portrait = framing.portrait.region(of: face), driver = framing.driver.region(of: face)

        // Turned by a right angle, "up" is to the right.
        #expect(portrait.side == 80 && portrait.radians == face.radians)
        #expect(abs(portrait.center.x - 108) < 1e-3 && abs(portrait.center.y - 100) < 1e-3)
        #expect(driver == Face.Region(center: SIMD2(100, 80), side: 100, radians: 0))
    }

    @Test func `the published model has LivePortrait's framing, and the small one its own`() {
        #expect(ModelConfiguration.full.framing == .livePortrait)
        #expect(ModelConfiguration.small.framing.driver.scale == 2.17)
    }

    private func region(_ x: Float, _ y: Float = 100, side: Float = 200) -> Face.Region {
        Face.Region(center: SIMD2(x, y), side: side)
    }

    @Test func `a square holds a smaller one whose middle is in it, turned as it is`() {
        let square = Face.Region(center: SIMD2(100, 100), side: 100, radians: .pi / 4)
        func small(_ x: Float, _ y: Float, side: Float = 20) -> Face.Region {
            Face.Region(center: SIMD2(x, y), side: side)
        }

        // Its corners are to the right and above, its sides' middles 50 away along the diagonals.
        #expect(square.holds(small(168, 100)) && square.holds(small(100, 32)))
        #expect(!square.holds(small(172, 100)) && !square.holds(small(140, 140)))
        #expect(!square.holds(small(100, 100, side: 100)))
    }

    @Test func `the box stands while the head moves inside it`() {
        var steady = SteadyRegion(region(100), at: 0)
        for frame in 1...100 {
            let x = 100 + 15 * Float((frame % 10) - 5) / 5
            steady.follow(region(x, side: 200 + Float(frame % 3) * 10), at: Double(frame) / 25)
        }

        #expect(steady.region == region(100))
    }

    @Test func `the box follows a head that leaves, smoothly and never further than the head`() {
        var steady = SteadyRegion(region(100), at: 0), before: Float = 100
        for frame in 1...200 {
            let head: Float = frame < 20 ? 100 : 400
            steady.follow(region(head), at: Double(frame) / 25)
            let now = steady.region.center.x

            #expect(now >= before && now <= head)
            before = now
        }
        #expect(abs(before - 400) < 5)
    }

    @Test func `a head that comes nearer makes the box larger`() {
        var steady = SteadyRegion(region(100), at: 0)
        for frame in 1...100 {
            steady.follow(region(100, side: 400), at: Double(frame) / 25)
        }

        #expect((390...400).contains(steady.region.side))
    }

    @Test func `a clock that stands or goes back moves nothing, and after a second nothing is smoothed`() {
        for (time, x) in [(0.0, 100), (-3, 100), (5_000, 400)] as [(Double, Float)] {
            var steady = SteadyRegion(region(100), at: 0)
            steady.follow(region(400), at: time)

            #expect(steady.region.center.x == x)
        }
    }

    @Test func `the head is in its place up to a tenth of the box and a fifth of its size`() {
        let steady = SteadyRegion(region(100), at: 0)

        #expect(steady.holds(region(119)) && !steady.holds(region(121)))
        #expect(steady.holds(region(100, side: 239)) && !steady.holds(region(100, side: 241)))
        #expect(steady.holds(region(100, side: 168)) && !steady.holds(region(100, side: 166)))
    }

    @Test func `a successor goes on from its numbers`() throws {
        var one = SteadyRegion(region(100), at: 0)
        for frame in 1...30 { one.follow(region(100 + Float(9 * frame)), at: Double(frame) / 25) }
        var other = try #require(SteadyRegion(numbers: one.numbers))
        one.follow(region(500), at: 1.3)
        other.follow(region(500), at: 1.3)

        #expect(one == other)
        #expect(SteadyRegion(numbers: [1, 2]) == nil)
    }
}
