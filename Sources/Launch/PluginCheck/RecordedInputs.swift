import Dataflow
import NodeKit
import Tensors
import Wire

/// Recordings, as the inputs of a node take them.
///
/// Messages of one file may be of several inputs; those of one that is not asked for yet are kept.
final class RecordedInputs {
    private struct Source {
        let path: String
        let reader: Recording.Reader
        /// By output that was recorded, the input that it is for; nil for none.
        let inputs: [String?]
    }

    private var sources: [Source] = []
    private let ports: [String: PortSpec]
    private var waiting: [String: [Message]] = [:]
    /// Files that broke off where they were read to their end.
    private(set) var cutShort: Set<String> = []
    /// Names of the inputs that have a recording.
    var inputs: Set<String> { Set(sources.flatMap(\.inputs).compactMap(\.self)) }

    /// - Throws: ``RecordingError`` for a file that cannot be read or is of no input, and for an input that
    ///   needs one and has none.
    init(_ spec: NodeSpec, _ recordings: [(input: String?, path: String)]) throws {
        ports = Dictionary(uniqueKeysWithValues: spec.inputs.map { ($0.name, $0) })
        for (input, path) in recordings { try add(path, for: input, of: spec) }
        let missing = spec.inputs.filter { !$0.isOptional && !inputs.contains($0.name) }
        guard let first = missing.first else { return }
        throw RecordingError(
            "no recording is of input '\(first.name)' of '\(spec.kind)': name its file, as "
                + "\(first.name)=FILE")
    }

    private func add(_ path: String, for input: String?, of spec: NodeSpec) throws {
        let reader = try Recording.Reader(path: path)
        let headers = reader.headers
        let names = headers.map { header -> String? in
            if let input { return headers.count == 1 || header.port == input ? input : nil }
            // One output and one input need not be called the same.
            if headers.count == 1, spec.inputs.count == 1 { return spec.inputs[0].name }
            return ports[header.port] == nil ? nil : header.port
        }
        guard names.contains(where: { $0 != nil }) else {
            throw RecordingError(
                "\(path) has \(Self.listed(headers.map(\.port))), and '\(spec.kind)' the inputs "
                    + "\(Self.listed(spec.inputs.map(\.name))): say which it is for, as INPUT=\(path)")
        }
        for (header, name) in zip(headers, names) {
            guard let port = name.flatMap({ ports[$0] }) else { continue }
            if inputs.contains(port.name) {
                throw RecordingError("input '\(port.name)' has two recordings; \(path) is the second")
            }
            try check(header, of: path, for: port)
        }
        sources.append(Source(path: path, reader: reader, inputs: names))
    }

    /// As the graph checker has it: type, meaning and the number of axes are the port's.
    private func check(_ header: Recording.Header, of path: String, for port: PortSpec) throws {
        guard header.type != port.elementType.name || header.meaning != port.meaning
            || Axis.parse(header.axes)?.count != port.axes.count
        else { return }
        throw RecordingError(
            "\(path) has \(header.type) [\(header.axes)] (\(header.meaning)) of '\(header.from)', and input "
                + "'\(port.name)' takes \(port.elementType.name) [\(port.axesText)] (\(port.meaning))")
    }

    private static func listed(_ names: [String]) -> String {
        names.map { "'\($0)'" }.joined(separator: ", ")
    }

    /// The file that an input's messages are from.
    func path(of input: String) -> String {
        sources.first { $0.inputs.contains(input) }?.path ?? "-"
    }

    /// The shapes of the inputs' first messages.
    func firstShapes() throws -> [(port: PortSpec, shape: [Int])] {
        try ports.values.sorted { $0.name < $1.name }.compactMap { port in
            guard let message = try next(for: port) else { return nil }
            waiting[port.name, default: []].insert(message, at: 0)
            return (port, message.tensor.shape)
        }
    }

    /// An input's next message; nil at the end, and where it has no recording.
    func next(for port: PortSpec) throws -> Message? {
        if let first = waiting[port.name]?.first {
            waiting[port.name]?.removeFirst()
            return first
        }
        guard let source = sources.first(where: { $0.inputs.contains(port.name) }) else { return nil }
        while let (index, message) = try source.reader.nextOfAny() {
            guard message.stamp.isInRange else {
                throw RecordingError("\(source.path) is damaged: a message has an impossible number or time")
            }
            guard let name = source.inputs[index] else { continue }
            if name == port.name { return message }
            waiting[name, default: []].append(message)
        }
        if source.reader.isCutShort { cutShort.insert(source.path) }
        return nil
    }
}
