import Foundation

/// What a measurement must say of the machine and the process it was taken in.
enum ThisMachine {
    /// The processor's name, or "unknown processor".
    static var processor: String { field("model name", in: "/proc/cpuinfo") ?? "unknown processor" }

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
