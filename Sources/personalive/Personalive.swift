import ArgumentParser
import Foundation

/// The tool: one file per subcommand.
@main
struct Personalive: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "personalive",
        abstract: "Animates a portrait photo from a video or webcam, live.",
        version: "0.1.0",
        subcommands: [
            RunCommand.self,
            StatusCommand.self,
            LogsCommand.self,
            LogCommand.self,
            TopCommand.self,
            StudioCommand.self,
            MetricsCommand.self,
            TraceCommand.self,
            RecordCommand.self,
            SwapCommand.self,
            ApplyCommand.self,
            SetCommand.self,
            FlushCommand.self,
            CheckCommand.self,
            PlanCommand.self,
            DoctorCommand.self,
            DevicesCommand.self,
            DeployCommand.self,
            GraphCommand.self,
            NodesCommand.self,
            SchemaCommand.self,
            PluginCommand.self,
            CompareCommand.self,
            EvaluateCommand.self,
            VerifyCommand.self,
            KeysCommand.self,
            ConsentCommand.self,
            DemoMediaCommand.self,
            ModelsCommand.self,
            NodeCommand.self,
            AgentCommand.self,
            ParityCommand.self,
        ])

    /// This program, as a path that can be started again.
    static var executable: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
            ?? CommandLine.arguments[0]
    }
}
