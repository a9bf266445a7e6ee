import ArgumentParser
import CPosix
import Foundation
import Glibc
import Launch
import NodeKit

/// `personalive record`: what flows on an edge of a running graph, in a file.
struct RecordCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "record",
        abstract: "Taps an edge of a running graph to a file, which the node 'replay' sends again.",
        discussion: """
            Nobody waits for a recording: the graph goes on as before, and what the disk was too slow \
            for is counted as missed. It ends with the stream, after --frames or --seconds, or with \
            Ctrl-C. Exit codes: 0 recorded, 1 no such run or edge, or nothing came, 64 the command \
            line is wrong.
            """)

    @Argument(
        help: ArgumentHelp(
            "A run's name or folder; '-' while only one runs.", valueName: "run"))
    var target: String

    @Argument(help: "The output to tap: node.port, such as decoder.frame.")
    var edge: String

    @Argument(help: "The file to write.", completion: .file())
    var file: String

    @Option(help: "Stop after so many messages.")
    var frames: Int?

    @Option(help: "Stop after so many seconds.")
    var seconds: Double?

    func validate() throws {
        if let frames, frames < 1 { throw ValidationError("--frames must be at least 1") }
        if let seconds, seconds <= 0 { throw ValidationError("--seconds must be more than 0") }
    }

    func run() throws {
        let (client, status) = try reached()
        guard let tapped = status.edges.first(where: { $0.from == edge }) else {
            let known = Set(status.edges.map(\.from)).sorted().joined(separator: ", ")
            throw failure("'\(edge)' is no output of this run that an edge begins at; those are \(known)")
        }
        let port = String(edge.drop { $0 != "." }.dropFirst())
        guard let type = tapped.type else {
            throw failure("the run does not say what flows on '\(edge)'")
        }
        let signals = posix_signals([SIGINT, SIGTERM], 2)
        let writer: Recording.Writer
        do {
            writer = try Recording.Writer(
                path: file,
                Recording.Header(
                    from: edge, port: port, type: type.type, axes: type.axes, meaning: type.meaning))
        } catch { throw failure("\(error)") }
        let tap = try EdgeTap(try place(client))
        do { try record(tap, of: client.folder, to: writer, signals) } catch let fault as MachineFault {
            FileHandle.standardError.write(Data("warning: \(fault)\n".utf8))
        }
        guard writer.count > 0 else {
            writer.discard()
            throw failure(
                "nothing came from '\(edge)': it sends nothing now, or its node lets nobody look on")
        }
        try writer.finish()
        let missed = tap.missed > 0 ? ", \(tap.missed) missed" : ""
        print("\(file): \(writer.count) messages, \(writer.bytes >> 10) KiB\(missed)")
    }

    private func record(
        _ tap: EdgeTap, of folder: String, to writer: Recording.Writer, _ signals: Int32
    ) throws {
        let began = posix_monotonic_ns()
        var elapsed: Double { Double(posix_monotonic_ns() - began) / 1e9 }
        while writer.count < frames ?? .max, elapsed < seconds ?? .infinity {
            if posix_next_signal(signals) != 0 { return }
            switch try tap.next(milliseconds: 100) {
            case .message(let stamp, let tensor):
                try tensor.withBytes {
                    try writer.write(tensor.elementType, tensor.shape, stamp, $0)
                }
            case .end: return
            case nil:
                // The run may be gone without a word.
                if writer.count == 0, elapsed > 10 { return }
                if access(folder, F_OK) != 0 { return }
            }
        }
    }

    private func place(_ client: RunClient) throws -> EdgePlace {
        switch try client.ask(.look(edge)) {
        case .place(let place): return place
        case .refused(let reason): throw failure(reason)
        default: throw failure("the run answers something else")
        }
    }

    private func reached() throws -> (RunClient, RunStatus) {
        do {
            let client = try RunClient(target == "-" ? nil : target)
            return (client, try client.status())
        } catch let error as RunClientError {
            throw failure(error.description)
        }
    }

    private func failure(_ text: String) -> ExitCode {
        FileHandle.standardError.write(Data("error: \(text)\n".utf8))
        return ExitCode(1)
    }
}
