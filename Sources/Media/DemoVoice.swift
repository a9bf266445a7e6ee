import Glibc

/// A voice for the driving film: pulses through three resonances, as loud as the mouth is open.
enum DemoVoice {
    static let sampleRate = 48_000
    /// Brings the loudest vowel to about a third of full scale.
    private static let level = 400.0

    /// A resonance of the mouth: a filter with two poles.
    private struct Resonance {
        private var before = 0.0, twoBefore = 0.0

        mutating func filter(_ input: Double, frequency: Double, bandwidth: Double) -> Double {
            let radius = exp(-.pi * bandwidth / Double(sampleRate))
            let b = 2 * radius * cos(2 * .pi * frequency / Double(sampleRate))
            let output = (1 - radius) * input + b * before - radius * radius * twoBefore
            twoBefore = before
            before = output
            return output
        }
    }

    /// The whole speech, from 0 to `seconds`.
    static func samples(seconds: Double) -> [Int16] {
        var resonances = [Resonance(), Resonance(), Resonance()]
        var phase = 0.0
        var noise: UInt32 = 1
        return (0..<Int(seconds * Double(sampleRate))).map { index in
            let time = Double(index) / Double(sampleRate)
            guard let (syllable, loudness) = spoken(at: time) else {
                return Int16(level * filter(0, (500, 1500, 2500), &resonances))
            }
            let pitch = 118 + 22 * sin(time * 2.1) + 14 * loudness
            phase = (phase + pitch / Double(sampleRate)).truncatingRemainder(dividingBy: 1)
            noise = noise &* 1_664_525 &+ 1_013_904_223
            let breath = Double(noise >> 8) / Double(1 << 24) - 0.5
            let source = (pulse(phase) + 0.03 * breath) * loudness
            let voice = filter(source, syllable.formants, &resonances)
            return Int16(max(-30_000, min(30_000, level * voice)))
        }
    }

    /// What is being said, and how loud.
    private static func spoken(at time: Double) -> (DemoMotion.Syllable, Double)? {
        let spoken = DemoMotion.syllables.map { ($0, DemoMotion.weight(of: $0, at: time)) }
            .max { $0.1 < $1.1 }!
        return spoken.1 > 0 ? (spoken.0, spoken.1 * (0.5 + 0.5 * spoken.0.open)) : nil
    }

    /// The air that the vocal folds let through (Rosenberg, 1971), less its mean.
    private static func pulse(_ phase: Double) -> Double {
        let opening = 0.4, closing = 0.16
        if phase < opening { return 0.5 * (1 - cos(.pi * phase / opening)) - 0.28 }
        if phase < opening + closing { return cos(0.5 * .pi * (phase - opening) / closing) - 0.28 }
        return -0.28
    }

    private static func filter(
        _ source: Double, _ formants: (Double, Double, Double), _ resonances: inout [Resonance]
    ) -> Double {
        12 * resonances[0].filter(source, frequency: formants.0, bandwidth: 70)
            + 7 * resonances[1].filter(source, frequency: formants.1, bandwidth: 90)
            + 3 * resonances[2].filter(source, frequency: formants.2, bandwidth: 130)
    }
}
