import Foundation
import Media
import Testing

/// The smallest graph with networks in it, as separate processes.
@Suite struct RoundTripTests {
    /// Frames whose sides are no multiples of 8, and latents of the variant that is not the default.
    private static let graph = """
        nodes:
          camera: { use: camera, with: { device: "lavfi:testsrc=size=44x36:rate=25", frames: 3 } }
          encoder:
            use: tiny-encoder
            in: { frame: { from: camera.frame, keep: all } }
            with: { variant: flux2, weights: synthetic }
          decoder:
            use: tiny-decoder
            in: { latent: encoder.latent }
            with: { variant: flux2, weights: synthetic }
          film:
            use: video-encoder
            in: { frame: decoder.frame }
            with: { path: FOLDER/film.mp4 }
        """

    @Test func `frames go through latents of FLUX.2 and come out, cut to a multiple of 8`() throws {
        let tool = try Tool("run", graph: Self.graph, "--json")

        let outcome = try tool.run()

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.number("frames_out") == 3)
        #expect(outcome.errors.contains("frames of 44x36 pixels are cut to 40x32"))
        let film = try VideoReader(path: "\(tool.folder)/film.mp4")
        #expect(film.shape == [1, 32, 40, 3])
    }
}
