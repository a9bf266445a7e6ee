import ArgumentParser
import Media

/// `personalive demo-media`: draws what the demo graph works on.
struct DemoMediaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo-media",
        abstract: "Draws a portrait and a speaking, moving face for the demo.")

    @Argument(help: "The folder for portrait.png and driving.mp4.")
    var folder = "Models/demo"

    func run() throws {
        let paths = try DemoMedia.write(to: folder)
        print("\(paths.portrait)\n\(paths.driving)")
    }
}
