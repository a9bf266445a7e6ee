import ArgumentParser
import Dataflow
import Foundation
import Launch
import Media
import NodeKit
import Tensors
import Wire

/// `personalive plugin run`: one plugin, fed with recordings, without a graph.
struct PluginRunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs a plugin without a graph, on recordings or on numbers that are made up.",
        discussion: """
            A recording is what 'personalive record', or the node 'record', made of an edge. Its outputs go \
            to the inputs of the same names; of one output and one input the names need not be equal, and \
            INPUT=FILE says for which input it is. Without a recording each input gets numbers that are \
            made up, in tensors of 16 and 24 along the axes with names unless --axis says otherwise. What \
            the plugin makes can be kept with --output; a recording's frames keep their numbers and times.

            Exit codes: 0 all went well, 1 the plugin failed or did something wrong, 2 node.yaml or a \
            recording has faults or cannot be read, 64 the command line is wrong.
            """)

    @OptionGroup var subject: PluginArguments

    @Argument(
        help: ArgumentHelp("Recordings, each of one input or of several.", valueName: "[input=]file"),
        completion: .file())
    var recordings: [String] = []

    @Option(
        name: .shortAndLong,
        help: """
            Where its outputs go: a recording; or, with '/' at its end, a new folder for pictures of its \
            first output of meaning 'rgb'.
            """)
    var output: String?

    @Option(help: "Stop after so many messages of each input; 25 of what is made up.")
    var frames: Int?

    @Option(
        name: .customLong("axis"), parsing: .singleValue,
        help: ArgumentHelp(
            "The extent of an axis of what is made up, such as h=512; may be repeated.",
            valueName: "name=extent"))
    var axes: [GraphSettings.Assignment] = []

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if let frames, frames < 1 { throw ValidationError("--frames must be at least 1") }
        for axis in axes where Int(axis.value).map({ !(1...65536).contains($0) }) ?? true {
            throw ValidationError("--axis \(axis.name)=\(axis.value): an extent is from 1 to 65536")
        }
        guard axes.isEmpty || recordings.isEmpty else {
            throw ValidationError("--axis is for what is made up: a recording has extents of its own")
        }
    }

    func run() throws {
        let (plugin, values) = try subject.load()
        let outputs = plugin.spec.resolved(with: Settings(values)).outputs
        let run: PluginRun
        do {
            run = try PluginRun(
                plugin, values: values, recordings: recordings.map { split($0, plugin.spec) },
                extents: Dictionary(axes.map { ($0.name, Int($0.value) ?? 1) }) { $1 },
                frames: frames, patience: .seconds(subject.patience),
                executable: Personalive.executable)
        } catch { throw failure("\(error)", code: 2) }
        let kept: KeptOutputs?
        do { kept = try output.map { try KeptOutputs($0, of: outputs, kind: plugin.spec.kind) } } catch {
            throw failure("\(error)", code: 1)
        }
        let outcome: PluginRun.Outcome
        do {
            outcome = try run.run(
                show: { FileHandle.standardError.write(Data("\($0)\n".utf8)) },
                take: { try kept?.take($0, $1) })
        } catch {
            throw failure("\(error)", code: error is RecordingError ? 2 : 1)
        }
        do { try kept?.finish() } catch { throw failure("\(error)", code: 1) }
        try report(outcome, plugin, kept)
        if outcome.failure != nil || !outcome.faults.isEmpty { throw ExitCode(1) }
    }

    /// A file, and the input before a '=' if the plugin has it.
    private func split(_ word: String, _ spec: NodeSpec) -> (input: String?, path: String) {
        let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2, spec.inputs.contains(where: { $0.name == parts[0] }) else {
            return (nil, word)
        }
        return (parts[0], parts[1])
    }

    private func failure(_ text: String, code: Int32) -> ExitCode {
        FileHandle.standardError.write(Data("error: \(text)\n".utf8))
        return ExitCode(code)
    }

    // MARK: What came of it

    fileprivate struct Answer: Encodable {
        struct Ticks: Encodable { let p50_ms, p95_ms, maximum_ms: Double }
        struct Drop: Encodable {
            let reason: String
            let frames: Int
        }
        let kind: String
        let inputs, outputs: [String: Int]
        let seconds: Double
        /// Null where the program does not report how long its ticks take.
        let ticks: Ticks?
        let dropped: [Drop]
        let failure: String?
        let faults: [PluginCheck.Fault]
        let kept: String?
    }

    private func report(_ outcome: PluginRun.Outcome, _ plugin: Plugin, _ kept: KeptOutputs?) throws {
        let work = outcome.report?.work
        let times = [0.5, 0.95].compactMap { work?.percentile($0) }
        let answer = Answer(
            kind: plugin.spec.kind, inputs: outcome.fed, outputs: outcome.made, seconds: outcome.seconds,
            ticks: times.count == 2
                ? .init(p50_ms: times[0], p95_ms: times[1], maximum_ms: work?.maximum ?? 0) : nil,
            dropped: (outcome.report?.dropped ?? []).map { .init(reason: $0.reason, frames: $0.frames.count) },
            failure: outcome.failure, faults: outcome.faults, kept: kept?.words)
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(answer), as: UTF8.self))
        } else {
            print(answer.text)
        }
        if let failure = outcome.failure {
            FileHandle.standardError.write(
                Data("error: '\(plugin.spec.kind)' failed \(failure)\n".utf8))
        }
    }
}

extension PluginRunCommand.Answer {
    fileprivate var text: String {
        func counts(_ ports: [String: Int]) -> String {
            ports.isEmpty
                ? "nothing"
                : ports.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        }
        let most = Double((inputs.isEmpty ? outputs : inputs).values.max() ?? 0)
        var lines = [
            "\(kind): in \(counts(inputs)); out \(counts(outputs)); "
                + String(format: "%.2f s, %.1f a second", seconds, most / max(seconds, 1e-6))
        ]
        if let ticks {
            lines.append(
                String(
                    format: "a tick takes %.2f ms (p50), %.2f ms (p95), %.2f ms at most",
                    ticks.p50_ms, ticks.p95_ms, ticks.maximum_ms))
        }
        lines += dropped.map { "dropped \($0.frames): \($0.reason)" }
        lines += faults.map { "WRONG: found:  \($0.found)\n       needed: \($0.needed)" }
        if let kept { lines.append(kept) }
        return lines.joined(separator: "\n")
    }
}

/// What a plugin has made, in a recording or as pictures.
private final class KeptOutputs {
    private enum Place {
        case recording(Recording.Writer)
        case pictures(PictureFolder, port: String)
    }

    private let place: Place
    private let path: String
    private let indexes: [String: Int]
    private var count = 0
    /// What is there now, for a person; nil where nothing came.
    private(set) var words: String?

    init(_ path: String, of outputs: [PortSpec], kind: String) throws {
        self.path = path
        indexes = Dictionary(uniqueKeysWithValues: outputs.enumerated().map { ($1.name, $0) })
        guard !outputs.isEmpty else {
            throw RecordingError("'\(kind)' has no outputs: there is nothing to keep in \(path)")
        }
        guard path.hasSuffix("/") else {
            // A folder's pictures are never written over, and so is no recording: it may be an input.
            guard !FileManager.default.fileExists(atPath: path) else {
                throw RecordingError("\(path) is there already: remove it, or take another --output")
            }
            place = .recording(
                try Recording.Writer(
                    path: path,
                    outputs.map {
                        Recording.Header(
                            from: "\(kind).\($0.name)", port: $0.name, type: $0.elementType.name,
                            axes: $0.axesText, meaning: $0.meaning)
                    }))
            return
        }
        guard let port = outputs.first(where: { $0.meaning == "rgb" && $0.elementType == .uint8 }) else {
            throw RecordingError(
                "'\(kind)' has no output of type u8 and meaning rgb, so there are no pictures for \(path): "
                    + "write a recording, without '/' at the end of its name")
        }
        place = .pictures(try PictureFolder(path: path), port: port.name)
    }

    func take(_ port: PortSpec, _ message: Message) throws {
        let (tensor, stamp) = (message.tensor, message.stamp)
        switch place {
        case .recording(let writer):
            try tensor.withBytes {
                try writer.write(
                    tensor.elementType, tensor.shape, stamp, $0, of: indexes[port.name] ?? 0)
            }
        case .pictures(let folder, let wanted):
            guard port.name == wanted else { return }
            guard tensor.shape.count == 4, tensor.shape[0] == 1, tensor.shape[3] == 3,
                let frame = tensor.typed(UInt8.self)
            else {
                throw RecordingError("output '\(wanted)' sent \(tensor.shape), which is no picture [1, h, w, 3]")
            }
            try folder.write(frame, presentation: stamp.presentation, duration: stamp.duration)
        }
        count += 1
    }

    /// Puts what there is in its place.
    func finish() throws {
        switch place {
        case .recording(let writer):
            guard count > 0 else { return writer.discard() }
            try writer.finish()
            words = "\(path): \(count) messages, \(writer.bytes >> 10) KiB"
        case .pictures(let folder, _):
            // Without a picture it only takes its draft away.
            guard count > 0 else {
                _ = try? folder.finish()
                return
            }
            _ = try folder.finish()
            words = "\(path): \(count) pictures"
        }
    }
}
