import ArgumentParser
import Foundation
import Layers
import Tensors

/// `personalive devices`: where networks can compute on this machine.
struct DevicesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "devices",
        abstract: "Says where networks can compute on this machine, having tried it.",
        discussion: """
            A device other than 'cpu' needs the libtorch of a PyTorch: that of PERSONALIVE_TORCH, else \
            of $VIRTUAL_ENV, ~/.local, /usr/local or /opt/libtorch. Each is opened and adds 1 and 1. \
            The exit code is 1 if a device that was named cannot be used.
            """)

    @Argument(help: "cpu, cuda, cuda:1, xpu, torch; without any the first of each kind.")
    var devices: [Device] = []

    func run() throws {
        var isWell = true
        for device in devices.isEmpty ? [.cpu, .torch, .cuda(0), .xpu(0)] : devices {
            do {
                print("\(device): \(try Self.tryOut(device))")
            } catch {
                isWell = devices.isEmpty && isWell
                print("✗ \(error)")
            }
        }
        if !isWell { throw ExitCode.failure }
    }

    /// What a device is computed with.
    private static func tryOut(_ device: Device) throws(DeviceError) -> String {
        guard device != .cpu else {
            return
                "this program's own layers, \(ProcessInfo.processInfo.activeProcessorCount) cores"
        }
        let library = try TorchLibrary.find(for: device)
        try TorchLibrary.open(for: device)
        return
            "libtorch \(library.version ?? "of an unknown version") in \(library.folder): 1 + 1 = 2 on it"
    }
}
