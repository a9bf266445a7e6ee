import ArgumentParser

/// Measurements that anyone can repeat.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measures, on this machine, what the README claims.",
        subcommands: [
            NetworksBench.self, FaceBench.self, TransportBench.self, StartupBench.self, LiveBench.self,
            ChaosBench.self, SoakBench.self, LinksBench.self,
        ])
}
