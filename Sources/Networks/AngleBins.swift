import Glibc

/// An angle as the motion extractor gives it: a score for each of 66 bins of three degrees.
package enum AngleBins {
    /// The mean angle, in degrees, under the softmax of the scores.
    package static func degrees(_ scores: some Collection<Float>) -> Float {
        let highest = Double(scores.max() ?? 0)
        var sum = 0.0, weighted = 0.0
        for (bin, score) in scores.enumerated() {
            let weight = exp(Double(score) - highest)
            sum += weight
            weighted += weight * Double(bin)
        }
        // Bins are three degrees wide and bin 0 stands for -97.5 (Hopenet's convention).
        return Float(3 * weighted / sum - 97.5)
    }
}
