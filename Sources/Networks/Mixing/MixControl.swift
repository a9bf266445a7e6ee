/// A part of the face whose motion has a strength of its own.
package enum FaceRegion: String, CaseIterable, Sendable {
    case mouth, eyes, brows
}

/// What is to be done with a driver's motion. All of it may change between two frames.
package struct MixControl: Sendable, Equatable {
    /// How much of the head's motion is kept: 0 none, 1 all, 2 twice as much.
    package var pose: Float = 1
    /// The same for what each region does, on top of ``expression``.
    package var regions: [FaceRegion: Float] = [:]
    /// The same for all of the face.
    package var expression: Float = 1
    /// Whether the head's pose counts from the driver's neutral, so that this is the portrait's own.
    package var isRelative = false
    /// 0 is the first driver, 1 the second.
    package var blend: Float = 0
    /// Hertz below which slow motion passes (the 1 € filter's least cutoff); 0 filters nothing.
    package var cutoff: Float = 0
    /// By how many hertz the cutoff rises for each unit a second.
    package var slope: Float = 4
    /// By which factor a head may be larger or smaller than at its neutral.
    package var scaleLimit: Float = 4
    /// Which calibration is asked for: 0 none; another number than before begins one.
    package var calibration = 0
    /// How long one takes, seconds.
    package var calibrationTime = 3.0

    package init() {}

    package func strength(of region: FaceRegion) -> Float { regions[region] ?? 1 }

    /// Whether what the face expresses stays as it is, but for calibration.
    var keepsExpression: Bool {
        expression == 1 && FaceRegion.allCases.allSatisfy { strength(of: $0) == 1 }
    }
}
