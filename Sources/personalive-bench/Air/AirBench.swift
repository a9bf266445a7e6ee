import ArgumentParser
import Foundation

/// `personalive-bench air`: a stream with sound to a server that is killed now and then.
struct AirBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "air",
        abstract: "Streams with sound for long, kills the server, and says whether sound and picture stay together.",
        discussion: """
            A film of flashes with a beep each goes through half a second of delay, 'live-encoder' and \
            'stream-out' to nginx with its RTMP module, and into a file. FFmpeg plays the stream now and then \
            and says when each flash and each beep begins. The server is killed at even distances and is back \
            10 s later.

            Needs apt's nginx-light, libnginx-mod-rtmp and ffmpeg. Exit codes: 0 sound and picture are less \
            than 40 ms apart all the time, the file lacks nothing that was compressed, every frame is \
            accounted for and no process grows; 1 not.
            """)

    @Option(help: "How long.")
    var minutes = 60.0

    @Option(help: "How often the server is killed.")
    var kills = 6

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard minutes >= 0.5, kills >= 0, Double(kills) <= minutes * 2 else {
            throw ValidationError("--minutes is at least 0.5, and there are two --kills a minute at most")
        }
    }

    func run() throws {
        var measurement = Measurement("air", json: json)
        let outcome = try Air(minutes: minutes, kills: kills, note: measurement.note).run()
        measurement.show(outcome.text)
        try measurement.finish(outcome)
        guard outcome.faults.isEmpty else { throw ExitCode(1) }
    }
}
