import ArgumentParser
import Foundation
import Launch
import Tensors

/// `personalive trace`: what a running graph does, for chrome://tracing or ui.perfetto.dev.
struct TraceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Writes a Chrome trace of a running graph: every tick of every node, and the way "
            + "of each frame.",
        discussion: """
            Open the file in ui.perfetto.dev or chrome://tracing. Nodes always remember their last \
            256 ticks, so nothing is switched on and nothing slows down. Exit codes: 0 written, 1 no \
            such run, or nothing happened in it, 64 the command line is wrong.
            """)

    @OptionGroup var target: RunArgument

    @Option(help: "How many seconds to look on.")
    var seconds = 5.0

    @Option(name: .shortAndLong, help: "The file to write.", completion: .file())
    var output = "trace.json"

    func validate() throws {
        guard seconds > 0, seconds <= 3600 else {
            throw ValidationError("--seconds is between 0 and 3600")
        }
    }

    func run() throws {
        let (client, first) = try target.reached()
        if let graph = try? FilePlace(first.graph), try Draft.place(output) == graph {
            throw ValidationError("\(output) is the graph file of the run: give the trace another name")
        }
        var trace = RunTrace()
        trace.take(first)
        let deadline = ContinuousClock.now + .seconds(seconds)
        repeat {
            guard let status = try? client.status() else { break }
            trace.take(status)
            Thread.sleep(forTimeInterval: 0.1)
        } while ContinuousClock.now < deadline
        guard trace.count > 0 else {
            FileHandle.standardError.write(Data("error: no node did anything in that time\n".utf8))
            throw ExitCode(1)
        }
        try Draft.write(trace.json(), to: output)
        print("\(output): \(trace.count) ticks of \(trace.nodes.count) nodes")
    }
}
