import Foundation
import Glibc
import Launch

/// The portrait graph with the model that comes with the project, whose nodes are killed at random.
struct PortraitChaos {
    struct Outcome: Codable {
        let seed: UInt64
        var frames = 0, kills = 0, different = 0
        var status: Int32 = 0
        var errors = ""

        var isWhole: Bool { status == 0 && frames > 0 && different == 0 }

        var text: String {
            "seed \(seed), frames \(frames), different \(different), kills \(kills), status \(status)"
                + (isWhole ? "" : "\n\(errors)")
        }
    }

    let seed: UInt64
    /// The project's folder, where `Models` is.
    let folder: String

    private static let restart = "restart: { limit: 1000, backoff: 10ms }"

    private var graph: String {
        let model = "with: { model: small, weights: \(folder)/Models/small }"
        return """
            nodes:
              portrait:
                use: image-file
                \(Self.restart)
                with: { path: \(folder)/Models/demo/portrait.png }
              camera:
                use: video-file
                \(Self.restart)
                with: { path: \(folder)/Models/demo/driving.mp4 }
              keypoints:
                use: keypoint-extractor
                \(Self.restart)
                in: { frame: camera.frame, portrait: portrait.image }
                \(model)
              motion:
                use: motion-encoder
                \(Self.restart)
                in: { face: keypoints.face, portrait-face: keypoints.portrait-face }
                \(model)
              denoiser:
                use: denoiser
                \(Self.restart)
                in:
                  keypoints: keypoints.keypoints
                  motion: motion.motion
                  portrait: portrait.image
                \(model)
              decoder:
                use: tiny-decoder
                \(Self.restart)
                in: { latent: denoiser.latent }
                \(model)
              list:
                use: frame-list
                \(Self.restart)
                in: { frame: decoder.frame }
                with: { path: FOLDER/list.txt }
            """
    }

    /// Number and hash of each frame of a run that is left alone.
    func undisturbed() throws -> [String] {
        let run = try DisturbedRun(graph)
        guard run.finish().status == 0 else { throw MeasurementError(run.errors) }
        return Self.frames(of: run)
    }

    /// Kills a node three times in two seconds on the average.
    func run(expecting expected: [String]) throws -> Outcome {
        var dice = SeededDice(seed: seed)
        var outcome = Outcome(seed: seed)
        let run = try DisturbedRun(graph)
        let client = try run.client()
        while run.isRunning {
            usleep(UInt32.random(in: 300_000...1_000_000, using: &dice))
            guard let nodes = try? client.status(seconds: 10).nodes,
                let node = nodes.randomElement(using: &dice), node.state != "ended"
            else { continue }
            if kill(node.pid, SIGKILL) == 0 { outcome.kills += 1 }
        }
        outcome.status = run.finish().status
        outcome.errors = run.errors
        let frames = Self.frames(of: run)
        outcome.frames = frames.count
        outcome.different =
            abs(expected.count - frames.count)
            + zip(expected, frames).count { $0 != $1 }
        return outcome
    }

    private static func frames(of run: DisturbedRun) -> [String] {
        run.arrivals.map { "\($0.frame) \($0.hash)" }
    }
}
