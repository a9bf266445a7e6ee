import Foundation
import Glibc

/// Hosts of `Tests/Machines/hosts`, which `make test-machines` has made: network namespaces with
/// addresses of their own, reached by `ssh`.
enum Hosts {
    /// Where their keys are; nil where there are no such hosts.
    static let folder = ProcessInfo.processInfo.environment["PERSONALIVE_HOSTS"]
    /// Whether the two are a Slurm cluster as well.
    static let hasSlurm = ProcessInfo.processInfo.environment["SLURM_CONF"] != nil
    /// Where the supervisor runs, and the two that it reaches.
    static let (here, middle, last) = ("pl-a", "pl-b", "pl-c")

    /// A graph's `machines:` with these two.
    static var machines: String {
        let entries = [middle, last].map {
            "  \($0): { ssh: { host: \($0), config: \(folder ?? "")/ssh_config } }"
        }
        return "machines:\n" + entries.joined(separator: "\n") + "\n"
    }

    /// What runs of this tool on a host, by process: its arguments.
    static func processes(on host: String) -> [Int32: [String]] {
        let listing = Process(), output = Pipe()
        listing.executableURL = URL(fileURLWithPath: "/usr/sbin/ip")
        listing.arguments = ["netns", "pids", host]
        listing.standardOutput = output
        guard (try? listing.run()) != nil else { return [:] }
        let text = String(decoding: output.fileHandleForReading.readAll(), as: UTF8.self)
        listing.waitUntilExit()
        let pairs = text.split(separator: "\n").compactMap { Int32($0) }.map { ($0, words(of: $0)) }
        return Dictionary(uniqueKeysWithValues: pairs.filter { $1.first?.hasSuffix("/personalive") ?? false })
    }

    /// The process of a node on a host.
    static func process(of node: String, on host: String) -> Int32? {
        processes(on: host).first { $0.value.count > 2 && $0.value[1] == "node" && $0.value[2] == node }?.key
    }

    private static func words(of process: Int32) -> [String] {
        let data = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
        return data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Cuts a host's cable, or mends it.
    static func setCable(of host: String, _ state: String) throws {
        let command = try Process.run(
            URL(fileURLWithPath: "/usr/sbin/ip"), arguments: ["link", "set", host, state])
        command.waitUntilExit()
    }
}

extension Tool {
    /// The tool on one of the hosts.
    func enter(_ host: String) {
        process.arguments = ["--net=/run/netns/\(host)", program.path] + (process.arguments ?? [])
        process.executableURL = URL(fileURLWithPath: "/usr/bin/nsenter")
    }
}
