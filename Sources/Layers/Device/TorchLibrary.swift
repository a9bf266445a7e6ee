import CTorch
import Glibc
import Synchronization
import Tensors

/// The libtorch of this machine: where it is, and whether it can do what a device asks of it.
///
/// It comes from the user's own PyTorch, whose build decides which devices there are. A process opens
/// one, once.
package struct TorchLibrary: Sendable, Equatable {
    /// The folder with `libtorch_cpu.so`.
    package let folder: String
    /// As its makers write it, such as `2.13.0+cpu`; nil when no file says it.
    package let version: String?

    /// The first version whose C ABI is told which version its caller was written for.
    static let oldest = "2.10"

    /// The one that a device would use.
    ///
    /// - Parameters:
    ///   - variables: the environment. `PERSONALIVE_TORCH` names the folder; without it the PyTorch of
    ///     `$VIRTUAL_ENV`, `~/.local` or `/usr/local` is taken, or `/opt/libtorch`.
    ///   - root: in front of the absolute folders.
    package static func find(
        for device: Device, variables: [String: String] = Self.environment, root: String = ""
    ) throws(DeviceError) -> TorchLibrary {
        if let named = variables["PERSONALIVE_TORCH"], !named.isEmpty {
            guard let found = [named, named + "/lib"].first(where: Self.hasLibrary) else {
                throw .noLibraryIn(device, folder: named)
            }
            return TorchLibrary(folder: found)
        }
        let environments =
            [variables["VIRTUAL_ENV"], variables["HOME"].map { $0 + "/.local" }].compactMap { $0 }
            + [root + "/usr/local"]
        let packages = environments.flatMap { environment in
            matches(environment + "/lib/python3*/*-packages/torch/lib")
        }
        guard let folder = (packages + [root + "/opt/libtorch/lib"]).first(where: hasLibrary) else {
            throw .noLibrary(device)
        }
        return TorchLibrary(folder: folder)
    }

    private init(folder: String) {
        self.folder = folder
        version = Self.readVersion(beside: folder)
    }

    private static func hasLibrary(_ folder: String) -> Bool {
        access(folder + "/libtorch_cpu.so", R_OK) == 0
    }

    /// Folders that fit a pattern, newest Python first.
    private static func matches(_ pattern: String) -> [String] {
        var found = glob_t()
        defer { globfree(&found) }
        guard glob(pattern, 0, nil, &found) == 0 else { return [] }
        return (0..<Int(found.gl_pathc)).compactMap {
            found.gl_pathv[$0].map { String(cString: $0) }
        }
        .sorted { $0.count != $1.count ? $0.count > $1.count : $0 > $1 }
    }

    /// A package says its version in `version.py`, a plain libtorch in `build-version`.
    private static func readVersion(beside folder: String) -> String? {
        if let text = text(of: folder + "/../version.py") {
            let line = text.split(separator: "\n").first { $0.hasPrefix("__version__") }
            let parts = line?.split(whereSeparator: { $0 == "'" || $0 == "\"" })
            return parts.flatMap { $0.count > 1 ? String($0[1]) : nil }
        }
        let line = text(of: folder + "/../build-version")?.split(separator: "\n").first
        return line.map(String.init)
    }

    /// The beginning of a small file.
    private static func text(of path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// This process's variables.
    package static var environment: [String: String] {
        let names = ["PERSONALIVE_TORCH", "VIRTUAL_ENV", "HOME"]
        return Dictionary(
            uniqueKeysWithValues: names.compactMap { name in
                getenv(name).map { (name, String(cString: $0)) }
            })
    }

    // MARK: What it can do

    /// Files of which a device needs one.
    private static func libraries(of device: Device) -> [String] {
        switch device {
        case .cpu, .torch: []
        case .cuda: ["libtorch_cuda.so", "libtorch_hip.so"]
        case .xpu: ["libtorch_xpu.so"]
        }
    }

    /// The file that brings the device; nil when libtorch itself does.
    private func library(of device: Device) -> String? {
        Self.libraries(of: device).first { access(folder + "/" + $0, R_OK) == 0 }
    }

    /// Whether this libtorch can be of use for a device at all, judged by its files and the driver:
    /// libtorch's own answers come late, and some with a C++ stack.
    package func check(for device: Device) throws(DeviceError) {
        if let version, Self.isOld(version) {
            throw .tooOld(device, version: version, folder: folder)
        }
        let needed = Self.libraries(of: device)
        guard needed.isEmpty || library(of: device) != nil else {
            throw .otherBuild(device, folder: folder, missing: needed)
        }
        try checkDriver(of: device)
    }

    private static func isOld(_ version: String) -> Bool {
        let numbers = { (text: String) in text.split(separator: ".").prefix(2).map { Int($0) ?? 0 }
        }
        return numbers(version).lexicographicallyPrecedes(numbers(oldest))
    }

    private func checkDriver(of device: Device) throws(DeviceError) {
        switch device {
        case .cpu, .torch: break
        case .cuda where library(of: device) == "libtorch_hip.so":
            guard access("/dev/kfd", F_OK) == 0 else {
                throw .noDriver(device, library: "/dev/kfd", reason: nil)
            }
        case .cuda(let number):
            var error: Int32 = 0
            let count = Int(ctorch_count_nvidia(&error))
            if count == -1 { throw .noDriver(device, library: "libcuda.so.1", reason: nil) }
            if count < 0 {
                throw .noDriver(device, library: "libcuda.so.1", reason: "error \(error)")
            }
            if number >= count { throw .noSuchDevice(device, count: count) }
        case .xpu:
            guard access("/dev/dri", F_OK) == 0 else {
                throw .noDriver(device, library: "/dev/dri", reason: nil)
            }
        }
    }

    // MARK: Opening it

    /// Which one this process has open, and for which devices it was tried.
    private static let opened = Mutex<(folder: String?, devices: Set<Device>)>((nil, []))

    /// Makes this process ready to compute on a device; one that is ready already stays so.
    package static func open(for device: Device) throws(DeviceError) {
        guard device != .cpu else { return }
        guard !opened.withLock({ $0.devices.contains(device) }) else { return }
        let library = try find(for: device)
        try library.check(for: device)
        var message = [CChar](repeating: 0, count: 512)
        let result = ctorch_open(
            library.folder, library.library(of: device), &message, message.count)
        let words = message.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        switch result {
        case CTORCH_OPEN: break
        case CTORCH_NO_FUNCTION:
            throw .tooOld(
                device, version: (library.version ?? "") + " (without \(words))",
                folder: library.folder)
        default: throw .cannotLoad(device, folder: library.folder, reason: words)
        }
        try tryOut(device)
        opened.withLock { $0 = (library.folder, $0.devices.union([device])) }
    }

    /// One and one on the device: the first operation is where most faults show.
    private static func tryOut(_ device: Device) throws(DeviceError) {
        let place = DevicePlace(device: device, precision: .float32)
        let sum = try? DeviceFailure.catching(on: device) {
            let one = Tensor<Float>(repeating: 1, shape: [2]).moved(to: place)
            return one.adding(one).host().array
        }
        guard sum == [2, 2] else {
            throw .failed(device, reason: DeviceFailure.noted ?? "1 + 1 is not 2 on it")
        }
    }
}
