import Networks
import NodeKit

/// The settings of nodes that change how strongly a face follows its driver: all of them live.
enum MixerSettings {
    static let pose = strength("pose", "how much of the head's motion is kept: 0 none, 1 all, 2 twice")
    static let expression = strength("expression", "how much of what the whole face does is kept")
    static let mouth = strength("mouth", "how much of what the mouth does is kept, on top of 'expression'")
    static let eyes = strength("eyes", "the same for lids and gaze")
    static let brows = strength("brows", "the same for the brows")
    static let mutesPose = mute("pose")
    static let mutesMouth = mute("mouth")
    static let mutesEyes = mute("eyes")
    static let mutesBrows = mute("brows")
    static let calibration = Setting(
        "calibration", Int.self, type: .integer(0...1_000_000), default: 0,
        "0 takes the driver as it is; each other number begins a calibration: the driver's median over "
            + "'calibration-time' becomes the neutral from which strengths count"
    ).live()
    static let calibrationTime = Setting(
        "calibration-time", Double.self, type: .number(0.1...10), default: 3, unit: "s",
        "how long a calibration looks"
    ).live()
    static let blend = Setting(
        "blend", Double.self, type: .number(0...1), default: 0,
        "0 is the first driver, 1 the second, between them a mixture"
    ).live()
    static let smoothing = Setting(
        "smoothing", Double.self, type: .number(0...30), default: 0, unit: "Hz",
        "a One-Euro filter's cutoff while little moves: 0 filters nothing, 1 much, 10 little"
    ).live()
    static let slope = Setting(
        "smoothing-slope", Double.self, type: .number(0...100), default: 4,
        "by how many Hz the cutoff rises for each unit a second: quick motion is not held up"
    ).live()

    static let all: [any SettingDescribing] = [
        pose, mouth, eyes, brows, expression, mutesPose, mutesMouth, mutesEyes, mutesBrows,
        calibration, calibrationTime, blend, smoothing, slope,
    ]

    private static func strength(_ name: String, _ summary: String) -> Setting<Double> {
        Setting(name, Double.self, type: .number(0...2), default: 1, summary).live()
    }

    private static func mute(_ name: String) -> Setting<Bool> {
        Setting(
            "mute-\(name)", Bool.self, default: false, "as '\(name): 0', without losing its strength"
        ).live()
    }

    /// What the settings ask for.
    static func control(_ settings: Settings) -> MixControl {
        func strength(_ setting: Setting<Double>, _ mute: Setting<Bool>) -> Float {
            settings[mute] ? 0 : Float(settings[setting])
        }
        var control = MixControl()
        control.pose = strength(pose, mutesPose)
        control.regions = [
            .mouth: strength(mouth, mutesMouth), .eyes: strength(eyes, mutesEyes),
            .brows: strength(brows, mutesBrows),
        ]
        control.expression = Float(settings[expression])
        control.calibration = settings[calibration]
        control.calibrationTime = settings[calibrationTime]
        control.blend = Float(settings[blend])
        (control.cutoff, control.slope) = (Float(settings[smoothing]), Float(settings[slope]))
        return control
    }

    /// What a person is told of a calibration that has ended.
    static func words(_ calibration: NeutralCalibration, _ control: MixControl) -> String {
        "calibration \(control.calibration): the neutral is the median of \(calibration.frames) frames"
    }
}

extension StateWriter {
    mutating func write(_ calibration: NeutralCalibration) {
        write(calibration.counts)
        write([calibration.start])
        calibration.rows.forEach { write($0) }
    }

    mutating func write(points: [SIMD3<Float>]) { write(points.coordinates) }
}

extension StateReader {
    mutating func calibration() -> NeutralCalibration {
        let counts = numbers(), start = doubles()[0]
        let rows = (0..<counts[2] + 1).map { _ in floats() }
        return NeutralCalibration(counts: counts, start: start, rows: rows)
    }

    mutating func points() -> [SIMD3<Float>] { Array(coordinates: floats()[...]) }
}
