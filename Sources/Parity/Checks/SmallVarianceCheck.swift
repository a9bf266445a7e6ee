import Networks

/// Nearly constant inputs to several networks, where a wrong epsilon of a normalisation shows.
enum SmallVarianceCheck: FixtureCheck {
    static func recognises(_ fixture: Fixture) -> Bool {
        fixture.network == "<network>" && fixture.inputs.keys.contains { $0.contains("/") }
    }

    static func run(_ fixture: Fixture, into results: FixtureResults) throws {
        try VAECheck.run(fixture, into: results, prefix: "vae/")
        try denoiser(fixture, results)
        try face(fixture, results)
    }

    private static func denoiser(_ fixture: Fixture, _ results: FixtureResults) throws {
        guard fixture.inputs["unet/latents"] != nil else { return }
        let network = try DenoisingUNet(
            from: fixture.weights("denoising_unet"), fixture.size.configuration)
        let window = try DenoiserWindow(fixture, prefix: "unet/")
        results.compare("out/unet/eps", window.estimate(network, []).channelsFirst())
    }

    private static func face(_ fixture: Fixture, _ results: FixtureResults) throws {
        let configuration = fixture.size.configuration
        if fixture.inputs["extractor/image"] != nil {
            let extract = try MotionExtractor(
                from: fixture.weights("motion_extractor"), configuration.motionExtractor)
            let heads = extract.heads(try fixture.channelsLast("extractor/image"))
            MotionExtractorCheck.compare(heads, "out/extractor/", results)
        }
        if fixture.inputs["encoder/face"] != nil {
            let encode = try MotionEncoder(
                from: fixture.weights("motion_encoder"), configuration.motionEncoder,
                tokens: configuration.motionTokens)
            let faces = try fixture.channelsLast("encoder/face")
            results.compare("out/encoder/tokens", encode(faces, trace: results.activation))
        }
    }
}
