/// Finds a driver's neutral: the median of what was seen in some seconds, number by number.
package struct NeutralCalibration: Sendable, Equatable {
    /// What was found; nil before, and where none is asked for.
    package private(set) var neutral: [Float]?
    /// How many frames it is the median of.
    package private(set) var frames = 0
    /// The calibration that is being made, or was made last.
    private var number = 0
    private var began: Double?
    private var samples: [[Float]] = []

    /// More are not kept: ten seconds of thirty frames.
    private static let mostSamples = 300

    package init() {}

    /// Takes the next frame's numbers.
    ///
    /// - Parameter time: when the frame is shown, seconds.
    /// - Returns: whether the neutral has just been found.
    package mutating func add(_ sample: [Float], _ control: MixControl, at time: Double) -> Bool {
        if control.calibration != number {
            number = control.calibration
            (began, samples) = (number == 0 ? nil : time, [])
            if number == 0 { neutral = nil }
        }
        guard let start = began else { return false }
        // A stream that began anew, or another face.
        if time < start || samples.last.map({ $0.count != sample.count }) ?? false {
            (began, samples) = (time, [])
        }
        samples.append(sample)
        let isLong = time - began! >= control.calibrationTime
        guard isLong || samples.count >= Self.mostSamples else { return false }
        neutral = Self.median(of: samples)
        (frames, began, samples) = (samples.count, nil, [])
        return true
    }

    private static func median(of samples: [[Float]]) -> [Float] {
        samples[0].indices.map { index in
            let column = samples.map { $0[index] }.sorted()
            let half = column.count / 2
            return column.count % 2 == 1 ? column[half] : (column[half - 1] + column[half]) / 2
        }
    }

    // MARK: For a successor

    /// Which calibration, how many frames, how many samples; when it began, or less than 0.
    package var counts: [Int] { [number, frames, samples.count, began == nil ? 0 : 1] }
    package var start: Double { began ?? 0 }
    /// The neutral and the samples, one after the other.
    package var rows: [[Float]] { [neutral ?? []] + samples }

    package init(counts: [Int], start: Double, rows: [[Float]]) {
        (number, frames) = (counts[0], counts[1])
        began = counts[3] == 0 ? nil : start
        neutral = rows[0].isEmpty ? nil : rows[0]
        samples = Array(rows.dropFirst())
    }
}
