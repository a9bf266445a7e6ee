import Foundation
import Layers
import Tensors
import Testing

/// What is said when a device cannot be used, with folders that look like a libtorch and are none.
@Suite struct TorchLibraryTests {
    /// A folder of its own, removed at the end.
    private final class Folder {
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("personalive-torch-\(UUID().uuidString)").path

        init(_ files: [String: String]) throws {
            for (name, text) in files {
                let file = URL(fileURLWithPath: path).appendingPathComponent(name)
                try FileManager.default.createDirectory(
                    at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(text.utf8).write(to: file)
            }
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    private func find(
        _ files: [String: String], _ device: Device, named: String? = "torch/lib"
    ) throws -> (folder: Folder, library: TorchLibrary) {
        let folder = try Folder(files)
        let variables = named.map { ["PERSONALIVE_TORCH": folder.path + "/" + $0] } ?? [:]
        return (folder, try TorchLibrary.find(for: device, variables: variables, root: folder.path))
    }

    @Test func `without a libtorch the remedy is said`() throws {
        let error = #expect(throws: DeviceError.noLibrary(.cuda(0))) {
            try find(["usr/local/empty": ""], .cuda(0), named: nil)
        }
        let text = try #require(error).description

        #expect(text.contains("pip install torch") && text.contains("device: cpu"))
        #expect(text.contains("PERSONALIVE_TORCH"))
    }

    @Test func `a folder that has none is named`() {
        #expect {
            try find(["torch/lib/other.so": ""], .torch)
        } throws: { "\($0)".contains("torch/lib has no libtorch_cpu.so") }
    }

    @Test func `it is found in the usual places, the newest Python first`() throws {
        let root = try Folder([
            "opt/libtorch/lib/libtorch_cpu.so": "",
            "usr/local/lib/python3.9/dist-packages/torch/lib/libtorch_cpu.so": "",
            "usr/local/lib/python3.11/dist-packages/torch/lib/libtorch_cpu.so": "",
            "venv/lib/python3.12/site-packages/torch/lib/libtorch_cpu.so": "",
        ])
        let find = { (variables: [String: String]) in
            try TorchLibrary.find(for: .torch, variables: variables, root: root.path).folder
        }

        #expect(try find([:]).hasSuffix("usr/local/lib/python3.11/dist-packages/torch/lib"))
        #expect(try find(["VIRTUAL_ENV": root.path + "/venv"]).contains("python3.12"))
        #expect(
            try find(["PERSONALIVE_TORCH": root.path + "/opt/libtorch"]).hasSuffix("libtorch/lib"))
    }

    @Test(arguments: [
        ("2.8.0+cu126", true), ("1.13.1", true), ("2.10.0", false), ("2.15.0+cpu", false),
    ]) func `a version before 2.10 is too old`(version: String, isOld: Bool) throws {
        let (folder, library) = try find(
            [
                "torch/lib/libtorch_cpu.so": "",
                "torch/version.py": "from typing import Optional\n__version__ = '\(version)'\n",
            ], .torch)
        defer { withExtendedLifetime(folder) {} }

        #expect(library.version == version)
        if isOld {
            let error = #expect(throws: DeviceError.self) { try library.check(for: .torch) }
            #expect(error?.description.contains("\(version) in") == true)
            #expect(error?.description.contains("2.10 or later") == true)
        } else {
            #expect(throws: Never.self) { try library.check(for: .torch) }
        }
    }

    @Test(arguments: [Device.cuda(0), .xpu(0)])
    func `a PyTorch for processors is told apart`(device: Device) throws {
        let (folder, library) = try find(
            ["torch/lib/libtorch_cpu.so": "", "torch/build-version": "2.13.0+cpu\n"], device)
        defer { withExtendedLifetime(folder) {} }

        let error = #expect(throws: DeviceError.self) { try library.check(for: device) }

        #expect(error?.description.contains("holds a PyTorch without such devices") == true)
    }

    @Test(.enabled(if: access("/dev/nvidiactl", F_OK) != 0, "this machine has an NVIDIA driver"))
    func `a machine without NVIDIA's driver is told so before libtorch is opened`() throws {
        let (folder, library) = try find(
            ["torch/lib/libtorch_cpu.so": "", "torch/lib/libtorch_cuda.so": ""], .cuda(1))
        defer { withExtendedLifetime(folder) {} }

        let error = #expect(throws: DeviceError.self) { try library.check(for: .cuda(1)) }

        #expect(error?.description.contains("'cuda:1'") == true)
        #expect(error?.description.contains("libcuda.so.1") == true)
    }

    @Test func `how many GPUs there are is said`() {
        let text = { DeviceError.noSuchDevice(.cuda(3), count: $0).description }

        #expect(text(1).contains("one GPU"))
        #expect(text(2).contains("2 GPUs, 0 to 1"))
        #expect(text(0).contains("no GPU"))
    }

    /// A file that is no library: what the loader says is passed on.
    @Test(.exits) func `a libtorch that cannot be loaded says why`() async throws {
        await #expect(processExitsWith: .success) {
            let folder = FileManager.default.temporaryDirectory
                .appendingPathComponent("personalive-torch-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            try Data("no library".utf8).write(to: folder.appendingPathComponent("libtorch_cpu.so"))
            setenv("PERSONALIVE_TORCH", folder.path, 1)

            let error = #expect(throws: DeviceError.self) { try TorchLibrary.open(for: .torch) }

            #expect(error?.description.contains("cannot be loaded") == true)
            #expect(error?.description.contains("file too short") == true)
        }
    }

    @Test(
        arguments: [
            ("cpu", Device.cpu), ("torch", .torch), ("cuda", .cuda(0)), ("cuda:0", .cuda(0)),
            ("cuda:11", .cuda(11)), ("xpu", .xpu(0)), ("xpu:1", .xpu(1)), ("gpu", nil),
            ("cuda:", nil),
            ("cuda:-1", nil), ("cpu:0", nil), ("cuda:1:2", nil), ("", nil), ("cuda:99", nil),
        ] as [(String, Device?)]) func `words for devices`(word: String, device: Device?)
    {
        #expect(Device(word) == device)
    }
}
