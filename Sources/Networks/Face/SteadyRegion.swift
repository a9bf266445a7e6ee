/// Where a driver's head is cut out: a box that stands still while the head moves inside it, and moves
/// smoothly to where the head is when it leaves its place.
///
/// What the head does inside the box is the motion that the portrait takes on, so the box must not undo
/// it. It never goes further than the head went.
package struct SteadyRegion: Sendable, Equatable {
    /// The box as it is now; turns are not followed.
    package private(set) var region: Face.Region
    /// Whether it is on its way to the head.
    private var isMoving = false
    private var x, y, side: OneEuro

    /// By how much of the box's side the head may be off its place, and by which part larger or smaller,
    /// before the box moves; and how near it then comes.
    private static let slack: Float = 0.1, sizeSlack: Float = 0.2, nearness: Float = 0.02

    /// - Parameters:
    ///   - wanted: where the model wants the box for the head's first place.
    ///   - time: seconds.
    package init(_ wanted: Face.Region, at time: Double) {
        region = Face.Region(center: wanted.center, side: wanted.side)
        x = OneEuro(wanted.center.x, at: time)
        y = OneEuro(wanted.center.y, at: time)
        side = OneEuro(wanted.side, at: time)
    }

    /// Whether the head is in its place, near enough for the box to stand.
    package func holds(_ wanted: Face.Region) -> Bool { isNear(wanted, Self.slack, Self.sizeSlack) }

    private func isNear(_ wanted: Face.Region, _ slack: Float, _ sizeSlack: Float) -> Bool {
        let off = wanted.center - region.center, room = slack * region.side
        let ratio = wanted.side / region.side
        return max(off.x.magnitude, off.y.magnitude) <= room
            && (1 / (1 + sizeSlack)...1 + sizeSlack).contains(ratio)
    }

    /// Takes the head's next place, as the box that would fit it best.
    package mutating func follow(_ wanted: Face.Region, at time: Double) {
        isMoving = isMoving ? !isNear(wanted, Self.nearness, Self.nearness) : !holds(wanted)
        let goal = isMoving ? wanted : region
        // A unit that goes with the box: what is fast depends on how large the head is.
        region.center = SIMD2(
            x.filter(goal.center.x, at: time, unit: region.side),
            y.filter(goal.center.y, at: time, unit: region.side))
        region.side = side.filter(goal.side, at: time, unit: region.side)
    }

    /// What it remembers, for a successor.
    package var numbers: [Double] {
        [
            Double(region.center.x), Double(region.center.y), Double(region.side), isMoving ? 1 : 0,
        ] + [x, y, side].flatMap(\.numbers)
    }

    package init?(numbers: [Double]) {
        guard numbers.count == 13 else { return nil }
        region = Face.Region(
            center: SIMD2(Float(numbers[0]), Float(numbers[1])), side: Float(numbers[2]))
        isMoving = numbers[3] != 0
        x = OneEuro(numbers: numbers[4..<7])
        y = OneEuro(numbers: numbers[7..<10])
        side = OneEuro(numbers: numbers[10..<13])
    }
}

/// The 1 € filter (Casiez, Roussel and Vogel, CHI 2012): smooth when slow, quick when fast. What comes
/// out lies between what came out before and what goes in.
struct OneEuro: Sendable, Equatable {
    private var value: Float
    private var speed: Float = 0
    private var time: Double

    /// Hertz below which motion passes when it is slow; how much faster it may follow for each unit a
    /// second; and for the speed itself.
    static let leastCutoff: Float = 0.8, slope: Float = 4
    private static let speedCutoff: Float = 1
    /// What is as large, or no number, is passed over.
    private static let tooLarge: Float = 1e6

    init(_ value: Float, at time: Double) { (self.value, self.time) = (value, time) }

    /// - Parameters:
    ///   - unit: what a speed is measured in.
    ///   - cutoff: hertz below which motion passes when it is slow.
    ///   - slope: by how many hertz that rises for each unit a second.
    mutating func filter(
        _ new: Float, at now: Double, unit: Float, cutoff: Float = Self.leastCutoff,
        slope: Float = Self.slope
    ) -> Float {
        guard new.magnitude < Self.tooLarge else { return value }
        let step = Float(now - time)
        guard step > 0, unit > 0 else {
            // A clock that stands or goes back says nothing of what came between.
            if step < 0 { (time, speed) = (now, 0) }
            return value
        }
        guard step < 1, value.magnitude < Self.tooLarge else {
            // After so long a time, or from such a value, there is nothing to be smooth with.
            (value, speed, time) = (new, 0, now)
            return value
        }
        let change = (new - value) / unit / step
        speed += Self.share(Self.speedCutoff, step) * (change - speed)
        value += Self.share(cutoff + slope * speed.magnitude, step) * (new - value)
        time = now
        return value
    }

    /// How much of the way is gone in one step.
    private static func share(_ cutoff: Float, _ step: Float) -> Float {
        let rate = 2 * Float.pi * cutoff * step
        return rate / (rate + 1)
    }

    var numbers: [Double] { [Double(value), Double(speed), time] }

    init(numbers: ArraySlice<Double>) {
        let all = Array(numbers)
        (value, speed, time) = (Float(all[0]), Float(all[1]), all[2])
    }
}
