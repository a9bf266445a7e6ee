import Layers
import Tensors

/// The portrait as each network wants it.
///
/// The picture is squeezed into a square: its aspect ratio is not kept, as in the published program.
package struct PortraitPicture {
    /// The square picture that faces are cut from, `[1, size, size, 3]`.
    package let square: Tensor<UInt8>
    /// For the VAE: the square in -1...1.
    package let autoencoderInput: Tensor<Float>
    /// For the motion extractor: in 0...1, shrunk from the picture itself and not from the square.
    package let extractorInput: Tensor<Float>
    /// For the image encoder: the middle of the picture, its aspect ratio kept, normalised per channel.
    package let imageEncoderInput: Tensor<Float>

    /// - Parameter picture: RGB of any size, `[1, h, w, 3]`.
    package init(_ picture: Tensor<UInt8>, _ configuration: ModelConfiguration) {
        let size = configuration.imageSize, small = configuration.motionExtractor.inputSize
        square = picture.resampled(height: size, width: size, .lanczos)
        autoencoderInput = square.floats(centred: true)
        extractorInput = picture.resampled(height: small, width: small, .lanczos)
            .floats(centred: true).scaled(by: 0.5, plus: 0.5)
        imageEncoderInput = Self.imageEncoderInput(
            picture, size: configuration.imageEncoder.imageSize)
    }

    /// The middle of a picture as CLIP's preprocessing gives it: `[1, size, size, 3]`.
    ///
    /// - Parameter picture: RGB of any size, `[1, h, w, 3]`.
    package static func imageEncoderInput(_ picture: Tensor<UInt8>, size: Int) -> Tensor<Float> {
        let (height, width) = (picture.shape[1], picture.shape[2]), short = min(height, width)
        let tall = size * height / short, wide = size * width / short
        let top = (tall - size) / 2, left = (wide - size) / 2
        // Only the middle is worked out: all of a picture of one row would not fit into memory.
        return picture.resampled(
            height: tall, width: wide, .bicubic, rows: top..<top + size,
            columns: left..<left + size
        ).looked(up: normalised)
    }

    /// For each channel what each byte becomes; mean and deviation are those of CLIP's
    /// `preprocessor_config.json`.
    private static let normalised: [[Float]] = zip(
        [0.48145466, 0.4578275, 0.40821073] as [Float],
        [0.26862954, 0.26130258, 0.27577711] as [Float]
    ).map { mean, deviation in
        (0...255).map { (Float(Double($0) * (1.0 / 255)) - mean) / deviation }
    }
}

/// Driving frames as the networks want them: `[n, size, size, 3]` bytes.
package enum DrivingFrames {
    /// The middle square of a frame of any size, `[1, size, size, 3]`: what the published client
    /// does with a camera's picture. A frame of that size is given back as it is.
    package static func square(_ frame: Tensor<UInt8>, size: Int) -> Tensor<UInt8> {
        let (height, width) = (frame.shape[1], frame.shape[2])
        guard height != size || width != size else { return frame }
        let side = min(height, width)
        let (top, left) = ((height - side) / 2, (width - side) / 2)
        let middle = frame.cropped(rows: top..<top + side, columns: left..<left + side)
        return side == size ? middle : middle.resampled(height: size, width: size, .lanczos)
    }

    /// For the motion extractor: in 0...1 at its size.
    package static func extractorInput(_ frames: Tensor<UInt8>, size: Int) -> Tensor<Float> {
        frames.floats(centred: true).bilinear(height: size, width: size)
            .scaled(by: 0.5, plus: 0.5)
    }

    /// For the motion encoder: a face in -1...1 at its size.
    package static func faceInput(_ face: Tensor<UInt8>, size: Int) -> Tensor<Float> {
        face.floats(centred: true).bilinear(height: size, width: size)
    }
}
