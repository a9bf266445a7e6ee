import ArgumentParser

/// The tool: one file per subcommand.
@main
struct Personalive: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "personalive",
        abstract: "Animates a portrait photo from a video or webcam, live.",
        subcommands: [
        ])
}
