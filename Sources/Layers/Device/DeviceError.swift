import Tensors

/// Why a network cannot be computed on a device.
package enum DeviceError: Error, Equatable {
    /// No libtorch in any of the usual folders.
    case noLibrary(Device)
    /// None in the folder that `PERSONALIVE_TORCH` names.
    case noLibraryIn(Device, folder: String)
    case tooOld(Device, version: String, folder: String)
    case cannotLoad(Device, folder: String, reason: String)
    /// A libtorch that was built without this kind of device: none of these files is there.
    case otherBuild(Device, folder: String, missing: [String])
    /// No driver, whose file is named, or one that does not start.
    case noDriver(Device, library: String, reason: String?)
    /// The machine has only so many of them.
    case noSuchDevice(Device, count: Int)
    /// An operation failed while networks were loaded; libtorch's own words.
    case failed(Device, reason: String)
    /// Numbers that only other devices have.
    case noHalves
}

extension DeviceError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noLibrary(let device):
            "device '\(device)' needs libtorch, and there is none in $VIRTUAL_ENV, ~/.local, /usr/local "
                + "and /opt/libtorch: \(Self.remedy)"
        case .noLibraryIn(let device, let folder):
            "device '\(device)' needs libtorch, and PERSONALIVE_TORCH=\(folder) has no libtorch_cpu.so: "
                + Self.remedy
        case .tooOld(let device, let version, let folder):
            "device '\(device)': libtorch \(version) in \(folder) is too old, \(TorchLibrary.oldest) or "
                + "later is needed: 'pip install --upgrade torch'"
        case .cannotLoad(let device, let folder, let reason):
            "device '\(device)': libtorch in \(folder) cannot be loaded: \(reason)"
        case .otherBuild(let device, let folder, let missing):
            "device '\(device)': \(folder) holds a PyTorch without such devices (no "
                + missing.joined(separator: ", no ") + "): install one that is made for them, see "
                + "https://pytorch.org/get-started/locally, or write 'device: cpu'"
        case .noDriver(let device, let library, nil):
            "device '\(device)': this machine has no driver for it (\(library)): install it, or write "
                + "'device: cpu'"
        case .noDriver(let device, let library, let reason?):
            "device '\(device)': the driver does not start (\(library): \(reason))"
        case .noSuchDevice(let device, let count):
            "device '\(device)': this machine has " + Self.gpus(count)
        case .failed(let device, let reason): "device '\(device)': \(reason)"
        case .noHalves:
            "precision 'f16' is for a device other than 'cpu': write 'bf16' or 'f32', or a 'device'"
        }
    }

    private static let remedy =
        "'python3 -m venv ~/torch && ~/torch/bin/pip install torch', then "
        + "PERSONALIVE_TORCH=$(echo ~/torch/lib/python3*/site-packages/torch/lib); or 'device: cpu'"

    private static func gpus(_ count: Int) -> String {
        switch count {
        case 0: "no GPU that its driver knows: write 'device: cpu'"
        case 1: "one GPU, number 0"
        default: "\(count) GPUs, 0 to \(count - 1)"
        }
    }
}
