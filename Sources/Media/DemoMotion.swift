import Glibc
import Kernels

/// How the person in the driving film moves and speaks.
enum DemoMotion {
    /// Something said: when it starts and how long it takes (seconds), how far the mouth opens and
    /// how wide it gets (both -1...1), and the vowel's first three formants (Hz).
    struct Syllable {
        var start, length, open, wide: Double
        var formants: (Double, Double, Double)
    }

    // Formants of a man's vowels, rounded: Peterson and Barney, 1952, table II.
    private static let ah = (730.0, 1090.0, 2440.0), ee = (270.0, 2290.0, 3010.0)
    private static let oo = (300.0, 870.0, 2240.0), eh = (530.0, 1840.0, 2480.0)
    private static let oh = (570.0, 840.0, 2410.0)

    static let syllables = [
        Syllable(start: 0.35, length: 0.22, open: 0.50, wide: 0.4, formants: eh),
        Syllable(start: 0.58, length: 0.34, open: 0.65, wide: -0.5, formants: oh),
        Syllable(start: 1.15, length: 0.20, open: 0.85, wide: 0.1, formants: ah),
        Syllable(start: 1.37, length: 0.18, open: 0.30, wide: 0.8, formants: ee),
        Syllable(start: 1.58, length: 0.30, open: 0.95, wide: 0.1, formants: ah),
        Syllable(start: 2.10, length: 0.20, open: 0.28, wide: -0.7, formants: oo),
        Syllable(start: 2.32, length: 0.20, open: 0.55, wide: 0.5, formants: eh),
        Syllable(start: 2.54, length: 0.38, open: 0.75, wide: -0.4, formants: oh),
        Syllable(start: 3.20, length: 0.18, open: 0.32, wide: 0.9, formants: ee),
        Syllable(start: 3.40, length: 0.22, open: 0.80, wide: 0.2, formants: ah),
        Syllable(start: 3.64, length: 0.40, open: 0.30, wide: -0.6, formants: oo),
    ]

    private static let blinks = [0.75, 1.95, 2.12, 3.45]

    /// How far a syllable has come at a moment, as a soft bump from 0 over 1 to 0.
    static func weight(of syllable: Syllable, at time: Double) -> Double {
        let t = (time - syllable.start) / syllable.length
        guard t > 0, t < 1 else { return 0 }
        let s = sin(.pi * t)
        return s * (1.6 - 0.6 * s)
    }

    /// The pose at a moment, in seconds.
    static func pose(at time: Double) -> portrait_pose {
        var pose = portrait_pose()
        let turn = 2 * Double.pi * time
        pose.yaw = Float(0.36 * sin(turn / 3.6) + 0.05 * sin(turn / 1.1))
        pose.pitch = Float(0.12 * sin(turn / 2.3 + 0.6) - 0.02)
        pose.roll = Float(0.11 * sin(turn / 4.1 + 1.2) - 0.06)
        pose.x = Float(0.10 * sin(turn / 3.6 - 0.3))
        pose.y = Float(0.035 * sin(turn / 1.9))
        for syllable in syllables {
            let weight = weight(of: syllable, at: time)
            pose.mouth_open += Float(weight * syllable.open)
            pose.mouth_wide += Float(weight * syllable.wide)
            pose.brows += Float(0.5 * weight * max(syllable.open - 0.6, 0) * 3)
        }
        for blink in blinks {
            let distance = abs(time - blink) / 0.12
            if distance < 1 { pose.blink = max(pose.blink, Float(1 - distance * distance)) }
        }
        // The eyes stay near the camera while the head turns.
        pose.gaze_x = -0.6 * pose.yaw
        pose.gaze_y = -0.5 * pose.pitch
        return pose
    }
}
