import ArgumentParser
import Dataflow
import Foundation
import Tensors

/// `personalive graph`: a picture of a graph file.
struct GraphCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "graph",
        abstract: "Draws a graph file: nodes, and edges with port, type, axes and policy.",
        discussion: """
            Exit codes: 0 drawn, 1 the graph has faults or cannot be drawn, 2 the file cannot be \
            read, 64 the command line is wrong.
            """)

    @Argument(help: "The graph file.", completion: .file(extensions: ["yaml", "yml"]))
    var file: String

    @OptionGroup var settings: GraphSettings

    @Option(help: "text, mermaid, dot, or svg (which needs Graphviz).")
    var format: Format?

    @Option(name: .shortAndLong, help: "Where to write; its ending can tell the format.")
    var output: String?

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, mermaid, dot, svg
    }

    func run() throws {
        let plugins = PluginFolders.load(besides: file)
        plugins.report()
        let check = GraphFile.check(
            path: file, overrides: settings.overrides, registry: plugins.registry)
        FileHandle.standardError.write(Data(check.text.utf8))
        guard let graph = check.graph else { throw ExitCode(check.isReadable ? 1 : 2) }
        let own = Set(([file] + graph.parts.map(\.file)).compactMap { try? FilePlace($0) })
        if let output, let place = try? FilePlace(output), own.contains(place) {
            throw DrawingError.unwritable(output, reason: "it is the graph file itself, or a part of it")
        }
        let drawing = GraphDrawing(graph)
        switch format ?? formatOfOutput {
        case .text: try write(drawing.text)
        case .mermaid: try write(drawing.mermaid)
        case .dot: try write(drawing.dot)
        case .svg: try write(Self.svg(drawing.dot))
        }
    }

    private var formatOfOutput: Format {
        switch output?.split(separator: ".").last {
        case "svg": .svg
        case "dot", "gv": .dot
        case "mmd", "mermaid", "md": .mermaid
        default: .text
        }
    }

    private func write(_ text: String) throws {
        guard let output else { return print(text, terminator: "") }
        do throws(DraftError) { try Draft.write(text.utf8, to: output) } catch {
            throw DrawingError.unwritable(output, reason: error.reason)
        }
    }

    /// Lets Graphviz lay the drawing out. Files instead of pipes: neither side can block the other.
    private static func svg(_ dot: String) throws -> String {
        let search = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        let program = search.map { "\($0)/dot" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
        guard let program else { throw DrawingError.noGraphviz }
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("personalive-graph-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (source, picture) = (
            folder.appendingPathComponent("graph.dot"), folder.appendingPathComponent("graph.svg")
        )
        try Data(dot.utf8).write(to: source)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = ["-Tsvg", "-o", picture.path, source.path]
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw DrawingError.graphvizFailed(status: process.terminationStatus)
        }
        return try String(contentsOf: picture, encoding: .utf8)
    }
}

/// Why a graph could not be drawn.
private enum DrawingError: Error, CustomStringConvertible {
    case noGraphviz
    case graphvizFailed(status: Int32)
    case unwritable(String, reason: String)

    var description: String {
        switch self {
        case .noGraphviz:
            "SVG is drawn by Graphviz, which is not installed: sudo apt install graphviz "
                + "(or use --format mermaid, which needs nothing)"
        case .graphvizFailed(let status): "dot -Tsvg ended with status \(status)"
        case .unwritable(let path, let reason): "cannot write \(path): \(reason)"
        }
    }
}
