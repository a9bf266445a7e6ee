import Layers
import Networks
import Tensors

/// Normalised pixels, and a picture through the preprocessing, to the image token.
enum ImageEncoderCheck: FixtureCheck {
    static func recognises(_ fixture: Fixture) -> Bool {
        fixture.network == "image_encoder"
    }

    static func run(_ fixture: Fixture, into results: FixtureResults) throws {
        let configuration = fixture.size.configuration.imageEncoder
        let encode = try ImageEncoder(from: fixture.weights(), configuration)
        if fixture.inputs["pixel_values"] != nil {
            let pixels = try fixture.channelsLast("pixel_values")
            results.compare("out/embeds_from_pixels", encode(pixels))
        }
        if fixture.inputs["image"] != nil {
            let prepared = PortraitPicture.imageEncoderInput(
                try fixture.pictures("image"), size: configuration.imageSize)
            results.compare("out/preprocessed", prepared.channelsFirst())
            results.compare("out/embeds_from_image", encode(prepared))
        }
    }
}
