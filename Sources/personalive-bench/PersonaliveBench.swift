import ArgumentParser

/// Measurements and attacks that anyone can repeat: none of it is part of `personalive` itself.
@main
struct PersonaliveBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "personalive-bench",
        abstract: "Measures, on this machine, what the README claims of 'personalive'.",
        discussion: """
            The program that is measured is 'personalive' in the same folder. Every figure comes with \
            the machine, the commit, the load and the date; --json prints them as one object.
            """,
        subcommands: [
            NetworksBench.self, FaceBench.self, WarpBench.self, TransportBench.self, StartupBench.self,
            LiveBench.self,
            ChaosBench.self, SoakBench.self, AirBench.self, LinksBench.self, MisbehaveCommand.self,
        ])
}
