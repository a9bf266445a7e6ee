import Foundation
import Testing

/// `personalive models` as a program: files, exit codes and what it says.
@Suite struct ModelsCommandTests {
    private let folder = "/tmp/pl-models-\(UUID().uuidString)"

    /// The tool is built beside the test's own program.
    private func models(_ arguments: String...) throws -> (status: Int32, output: String) {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: own).deletingLastPathComponent()
            .appendingPathComponent("personalive")
        process.arguments = ["models"] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readAll()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }

    @Test func `weights are synthesized, converted, listed and verified`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (first, second) = (folder + "/a", folder + "/b")

        let made = try models("synthesize", first, "--network", "taesd", "--model", "mini")
        let converted = try models("convert", first, second, "--dtype", "bf16", "--model", "mini")
        let verified = try models("verify", second, "--network", "taesd", "--model", "mini")
        let listed = try models("list", second, "--model", "mini")

        #expect(made.status == 0)
        #expect(made.output == "\(first)/taesd.safetensors: 620 kB\n")
        #expect(converted.status == 0)
        #expect(converted.output == "\(second)/taesd.safetensors: 310 kB\n")
        #expect(verified.status == 0)
        #expect(verified.output.hasPrefix("taesd: complete, bf16, 310 kB"))
        #expect(listed.output.contains("taesd             bf16          310 kB"))
    }

    @Test func `weights of another size are refused, each with its shape, and nothing is written`()
        throws
    {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        _ = try models("synthesize", folder, "--network", "pose_guider", "--model", "mini")

        let verified = try models("verify", folder, "--network", "pose_guider")
        let converted = try models("convert", folder, folder + "/out")

        #expect(verified.status == 1)
        #expect(verified.output.split(separator: "\n").count == 16)
        #expect(verified.output.contains("is [8, 3, 3, 3], but the network needs [16, 3, 3, 3]"))
        #expect(converted.status == 1)
        #expect(converted.output.hasSuffix("error: nothing was written\n"))
        #expect(!FileManager.default.fileExists(atPath: folder + "/out"))
    }

    private static let small = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Models/small").path

    /// The small model can do without its VAE, and says its dimensions in a file.
    @Test(
        .enabled(
            if: FileManager.default.fileExists(atPath: small + "/config.json"),
            "Models/small is absent"))
    func `a folder's own dimensions are what it is compared with, and go along`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }

        let verified = try models("verify", Self.small, "--fast")
        let one = try models("verify", Self.small + "/taesd.safetensors", "--network", "taesd")
        let converted = try models("convert", Self.small, folder, "--dtype", "bf16")
        try FileManager.default.removeItem(atPath: folder + "/vae.safetensors")
        let asked = try models("verify", folder, "--network", "vae")
        let listed = try models("list", folder)
        let again = try models("verify", folder, "--fast")

        #expect(verified.status == 0)
        #expect(verified.output.contains("vae: complete"))
        #expect(verified.output.contains("denoising_unet: complete"))
        #expect(one.status == 0)
        #expect(asked.status == 1)
        #expect(asked.output == "vae: no file\n")
        #expect(listed.output.contains("not needed"))
        #expect(!listed.output.contains("not usable"))
        #expect(converted.status == 0)
        #expect(
            FileManager.default.contentsEqual(
                atPath: folder + "/config.json", andPath: Self.small + "/config.json"))
        #expect(again.status == 0)
        #expect(!again.output.contains("vae:"))
        #expect(again.output.contains("denoising_unet: complete, bf16"))
    }

    @Test func `a model that was not fetched is exit code 1, a wrong command line 64`() throws {
        let path = try models("path", "personalive", "--folder", folder)

        #expect(path.status == 1)
        #expect(path.output.contains("fetch with 'personalive models pull personalive'"))
        #expect(try models("pull", "nothing").status == 64)
        #expect(try models("verify", "/nowhere").status == 64)
    }
}
