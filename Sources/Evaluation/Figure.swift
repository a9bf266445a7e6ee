import Foundation

/// One figure of an evaluation, with its interval and its controls.
package struct Figure: Sendable, Encodable {
    /// Which values are good ones.
    package enum Better: String, Sendable, Encodable {
        case higher, lower
        /// As near to 1 as possible.
        case one
    }

    /// What the same figure is for films that do not animate anything.
    package struct Controls: Sendable, Encodable {
        /// The portrait as every frame.
        package var copiedPortrait: Double?
        /// The result's frames in an order that has nothing to do with the driver.
        package var shuffledDriver: Double?
        /// The driver's own film in place of the result.
        package var driverItself: Double?
    }

    /// As in the JSON.
    package var name: String
    package var title: String
    /// Empty for a number without one.
    package var unit: String
    package var better: Better
    /// nil where it cannot be told; not finite where nothing differs.
    package var value: Double?
    /// 95 %.
    package var low: Double?
    package var high: Double?
    /// Over how many frames it is.
    package var frames: Int
    package var controls: Controls
    /// What it says, in a sentence.
    package var meaning: String

    init(
        _ name: String, _ title: String, unit: String = "", _ better: Better, _ value: Double?,
        _ interval: ClosedRange<Double>?, frames: Int, controls: Controls = Controls(),
        meaning: String
    ) {
        (self.name, self.title, self.unit, self.better) = (name, title, unit, better)
        (self.value, low, high) = (value, interval?.lowerBound, interval?.upperBound)
        (self.frames, self.controls, self.meaning) = (frames, controls, meaning)
    }

    private enum CodingKeys: String, CodingKey {
        case name, title, unit, better, value, low, high, frames, controls
    }

    package func encode(to encoder: any Encoder) throws {
        var box = encoder.container(keyedBy: CodingKeys.self)
        try box.encode(name, forKey: .name)
        try box.encode(title, forKey: .title)
        try box.encode(unit, forKey: .unit)
        try box.encode(better, forKey: .better)
        // JSON has no infinity: where nothing differs, PSNR is null.
        for (key, number) in [(CodingKeys.value, value), (.low, low), (.high, high)] {
            try box.encode(Self.finite(number), forKey: key)
        }
        try box.encode(frames, forKey: .frames)
        try box.encode(
            Controls(
                copiedPortrait: Self.finite(controls.copiedPortrait),
                shuffledDriver: Self.finite(controls.shuffledDriver),
                driverItself: Self.finite(controls.driverItself)), forKey: .controls)
    }

    private static func finite(_ number: Double?) -> Double? {
        number.flatMap { $0.isFinite ? $0 : nil }
    }

    /// A number as people read it.
    package func text(_ number: Double?) -> String {
        guard let number else { return "–" }
        guard number.isFinite else { return "identical" }
        let digits = number.magnitude >= 10 ? 1 : number.magnitude >= 1 ? 2 : 3
        return String(format: "%.\(digits)f", number)
    }
}
