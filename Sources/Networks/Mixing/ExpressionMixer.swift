/// Changes how strongly a portrait's face follows the driver's, by the motion tokens.
package struct ExpressionMixer: Sendable {
    /// Nil where the weights have none: then ``MixControl/expression`` alone acts.
    package let regions: MotionRegions?
    /// The portrait's own tokens: where every strength of 0 leads.
    package private(set) var rest: [Float] = []
    package var calibration = NeutralCalibration()
    package var smoother = MotionSmoother()

    package init(_ regions: MotionRegions?, rest: [Float] = []) {
        (self.regions, self.rest) = (regions, rest)
    }

    /// - Parameters:
    ///   - rows: tokens of one frame, all their numbers in a row; the first frame's lead from the
    ///     portrait's to it.
    ///   - others: a second driver's of the same frame.
    ///   - portrait: the portrait's own; nil if they are those that the first frame's lead from.
    ///   - time: when the frame is shown, seconds.
    /// - Returns: nil where nothing is to be changed; whether a calibration has just ended.
    package mutating func mix(
        _ rows: [[Float]], with others: [[Float]]?, portrait: [Float]? = nil, _ control: MixControl,
        at time: Double
    ) -> (rows: [[Float]]?, isCalibrated: Bool) {
        guard let last = rows.last else { return (nil, false) }
        if let portrait, portrait.count == last.count {
            rest = portrait
        } else if rows.count > 1 || rest.count != last.count {
            rest = rows[0]
        }
        let blended = rows.enumerated().map { index, row in
            guard let others, control.blend > 0 else { return row }
            let other = others[max(others.count - rows.count + index, 0)]
            return other.count == row.count
                ? zip(row, other).map { $0 + control.blend * ($1 - $0) } : row
        }
        let isCalibrated = calibration.add(blended.last!, control, at: time)
        let blends = others != nil && control.blend > 0
        guard !control.keepsExpression || calibration.neutral != nil || blends || control.cutoff > 0
        else {
            smoother = MotionSmoother()
            return (nil, isCalibrated)
        }
        var mixed = blended.map { scaled($0, control) }
        mixed[mixed.count - 1] = smoother.filter(mixed[mixed.count - 1], control, at: time)
        return (mixed, isCalibrated)
    }

    /// A region goes as far from the portrait's own face as the driver's went from its neutral, times
    /// the strength.
    private func scaled(_ row: [Float], _ control: MixControl) -> [Float] {
        let neutral = calibration.neutral ?? rest
        var row = row
        if let regions {
            let seen = row
            for direction in regions.directions {
                let strength = control.strength(of: direction.region)
                if strength == 1, calibration.neutral == nil { continue }
                let read = { (row: [Float]) in zip(row, direction.read).reduce(0) { $0 + $1.0 * $1.1 } }
                let now = read(seen)
                let change = read(rest) + strength * (now - read(neutral)) - now
                for index in row.indices { row[index] += change * direction.write[index] }
            }
        } else if calibration.neutral != nil {
            for index in row.indices { row[index] += rest[index] - neutral[index] }
        }
        if control.expression != 1 {
            for index in row.indices {
                row[index] = rest[index] + control.expression * (row[index] - rest[index])
            }
        }
        return row
    }
}
