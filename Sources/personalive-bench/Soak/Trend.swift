import Glibc

/// Whether a figure that was looked at again and again grows: the line through it, and how sure it is.
///
/// Neighbouring samples resemble each other (a process that was just replaced is small for a while),
/// so that thousands of them would make a line look surer than it is. Means of ``blocks`` equal
/// stretches of time are nearly independent; the line goes through those.
struct Trend: Sendable, Equatable {
    /// Over all samples.
    let mean: Double
    /// Growth in an hour, and the half-width of its 95 % interval.
    let perHour: Double
    let uncertainty: Double

    /// Enough for a line's scatter to be known, few enough for a block to hold several disturbances.
    static let blocks = 20
    /// Student's t for 95 % and 18 degrees of freedom.
    private static let quantile = 2.101

    /// Nil when the samples do not fill the blocks.
    ///
    /// - Parameter samples: seconds, ascending, and the figure then.
    init?(_ samples: [(time: Double, value: Double)]) {
        guard let first = samples.first?.time, let last = samples.last?.time, last > first else {
            return nil
        }
        let length = (last - first) / Double(Self.blocks)
        let groups = Dictionary(grouping: samples) {
            min(Int(($0.time - first) / length), Self.blocks - 1)
        }
        guard groups.count == Self.blocks else { return nil }
        let points = groups.values.map { group in
            (x: Self.mean(group.map(\.time)), y: Self.mean(group.map(\.value)))
        }
        let (x, y) = (Self.mean(points.map(\.x)), Self.mean(points.map(\.y)))
        let spread = points.reduce(0) { $0 + ($1.x - x) * ($1.x - x) }
        let slope = points.reduce(0) { $0 + ($1.x - x) * ($1.y - y) } / spread
        let rest = points.reduce(0) { sum, point in
            let off = point.y - y - slope * (point.x - x)
            return sum + off * off
        }
        mean = Self.mean(samples.map(\.value))
        perHour = slope * 3600
        uncertainty = Self.quantile * sqrt(rest / Double(Self.blocks - 2) / spread) * 3600
    }

    private static func mean(_ values: [Double]) -> Double {
        values.reduce(0, +) / Double(values.count)
    }

    /// Whether it is not shown to grow, or by less in an hour than `resolution`. What falls has
    /// nothing to fear either.
    func isFlat(resolution: Double) -> Bool {
        perHour - uncertainty <= 0 || perHour < resolution
    }
}
