import Foundation
import Layers
import Testing

/// A graph whose networks compute on a device of libtorch's: here the processor (`torch`).
@Suite(.serialized) struct DeviceTests {
    private static let isLibtorchThere =
        ProcessInfo.processInfo.environment["PERSONALIVE_DEVICES"] == "required"
        || (try? TorchLibrary.find(for: .torch)) != nil
    private static let missing: Comment = "no libtorch here: 'make test-training' installs one"

    /// The smallest whole graph, as fast as a busy machine computes it on either device.
    private static func graph(with settings: String = "") -> String {
        """
        nodes:
          portrait: { use: image-file, with: { path: Models/demo/portrait.png } }
          camera: { use: camera, with: { device: "lavfi:testsrc=size=128x128:rate=8", frames: 1000000 } }
          keypoints:
            use: keypoint-extractor
            in: { frame: { from: camera.frame, keep: all }, portrait: portrait.image }
            with: { model: mini, weights: synthetic\(settings) }
          motion:
            use: motion-encoder
            in: { face: { from: keypoints.face, keep: all }, portrait-face: keypoints.portrait-face }
            with: { model: mini, weights: synthetic\(settings) }
          denoiser:
            use: denoiser
            in:
              keypoints: { from: keypoints.keypoints, keep: all }
              motion: { from: motion.motion, keep: all }
              portrait: portrait.image
            with: { model: mini, weights: synthetic\(settings) }
          decoder:
            use: vae-decoder
            in: { latent: { from: denoiser.latent, keep: all } }
            with: { model: mini, weights: synthetic\(settings) }
          list: { use: frame-list, in: { frame: { from: decoder.frame, keep: all } }, with: { path: FOLDER/list.txt } }
        """
    }

    private func frames(of tool: Tool) -> [Int] {
        let text = (try? String(contentsOfFile: tool.path(of: "list.txt"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { Int($0.prefix { $0 != " " }) }
    }

    /// Waits for two more chunks.
    private func goesOn(_ tool: Tool) -> Bool {
        let count = frames(of: tool).count
        return tool.waitUntil { frames(of: tool).count >= count + 8 }
    }

    /// Every frame that the camera handed on is in the list, once and in order. A camera does not wait:
    /// what a busy machine has no time for is dropped there, and nowhere else.
    private func expectAll(_ outcome: Tool.Outcome, of tool: Tool) {
        let arrived = frames(of: tool)
        let dropped = (outcome.object["dropped"] as? [[String: Any]] ?? [])
            .map { $0["place"] as? String }
        #expect(zip(arrived, arrived.dropFirst()).allSatisfy { $0 < $1 }, "\(arrived)")
        #expect(dropped.allSatisfy { $0 == "camera" }, "\(outcome.output)")
        #expect(outcome.number("frames_out") == arrived.count, "\(outcome.output)")
        #expect(
            outcome.number("frames_in")
                == arrived.count + (outcome.number("frames_dropped") ?? -1), "\(outcome.output)")
        #expect(outcome.number("frames_unaccounted") == 0)
        #expect(outcome.status == 130, "\(outcome.errors)")
    }

    @Test(.enabled(if: isLibtorchThere, missing))
    func
        `a denoiser goes to a device on air, is killed there, and comes back without losing a frame`()
        throws
    {
        let tool = try Tool("run", graph: Self.graph(), "--json")
        try tool.start()
        #expect(goesOn(tool), "\(tool.errorsSoFar)")

        let there = try tool.ask("swap", "denoiser=denoiser", "--set", "device=torch")
        #expect(goesOn(tool), "\(tool.errorsSoFar)")
        let killed = tool.kill("denoiser")
        #expect(
            tool.waitUntil { tool.nodes["denoiser"] != nil && tool.nodes["denoiser"] != killed })
        #expect(goesOn(tool), "\(tool.errorsSoFar)")
        let back = try tool.ask("swap", "denoiser=denoiser", "--set", "device=cpu")
        #expect(goesOn(tool), "\(tool.errorsSoFar)")
        tool.process.interrupt()
        let outcome = tool.finish()

        #expect(there.status == 0, "\(there.errors)")
        #expect(back.status == 0, "\(back.errors)")
        #expect(killed != nil)
        expectAll(outcome, of: tool)
    }

    @Test(.enabled(if: isLibtorchThere, missing))
    func `all networks of a graph compute on a device`() throws {
        let tool = try Tool("run", graph: Self.graph(with: ", device: torch"), "--json")
        try tool.start()
        #expect(goesOn(tool), "\(tool.errorsSoFar)")

        tool.process.interrupt()
        let outcome = tool.finish()

        expectAll(outcome, of: tool)
    }

    @Test func `a device that cannot be used leaves the denoiser at work, and says why`() throws {
        let tool = try Tool("run", graph: Self.graph(), "--json")
        let empty = "\(tool.folder)/torch"
        try FileManager.default.createDirectory(atPath: empty, withIntermediateDirectories: true)
        tool.process.environment?["PERSONALIVE_TORCH"] = empty
        try tool.start()
        #expect(goesOn(tool), "\(tool.errorsSoFar)")

        let none = try tool.ask("swap", "denoiser=denoiser", "--set", "device=torch")
        let halves = try tool.ask("swap", "denoiser=denoiser", "--set", "precision=f16")
        let unknown = try tool.ask("swap", "denoiser=denoiser", "--set", "device=cudo")
        #expect(goesOn(tool), "\(tool.errorsSoFar)")
        tool.process.interrupt()
        let outcome = tool.finish()

        #expect([none, halves, unknown].map(\.status) == [1, 1, 1])
        #expect(none.errors.contains("has no libtorch_cpu.so"), "\(none.errors)")
        #expect(none.errors.contains("pip install torch"), "\(none.errors)")
        #expect(halves.errors.contains("precision 'f16' is for a device"), "\(halves.errors)")
        #expect(unknown.errors.contains("cuda"), "\(unknown.errors)")
        expectAll(outcome, of: tool)
    }

    @Test func `doctor tries the devices of a graph, and says what is wrong`() throws {
        let tool = try Tool("doctor", graph: Self.graph(with: ", device: torch"))
        let empty = "\(tool.folder)/torch"
        try FileManager.default.createDirectory(atPath: empty, withIntermediateDirectories: true)
        tool.process.environment?["PERSONALIVE_TORCH"] = empty

        let outcome = try tool.run()

        #expect(outcome.status == 1)
        #expect(outcome.output.contains("has no libtorch_cpu.so"), "\(outcome.output)")
        #expect(outcome.output.contains("1 fault"))
    }

    @Test(.enabled(if: isLibtorchThere, missing))
    func `doctor says with which libtorch a graph computes`() throws {
        let outcome = try Tool("doctor", graph: Self.graph(with: ", device: torch")).run()

        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        #expect(outcome.output.contains("here: torch: libtorch 2."), "\(outcome.output)")
    }
}
