import CTorch
import Glibc
import Tensors

/// A GPU of this machine, as its driver describes it. Nothing is computed on it for that.
package struct GPU: Sendable, Equatable {
    /// Its maker's name for it; nil where the driver has none.
    package let name: String?
    /// The driver's version; nil where it does not say.
    package let driver: String?
    /// Bytes of memory.
    package let total: Int
    /// Bytes that nobody uses now; nil where the driver does not say.
    package let free: Int?

    /// The GPU behind a device: NVIDIA's by its driver, else AMD's by what Linux shows of it. Nil for other
    /// devices, and where neither answers.
    ///
    /// - Parameter root: in front of `/sys`.
    package init?(_ device: Device, root: String = "") {
        guard case .cuda(let number) = device else { return nil }
        var found = ctorch_gpu()
        if ctorch_describe_nvidia(Int32(number), &found) {
            func text<Characters>(_ characters: Characters) -> String {
                withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            }
            let driver = text(found.driver)
            self.init(
                name: text(found.name), driver: driver.isEmpty ? nil : driver, total: Int(found.total),
                free: found.free < 0 ? nil : Int(found.free))
        } else {
            let cards = Self.amd(root)
            guard cards.indices.contains(number) else { return nil }
            self = cards[number]
        }
    }

    private init(name: String?, driver: String?, total: Int, free: Int?) {
        (self.name, self.driver, self.total, self.free) = (name, driver, total, free)
    }

    /// AMD's cards in the order of their addresses on the bus, which is ROCm's.
    private static func amd(_ root: String) -> [GPU] {
        var found = glob_t()
        defer { globfree(&found) }
        let pattern = root + "/sys/bus/pci/drivers/amdgpu/*/mem_info_vram_total"
        guard glob(pattern, 0, nil, &found) == 0 else { return [] }
        return (0..<Int(found.gl_pathc)).compactMap { index in
            guard let path = found.gl_pathv[index].map({ String(cString: $0) }),
                let total = number(in: path)
            else { return nil }
            let folder = path.dropLast("mem_info_vram_total".count)
            let used = number(in: folder + "mem_info_vram_used")
            return GPU(
                name: text(of: folder + "product_name"), driver: nil, total: total,
                free: used.map { total - $0 })
        }
    }

    private static func number(in path: String) -> Int? { text(of: path).flatMap { Int($0) } }

    /// The first line of a small file; nil where there is none.
    private static func text(of path: some StringProtocol) -> String? {
        guard let file = fopen(String(path), "r") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        guard fgets(&line, Int32(line.count), file) != nil else { return nil }
        let bytes = line.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }
}

extension GPU: CustomStringConvertible {
    /// Such as `NVIDIA H200, 141 of 143 GB free, driver 580.159`.
    package var description: String {
        let room = free.map { "\(Self.gigabytes($0)) of \(Self.gigabytes(total)) GB free" }
            ?? "\(Self.gigabytes(total)) GB"
        return [name, room, driver.map { "driver \($0)" }].compactMap { $0 }.joined(separator: ", ")
    }

    /// With one digit behind the point where that says something.
    private static func gigabytes(_ bytes: Int) -> String {
        let tenths = (bytes + 50_000_000) / 100_000_000
        return tenths >= 1000 || tenths % 10 == 0 ? "\((tenths + 5) / 10)" : "\(tenths / 10).\(tenths % 10)"
    }
}
