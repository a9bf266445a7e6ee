import Layers

extension PictureMap {
    /// The turn, scale and shift with the least squares that lead some points to others; nil where the points
    /// lie in one place.
    ///
    /// - Precondition: as many points in both.
    package init?(from points: [SIMD2<Float>], to targets: [SIMD2<Float>]) {
        precondition(points.count == targets.count)
        let count = Float(max(points.count, 1))
        let middle = points.reduce(SIMD2(), +) / count, goal = targets.reduce(SIMD2(), +) / count
        var (along, across, spread) = (Float(0), Float(0), Float(0))
        for (point, target) in zip(points, targets) {
            let p = point - middle, t = target - goal
            along += (p * t).sum()
            across += p.x * t.y - p.y * t.x
            spread += (p * p).sum()
        }
        guard spread > 1e-9 else { return nil }
        let (c, s) = (along / spread, across / spread)
        self.init(
            xx: c, xy: -s, x0: goal.x - c * middle.x + s * middle.y, yx: s, yy: c,
            y0: goal.y - s * middle.x - c * middle.y)
    }
}
