import Foundation
import Testing

/// What a graph takes of GPUs, on a machine that has none: the memory is said in the graph, or by a likeness
/// of NVIDIA's driver.
@Suite struct GPUMemoryTests {
    /// Two decoders and a denoiser of the published model.
    private static func graph(
        machines: String = "", at place: String = "", second: String = "cuda"
    ) -> String {
        let model = "model: full, weights: synthetic"
        return """
            \(machines)
            nodes:
              portrait: { use: image-file, with: { path: Models/demo/portrait.png } }
              camera: { use: camera, with: { device: "lavfi:testsrc=size=512x512:rate=8" } }
              keypoints:
                use: keypoint-extractor
                in: { frame: camera.frame, portrait: portrait.image }
                with: { \(model) }
              motion:
                use: motion-encoder
                in: { face: keypoints.face, portrait-face: keypoints.portrait-face }
                with: { \(model) }
              denoiser:
                use: denoiser\(place)
                in: { keypoints: keypoints.keypoints, motion: motion.motion, portrait: portrait.image }
                with: { \(model), device: cuda }
              decoder:
                use: vae-decoder\(place)
                in: { latent: denoiser.latent }
                with: { \(model), device: \(second) }
              list: { use: frame-list, in: { frame: decoder.frame }, with: { path: FOLDER/list.txt } }
            """
    }

    private static let far = "\n    machine: far"
    private static func far(_ memory: String) -> String {
        "machines: { far: { ssh: ada@far.example, gpu-memory: \(memory) } }"
    }

    /// Bytes needed of each GPU, by the plan's JSON.
    private func needed(_ outcome: Tool.Outcome) -> [String: Int] {
        let gpus = outcome.object["gpus"] as? [[String: Any]] ?? []
        return Dictionary(
            uniqueKeysWithValues: gpus.compactMap { gpu in
                guard let name = gpu["gpu"] as? String, let bytes = gpu["needed_bytes"] as? Int
                else { return nil }
                return (name, bytes)
            })
    }

    @Test func `nodes that share a GPU are counted together, and refused with the share of each`() throws {
        let refused = try Tool("plan", graph: Self.graph(machines: Self.far("8GB"), at: Self.far)).run()
        let fits = try Tool("plan", graph: Self.graph(machines: Self.far("24GB"), at: Self.far)).run()

        #expect(refused.status == 1)
        let line = refused.errors.split(separator: "\n").first { $0.hasPrefix("error:") } ?? ""
        #expect(line.hasPrefix("error: 'cuda:0' of machine 'far' has 8.0 GB"), "\(refused.errors)")
        #expect(line.contains(": denoiser ") && line.contains(", decoder "), "\(line)")
        #expect(!line.contains("keypoints"), "\(line)")
        #expect(fits.status == 0, "\(fits.errors)")
        #expect(fits.output.contains("24.0 GB available; denoiser "), "\(fits.output)")
    }

    @Test func `each GPU is counted by itself`() throws {
        let far = Self.far("8GB")
        let one = try Tool("plan", graph: Self.graph(machines: far, at: Self.far), "--json").run()
        let two = try Tool(
            "plan", graph: Self.graph(machines: far, at: Self.far, second: "cuda:1"), "--json"
        ).run()

        #expect(one.status == 1 && two.status == 0, "\(two.errors)")
        let (together, apart) = (needed(one), needed(two))
        #expect(together.keys.sorted() == ["cuda:0"])
        #expect(apart.keys.sorted() == ["cuda:0", "cuda:1"])
        #expect(together["cuda:0"] == (apart["cuda:0"] ?? 0) + (apart["cuda:1"] ?? 0))
    }

    @Test func `what a GPU of this machine has free is asked of its driver`() throws {
        let driver = try LikenessOfDriver(free: 5_100_000_000)
        let plan = try Tool("plan", graph: Self.graph())
        plan.process.environment?["LD_LIBRARY_PATH"] = driver.folder
        let run = try Tool("run", graph: Self.graph())
        run.process.environment?["LD_LIBRARY_PATH"] = driver.folder

        let (planned, ran) = (try plan.run(), try run.run())

        #expect(planned.status == 1 && ran.status == 1)
        for errors in [planned.errors, ran.errors] {
            #expect(errors.contains("'cuda:0' of machine 'local' has 5.1 GB for this graph"), "\(errors)")
        }
        #expect(ran.errors.contains("nothing was started"), "\(ran.errors)")
    }

    @Test func `doctor and devices say which GPU it is and what is free`() throws {
        let driver = try LikenessOfDriver(free: 5_100_000_000)
        let doctor = try Tool("doctor", graph: Self.graph())
        doctor.process.environment?["LD_LIBRARY_PATH"] = driver.folder
        let devices = try Tool(arguments: ["devices", "cuda:0", "cuda:1"])
        devices.process.environment?["LD_LIBRARY_PATH"] = driver.folder

        let (checked, listed) = (try doctor.run(), try devices.run())

        #expect(checked.status == 1)
        #expect(checked.output.contains("cuda:0 needed for denoiser "), "\(checked.output)")
        #expect(checked.output.contains("NVIDIA Likeness, 5.1 of 12 GB free, driver 580.159"))
        #expect(checked.output.contains("needed, 5.1 GB free"), "\(checked.output)")
        #expect(listed.output.contains("cuda:0: NVIDIA Likeness, 5.1 of 12 GB free"), "\(listed.output)")
        #expect(!listed.output.contains("cuda:1: NVIDIA"), "\(listed.output)")
    }

    @Test func `a GPU of another machine with too little memory is a fault of doctor's, too`() throws {
        let text = Self.graph(machines: Self.far("8GB"), at: Self.far)
            .replacing("ssh: ada@far.example", with: "local: {}")

        let outcome = try Tool("doctor", graph: text).run()

        #expect(outcome.status == 1)
        #expect(outcome.output.contains("'cuda:0' of machine 'far' has 8.0 GB"), "\(outcome.output)")
    }
}

/// Two libraries that answer as NVIDIA's driver does on a machine with one GPU of 12 GB.
private final class LikenessOfDriver {
    let folder = FileManager.default.temporaryDirectory
        .appendingPathComponent("personalive-driver-\(UUID().uuidString)").path

    /// - Parameter free: bytes that nobody uses.
    init(free: Int) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(Self.source.utf8).write(to: URL(fileURLWithPath: "\(folder)/driver.c"))
        for library in ["libcuda.so.1", "libnvidia-ml.so.1"] {
            let compiler = Process()
            compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            compiler.arguments = [
                "cc", "-shared", "-fPIC", "-DFREE=\(free)ULL", "-o", "\(folder)/\(library)",
                "\(folder)/driver.c",
            ]
            try compiler.run()
            compiler.waitUntilExit()
            try #require(compiler.terminationStatus == 0)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private static let source = """
        #include <stdio.h>
        #include <string.h>
        int cuInit(unsigned flags) { return 0; }
        int cuDeviceGetCount(int *count) { return *count = 1, 0; }
        int cuDeviceGet(int *device, int number) { return *device = 7, number; }
        int cuDeviceGetName(char *name, int size, int device) {
            return snprintf(name, size, "NVIDIA Likeness"), device != 7;
        }
        int cuDeviceGetPCIBusId(char *bus, int size, int device) {
            return snprintf(bus, size, "0000:3B:00.0"), device != 7;
        }
        int cuDeviceTotalMem_v2(size_t *bytes, int device) { return *bytes = 12000000000, device != 7; }
        int nvmlInit_v2(void) { return 0; }
        int nvmlSystemGetDriverVersion(char *text, unsigned size) {
            return snprintf(text, size, "580.159"), 0;
        }
        int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, void **device) {
            static int place;
            return *device = &place, strcmp(bus, "0000:3B:00.0");
        }
        int nvmlDeviceGetMemoryInfo(void *device, unsigned long long memory[3]) {
            return memory[0] = 12000000000, memory[1] = FREE, memory[2] = 12000000000 - FREE, 0;
        }
        """
}
