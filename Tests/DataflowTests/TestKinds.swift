import Dataflow
import NodeKit

/// Kinds like those of the tool, so that graphs of these tests read like real ones.
enum TestKinds {
    static let registry = NodeRegistry([
        NodeSpec(
            "image-file", "Reads a picture.",
            outputs: [Port("image", UInt8.self, "1 h w 3", meaning: "rgb")],
            settings: [Setting("path", String.self, type: .inputFile, "the picture")]),
        NodeSpec(
            "video-file", "Reads a video.",
            outputs: [
                Port("frame", UInt8.self, "1 h w 3", meaning: "rgb"),
                Port("audio", UInt8.self, "bytes", meaning: "audio-packet"),
            ],
            settings: [
                Setting("path", String.self, type: .inputFile, "the video"),
                Setting("count", Int.self, type: .integer(1...100_000), isOptional: true),
                Setting(
                    "speed", Double.self, type: .number(0.1...10), default: 1, unit: "fps",
                    "how fast"),
                Setting("loop", Bool.self, default: false),
            ]),
        NodeSpec(
            "keypoint-extractor", "Finds keypoints.",
            inputs: [
                Port("frame", UInt8.self, "1 h w 3", meaning: "rgb"),
                Port("portrait", UInt8.self, "1 ph pw 3", meaning: "rgb", pace: .last),
            ],
            outputs: [
                Port("keypoints", Float.self, "n 21 3", meaning: "keypoints/21"),
                Port("face", UInt8.self, "1 fh fw 3", meaning: "face"),
                Port("portrait-face", UInt8.self, "1 fh fw 3", meaning: "face"),
            ],
            settings: [weights]),
        NodeSpec(
            "motion-encoder", "Encodes motion.",
            inputs: [
                Port("face", UInt8.self, "1 h w 3", meaning: "face"),
                Port("portrait-face", UInt8.self, "1 h w 3", meaning: "face", pace: .last),
            ],
            outputs: [Port("motion", Float.self, "n tokens 16", meaning: "motion")],
            settings: [weights]),
        NodeSpec(
            "denoiser", "Makes latents.",
            inputs: [
                Port("keypoints", Float.self, "n 21 3", meaning: "keypoints/21"),
                Port("motion", Float.self, "n tokens 16", meaning: "motion"),
                Port("portrait", UInt8.self, "1 ph pw 3", meaning: "rgb", pace: .last),
            ],
            outputs: [Port("latent", Float.self, "1 4 h w", meaning: "latent/sd1")],
            settings: [
                weights, Setting("seed", Int.self, default: 42, "seed of the noise"),
                Setting("h", Int.self, type: .integer(1...512), isOptional: true),
            ],
            heldFrames: 15),
        decoder("vae-decoder"),
        decoder("tiny-decoder"),
        NodeSpec(
            "video-encoder", "Writes a video.",
            inputs: [
                Port("frame", UInt8.self, "1 h w 3", meaning: "rgb"),
                Port(
                    "audio", UInt8.self, "bytes", meaning: "audio-packet", pace: .own,
                    isOptional: true),
            ],
            settings: [
                Setting("path", String.self, type: .outputFile, "the video")
                    .ending(in: [".mp4", ".mkv", "/"]),
                Setting("preset", String.self, type: .choice(["fast", "slow"]), default: "fast"),
                Setting("h", Int.self, type: .integer(1...8192), isOptional: true),
            ]),
        NodeSpec(
            "side-by-side", "Shows two videos.",
            inputs: [
                Port("left", UInt8.self, "1 h w 3", meaning: "rgb"),
                Port("right", UInt8.self, "1 h w 3", meaning: "rgb"),
            ],
            outputs: [Port("frame", UInt8.self, "1 h 2w 3", meaning: "rgb")]),
        NodeSpec(
            "blur", "Blurs.", inputs: [Port("frame", UInt8.self, "1 h w 3", meaning: "rgb")],
            outputs: [Port("frame", UInt8.self, "1 h w 3", meaning: "rgb")]),
        NodeSpec(
            "depth", "Sees depth.", inputs: [Port("frame", UInt8.self, "1 h w 3", meaning: "rgb")],
            outputs: [Port("depth", Float.self, "1 h w", meaning: "depth")]),
        NodeSpec(
            "grey", "Greys.", inputs: [Port("depth", Float.self, "1 h w 1", meaning: "depth")]),
    ])

    private static let weights = Setting(
        "weights", String.self, type: .weights, default: "synthetic")

    private static func decoder(_ kind: String) -> NodeSpec {
        NodeSpec(
            kind, "Makes frames.",
            inputs: [Port("latent", Float.self, "n 4 h w", meaning: "latent/sd1")],
            outputs: [Port("frame", UInt8.self, "n 8h 8w 3", meaning: "rgb")],
            settings: [weights])
    }

    /// A whole graph without faults, in a folder where its files are.
    static let demo = """
        settings:
          driving: /dev/null
        nodes:
          portrait:
            use: image-file
            with: { path: /dev/null }
          camera:
            use: video-file
            with: { path: ${driving} }
          keypoints:
            use: keypoint-extractor
            in: { frame: camera.frame, portrait: portrait.image }
          motion:
            use: motion-encoder
            in: { face: keypoints.face, portrait-face: keypoints.portrait-face }
          denoiser:
            use: denoiser
            in: { keypoints: keypoints.keypoints, motion: motion.motion, portrait: portrait.image }
          decoder:
            use: vae-decoder
            in: { latent: denoiser.latent }
          encoder:
            use: video-encoder
            in: { frame: decoder.frame, audio: { from: camera.audio, keep: all } }
            with: { path: /tmp/portrait.mp4 }
        """

    static func check(_ text: String, _ overrides: [(name: String, value: String)] = [])
        -> GraphFile.Check
    {
        GraphFile.check(text: text, name: "live.yaml", overrides: overrides, registry: registry)
    }

    /// The codes of all faults of a text, from top to bottom.
    static func codes(_ text: String) -> [String] { check(text).diagnostics.map(\.code) }
}
