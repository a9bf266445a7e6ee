import Foundation
import Glibc
import Media
import Tensors

/// The portrait graph with the model that comes with the project: nodes with state are killed and
/// replaced, and the pictures have to be those of a run that is left alone.
struct PortraitChaos {
    struct Outcome: Codable {
        let graph: String
        let seed: UInt64
        var frames = 0, different = 0, kills = 0, swaps = 0, refused = 0
        var status: Int32 = 0
        var refusals: [String] = []
        var faults: [String] = []

        var text: String {
            "\(graph): seed \(seed), frames \(frames), different \(different), kills \(kills), "
                + "swaps \(swaps), refused \(refused), status \(status)"
                + refusals.map { "\n  refused: \($0)" }.joined()
                + faults.map { "\n  BROKEN \($0)" }.joined()
        }
    }

    /// What a run has made.
    private struct Made: Equatable {
        /// Number and hash of each frame.
        var frames: [String]
        /// When each frame of the film is shown, milliseconds.
        var times: [Int64]
    }

    /// The project's folder, where `Models` is.
    private let folder = FileManager.default.currentDirectoryPath
    private let expected: Made

    /// Makes the pictures once without a disturbance.
    init() throws {
        let run = try DisturbedRun(Self.graph(folder))
        guard run.finish().status == 0 else { throw MeasurementError(run.errors) }
        expected = try Self.made(by: run)
    }

    private static let restart = "restart: { limit: 1000, backoff: 10ms }"

    private static func graph(_ folder: String) -> String {
        let model = "with: { model: small, weights: \(folder)/Models/small }"
        return """
            nodes:
              portrait:
                use: image-file
                \(restart)
                with: { path: \(folder)/Models/demo/portrait.png }
              camera:
                use: video-file
                \(restart)
                with: { path: \(folder)/Models/demo/driving.mp4 }
              keypoints:
                use: keypoint-extractor
                \(restart)
                in: { frame: camera.frame, portrait: portrait.image }
                \(model)
              motion:
                use: motion-encoder
                \(restart)
                in: { face: keypoints.face, portrait-face: keypoints.portrait-face }
                \(model)
              denoiser:
                use: denoiser
                \(restart)
                in:
                  keypoints: keypoints.keypoints
                  motion: motion.motion
                  portrait: portrait.image
                \(model)
              decoder:
                use: tiny-decoder
                \(restart)
                in: { latent: denoiser.latent }
                \(model)
              list:
                use: frame-list
                \(restart)
                in: { frame: decoder.frame }
                with: { path: FOLDER/list.txt }
              film:
                use: video-encoder
                \(restart)
                in: { frame: decoder.frame }
                with: { path: FOLDER/film.mp4, preset: ultrafast }
            """
    }

    /// Kinds of the nodes whose state a successor has to go on with.
    private static let swapped = [("denoiser", "denoiser"), ("film", "video-encoder")]

    /// Disturbs a run three times in two seconds on the average.
    ///
    /// - Parameter graph: `kills` of all nodes, or `swaps` of those with state among the kills.
    func run(_ graph: String, seed: UInt64) throws -> Outcome {
        var dice = SeededDice(seed: seed)
        var outcome = Outcome(graph: graph, seed: seed)
        let run = try DisturbedRun(Self.graph(folder))
        try run.connect()
        while run.isRunning {
            usleep(UInt32.random(in: 300_000...1_000_000, using: &dice))
            let (name, kind) = Self.swapped.randomElement(using: &dice)!
            let isSwap = graph == "swaps" && Bool.random(using: &dice)
            guard let status = run.status, status.state == "running",
                let node = status.nodes.randomElement(using: &dice)
            else { continue }
            if isSwap {
                if let refusal = run.replace(name, kind: kind, settings: [:]) {
                    outcome.refused += 1
                    if !outcome.refusals.contains(refusal) { outcome.refusals.append(refusal) }
                } else {
                    outcome.swaps += 1
                }
            } else if node.state != "ended", kill(node.pid, SIGKILL) == 0 {
                outcome.kills += 1
            }
        }
        outcome.status = run.finish().status
        guard outcome.status == 0 else {
            outcome.faults = ["exit code \(outcome.status): \(run.errors.suffix(500))"]
            return outcome
        }
        let made = try Self.made(by: run)
        outcome.frames = made.frames.count
        outcome.different =
            abs(expected.frames.count - made.frames.count)
            + zip(expected.frames, made.frames).count { $0 != $1 }
        if outcome.different > 0 {
            outcome.faults.append("\(outcome.different) frames are not those of an undisturbed run")
        }
        if made.times != expected.times {
            let other = zip(expected.times, made.times).first { $0 != $1 }
            outcome.faults.append(
                "the film has \(made.times.count) frames, \(expected.times.count) are needed"
                    + (other.map { "; one is at \($0.1) ms, not at \($0.0) ms" } ?? ""))
        }
        return outcome
    }

    private static func made(by run: DisturbedRun) throws -> Made {
        let reader = try VideoReader(path: "\(run.folder)/film.mp4")
        var times: [Int64] = []
        while let item = try reader.next() {
            if case .frame(let frame) = item { times.append(frame.presentation / 1_000_000) }
        }
        return Made(
            frames: run.arrivals().map { "\($0.frame) \($0.hashes[0])" }, times: times)
    }
}
