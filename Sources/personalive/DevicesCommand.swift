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
            'cuda:0=8000000000' asks whether so many bytes of it are free, too. The exit code is 1 if a \
            device that was named cannot be used, or has less.
            """)

    @Argument(help: "cpu, cuda, cuda:1, xpu, torch; without any the first of each kind.")
    var devices: [Demand] = []

    /// A device, and what networks will take of its memory.
    struct Demand: ExpressibleByArgument {
        let device: Device
        var bytes: Int?

        init(_ device: Device) { self.device = device }

        init?(argument: String) {
            let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
            guard let device = parts.first.flatMap({ Device($0) }) else { return nil }
            self.device = device
            guard parts.count == 2 else { return }
            guard let bytes = Int(parts[1]), bytes >= 0 else { return nil }
            self.bytes = bytes
        }
    }

    func run() throws {
        var isWell = true
        let usual = [Device.cpu, .torch, .cuda(0), .xpu(0)].map { Demand($0) }
        for demand in devices.isEmpty ? usual : devices {
            // Before libtorch takes some of it.
            if let gpu = GPU(demand.device) { isWell = Self.describe(gpu, demand) && isWell }
            do {
                print("\(demand.device): \(try Self.tryOut(demand.device))")
            } catch {
                isWell = devices.isEmpty && isWell
                print("✗ \(error)")
            }
        }
        if !isWell { throw ExitCode.failure }
    }

    /// - Returns: whether it has as much memory as is asked for.
    private static func describe(_ gpu: GPU, _ demand: Demand) -> Bool {
        print("\(demand.device): \(gpu)")
        let free = gpu.free ?? gpu.total
        guard let needed = demand.bytes, needed > free else { return true }
        print("✗ \(demand.device): \(MemoryPlan.text(needed)) needed, \(MemoryPlan.text(free)) free")
        return false
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
