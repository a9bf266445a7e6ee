import CPosix
import Foundation
import Glibc

extension MachineFacts {
    /// What is so on this machine.
    init(runFolder: String, executable: String) {
        self.init(
            build: Self.build(of: executable), hostname: ProcessInfo.processInfo.hostName,
            workingFolder: FileManager.default.currentDirectoryPath, runFolder: runFolder,
            cores: ProcessInfo.processInfo.activeProcessorCount, memory: Self.freeMemory)
        let environment = ProcessInfo.processInfo.environment
        // "client port server port", as sshd puts it.
        let ends = environment["SSH_CONNECTION"]?.split(separator: " ").map(String.init) ?? []
        if ends.count == 4 { (callerAddress, ownAddress) = (ends[0], ends[2]) }
        // Set by the launcher, or by Slurm.
        ownAddress = environment["PERSONALIVE_ADDRESS"] ?? ownAddress
        callerAddress = environment["PERSONALIVE_CALLER"] ?? environment["SLURM_LAUNCH_NODE_IPADDR"]
            ?? callerAddress
    }

    /// Equal for equal programs; empty when it cannot be read.
    static func build(of executable: String) -> String {
        guard let data = try? Data(contentsOf: URL(fileURLWithPath: executable), options: .alwaysMapped)
        else { return "" }
        let hash = data.withUnsafeBytes { frame_hash($0.baseAddress, $0.count) }
        return String(hash, radix: 16)
    }

    private static var freeMemory: Int? {
        guard let text = try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8) else { return nil }
        let line = text.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
        return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
    }
}
