import Foundation
import Glibc

/// What a measurement must say of the machine and the process it was taken in.
enum ThisMachine {
    /// The processor's name, or "unknown processor".
    static var processor: String { field("model name", in: "/proc/cpuinfo") ?? "unknown processor" }

    static var cores: Int { ProcessInfo.processInfo.activeProcessorCount }

    /// The vector instructions that the processor has, as Linux names them.
    static var vectors: [String] {
        let flags =
            field("flags", in: "/proc/cpuinfo") ?? field("Features", in: "/proc/cpuinfo") ?? ""
        return flags.split(separator: " ").map(String.init).filter { flag in
            ["avx", "amx", "fma", "asimd", "sve"].contains(where: flag.hasPrefix)
        }
    }

    /// Processes that ran or waited for a core, mean of the last minute, in hundredths.
    static var load: Double {
        var loads = [0.0]
        return getloadavg(&loads, 1) == 1 ? (loads[0] * 100).rounded() / 100 : -1
    }

    /// The most memory that was resident since ``forgetPeakMemory()``, bytes.
    static var peakMemory: Int {
        let kilobytes = field("VmHWM", in: "/proc/self/status")?.split(separator: " ").first
        return (kilobytes.flatMap { Int($0) } ?? 0) * 1024
    }

    /// Starts the count of ``peakMemory`` anew (`man 5 proc`, clear_refs).
    static func forgetPeakMemory() {
        try? Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/self/clear_refs"))
    }

    private static func field(_ name: String, in path: String) -> String? {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
        let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
        let value = line?.split(separator: ":", maxSplits: 1).last
        return value.map { $0.trimmingCharacters(in: .whitespaces) }
    }
}
