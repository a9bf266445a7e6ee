import Glibc
import Layers
import Networks
import Tensors

/// FLUX.2's tiny autoencoder with its published weights: a picture to a latent and back.
///
/// The two files lie in a folder `weights` beside the fixtures or above them.
enum TrainedTinyAutoencoderCheck: FixtureCheck {
    static func recognises(_ fixture: Fixture) -> Bool {
        (fixture.file.metadata["weights"] ?? "").contains("taef2_")
            && fixture.file.entries["in/image_u8"] != nil
    }

    static func run(_ fixture: Fixture, into results: FixtureResults) throws {
        let folder = weightsFolder(fixture)
        let weights = { (half: String) in
            fixture.placed(try Checkpoint(contentsOf: "\(folder)/taef2_\(half).pth"))
        }
        let encode = try TinyEncoder(from: weights("encoder"), .flux2)
        let decode = try TinyDecoder(from: weights("decoder"), .flux2)
        let latent = encode(try fixture.pictures("image_u8", centred: false))
        results.compare("out/latent", latent.channelsFirst())
        results.compare("out/decoded", decode(latent).channelsFirst())
    }

    /// The first of the likely folders that has the files; else the one where they should be.
    private static func weightsFolder(_ fixture: Fixture) -> String {
        let folder = fixture.file.path.split(separator: "/", omittingEmptySubsequences: false)
            .dropLast().joined(separator: "/")
        let base = folder.isEmpty ? "." : folder
        let likely = ["../../weights", "../weights", "weights", "."].map { "\(base)/\($0)" }
        return likely.first { access($0 + "/taef2_encoder.pth", R_OK) == 0 } ?? likely[0]
    }
}
