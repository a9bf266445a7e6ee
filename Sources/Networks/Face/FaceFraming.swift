import Glibc

/// How a model wants a face to lie in its picture.
package struct FaceFraming: Sendable, Equatable {
    /// For one of the two ends.
    package struct Part: Sendable, Equatable {
        /// Sides of the picture by sides of the face (``Face/measure``).
        package var scale: Float
        /// By how much of the picture's side its middle is above the face's.
        package var lift: Float
        /// Whether the picture is turned until the eyes are level.
        package var isLevelled: Bool

        /// The square of the picture that is to be cut out.
        package func region(of face: Face.Region) -> Face.Region {
            let side = scale * face.side, radians = isLevelled ? face.radians : 0
            let up = SIMD2<Float>(sin(radians), -cos(radians))
            return Face.Region(
                center: face.center + up * (lift * side), side: side, radians: radians)
        }
    }

    package var portrait, driver: Part

    package init(portrait: (scale: Float, lift: Float), driver: (scale: Float, lift: Float)) {
        self.portrait = Part(scale: portrait.scale, lift: portrait.lift, isLevelled: true)
        // A driver who tilts his head is to be followed, not levelled.
        self.driver = Part(scale: driver.scale, lift: driver.lift, isLevelled: false)
    }

    /// What the published motion extractor was trained with (LivePortrait, src/config/crop_config.py:
    /// `scale`, `vy_ratio`, `scale_crop_driving_video`, `vy_ratio_crop_driving_video`).
    package static let livePortrait = FaceFraming(portrait: (2.3, 0.125), driver: (2.2, 0.1))
}
