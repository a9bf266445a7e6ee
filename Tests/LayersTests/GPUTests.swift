import Foundation
import Layers
import Tensors
import Testing

/// What is known of a machine's GPUs, with folders that look like Linux's of AMD's driver. Of NVIDIA's
/// driver `EndToEndTests` has a likeness, as a process finds libraries where it is started with them.
@Suite struct GPUTests {
    /// A folder of its own with two cards, removed at the end.
    private final class Machine {
        let root = FileManager.default.temporaryDirectory
            .appendingPathComponent("personalive-gpus-\(UUID().uuidString)").path

        init() throws {
            try add("0000:43:00.0", ["mem_info_vram_total": "17163091968"])
            try add(
                "0000:03:00.0",
                [
                    "mem_info_vram_total": "25753026560", "mem_info_vram_used": "1753026560",
                    "product_name": "Navi 31",
                ])
        }

        private func add(_ address: String, _ files: [String: String]) throws {
            let folder = "\(root)/sys/bus/pci/drivers/amdgpu/\(address)"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            for (name, text) in files {
                try Data("\(text)\n".utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
            }
        }

        deinit { try? FileManager.default.removeItem(atPath: root) }
    }

    @Test(.enabled(if: GPU(.cuda(0)) == nil, "this machine has a GPU of its own"))
    func `AMD's cards are described in the order of their addresses`() throws {
        let machine = try Machine()

        let first = try #require(GPU(.cuda(0), root: machine.root))
        let second = try #require(GPU(.cuda(1), root: machine.root))

        #expect(first.name == "Navi 31" && first.total == 25_753_026_560)
        #expect(first.free == 24_000_000_000)
        #expect(first.description == "Navi 31, 24 of 25.8 GB free")
        #expect(second.name == nil && second.free == nil)
        #expect(second.description == "17.2 GB")
        #expect(GPU(.cuda(2), root: machine.root) == nil)
        #expect(GPU(.cpu, root: machine.root) == nil && GPU(.xpu(0), root: machine.root) == nil)
    }
}
