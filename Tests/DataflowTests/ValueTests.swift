import Dataflow
import NodeKit
import Testing

/// What the words of a file become.
@Suite struct ValueTests {
    private func value(_ name: String, _ text: String) -> SettingValue? {
        let graph = TestKinds.demo.replacing(
            "{ path: ${driving} }", with: "{ path: ${driving}, \(name): \(text) }")
        return TestKinds.check(graph).graph?.node("camera")?.values[name]
    }

    @Test(arguments: [
        ("3", 3), ("+3", 3), ("1e3", 1000), ("3.0", 3), ("0x10", 16), ("0o17", 15), ("007", 7),
    ])
    func `whole numbers may be written in several ways`(text: String, number: Int) {
        #expect(value("count", text) == .integer(number))
    }

    @Test(arguments: [(".5", 0.5), ("5.", 5), ("+.5e1", 5), ("1e0", 1), ("2", 2), ("0x2", 2)])
    func `numbers may be written in several ways`(text: String, number: Double) {
        #expect(value("speed", text) == .number(number))
    }

    @Test(arguments: [
        "--3", "+-3", "1e", "e1", ".", "0x", "0xg", ".nan", "1__0", "12:30", "٣", "'1'", "true",
        "~",
        ".inf", "1e400", "-0x2",
    ])
    func `what only looks like a number is none`(text: String) {
        #expect(value("speed", text) == nil)
        #expect(value("count", text) == nil)
    }

    @Test(arguments: [("true", true), ("False", false)])
    func `flags are true and false`(text: String, flag: Bool) {
        #expect(value("loop", text) == .flag(flag))
    }

    @Test func `words that YAML 1.1 took for flags stay text`() {
        let text = TestKinds.demo.replacing("decoder", with: "on").replacing(
            "vae-on", with: "vae-decoder")

        #expect(TestKinds.check(text).graph?.node("on") != nil)
    }

    @Test(arguments: ["${n}", "\"${n}\"", "'${n}'"])
    func `a reference alone has the type of what it stands for`(written: String) {
        let text = TestKinds.demo
            .replacing("settings:", with: "settings:\n  n: 12")
            .replacing("{ path: ${driving} }", with: "{ path: ${driving}, count: \(written) }")

        #expect(TestKinds.check(text).graph?.node("camera")?.values["count"] == .integer(12))
    }

    @Test func `references stand inside text, in braces and in settings`() {
        let text = TestKinds.demo
            .replacing("settings:", with: "settings:\n  name: ${stem}\n  stem: portrait")
            .replacing("/tmp/portrait.mp4", with: "/tmp/${name}-$${x}$.mp4")

        let graph = TestKinds.check(text).graph
        #expect(graph?.node("encoder")?.values["path"] == .text("/tmp/portrait-${x}$.mp4"))
    }

    @Test func `a live graph keeps the newest frames where they enter`() throws {
        let text = TestKinds.demo.replacing(
            "nodes:", with: "mode: live\nlatency_budget: 0.3s\nnodes:")

        let graph = try #require(TestKinds.check(text).graph)
        #expect(graph.mode == .live)
        #expect(graph.latencyBudget == .milliseconds(300))
        let keeps = Dictionary(
            uniqueKeysWithValues: graph.edges.map { ("\($0.from)>\($0.to)", $0.keep) })
        #expect(keeps["camera.frame>keypoints.frame"] == .newest)
        #expect(keeps["portrait.image>denoiser.portrait"] == .last)
        #expect(keeps["denoiser.latent>decoder.latent"] == .all)
        #expect(keeps["camera.audio>encoder.audio"] == .all)
    }

    @Test(arguments: [
        ("3", 3.0), ("3fps", 3), ("3.5 fps", 3.5), ("\"3 fps\"", 3), ("3e0fps", 3),
    ])
    func `a number may have its unit, which is always the same`(written: String, speed: Double)
        throws
    {
        let text = TestKinds.demo.replacing(
            "{ path: ${driving} }", with: "{ path: ${driving}, speed: \(written) }")

        let check = TestKinds.check(text)

        let graph = try #require(check.graph, "\(check.text)")
        let value = graph.nodes.lazy.compactMap { $0.values["speed"] }.first
        #expect(value == .number(speed))
    }

    @Test(arguments: ["3s", "fps", "3fpsfps", "\"3\"", "30fps"])
    func `another unit, none of a number, and a number beyond its range are refused`(
        written: String
    ) {
        let text = TestKinds.demo.replacing(
            "{ path: ${driving} }", with: "{ path: ${driving}, speed: \(written) }")

        #expect(TestKinds.check(text).graph == nil)
    }

    @Test func `placement is read`() throws {
        let text = TestKinds.demo
            .replacing(
                "nodes:",
                with: """
                    machines:
                      gpu: { ssh: { host: ada@gpu-1, port: 2222 }, cores: 8, memory: 16GB, gpu-memory: 24GiB }
                      farm: { slurm: { partition: gpu } }
                      pod: { kubernetes: {} }
                    nodes:
                    """
            )
            .replacing("use: vae-decoder", with: "use: vae-decoder\n    machine: gpu\n    cores: 2")

        let graph = try #require(TestKinds.check(text).graph)
        #expect(
            graph.machines[1]
                == Machine(
                    name: "gpu", launcher: .ssh(host: "ada@gpu-1", options: ["port": "2222"]),
                    cores: 8, memory: 16_000_000_000, gpuMemory: 24 << 30))
        #expect(graph.machines[2].launcher == .slurm(["partition": "gpu"]))
        #expect(graph.node("decoder")?.cores == 2)
        #expect(graph.node("decoder")?.settings.cores == 2)
    }
}
