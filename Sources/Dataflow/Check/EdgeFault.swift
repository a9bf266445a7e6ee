import NodeKit

/// What can be wrong with nodes and the edges between them.
enum EdgeFault: Fault {
    case unknownKind(String, nearest: String?)
    case brokenPlugin(String, file: String)
    case unknownMachine(String, nearest: String?, known: [String])
    case unknownInput(String, kind: String, hint: String)
    case unconnected(PortSpec, node: String, candidates: [String])
    case malformedSource(String, hint: String?)
    case unknownNode(String, source: String, nearest: String?)
    case unknownOutput(String, node: String, nearest: String?, known: [String])
    case selfEdge(String)
    case elementTypes(EdgeEnds)
    case meanings(EdgeEnds, hint: String?)
    case axisCounts(EdgeEnds)
    case axes(EdgeEnds, index: Int, conflict: AxisConflict)
    case cycle([String])
    case ignoredWithOutputs(String, outputs: [String])
    case keepOfValue(Keep, EdgeEnds)
    case lastOfStream(EdgeEnds)
    case windowTooSmall(given: Int, needed: Int, holders: [String], node: String)
    case deadEnd(String, outputs: [String])
    case notHalvable(EdgeEnds)
    case unprepared(String, source: String, kind: String)
    case content(ContentFault)
    case thinnedValue(EdgeEnds)
    case conditionOfValue(String)
    case notScalar(String, PortSpec, candidates: [String])
    case replicas(node: String, kind: String, reason: String, hint: String)
    case severalMachines(node: String)

    var words: FaultWords {
        switch self {
        case .unknownKind(let kind, let nearest):
            FaultWords(
                "unknown-kind", "there is no kind of node called \(kind.quoted)",
                hint: nearest.map { "did you mean \($0.quoted)?" }
                    ?? "'personalive nodes' lists them")
        case .brokenPlugin(let kind, let file):
            FaultWords(
                "broken-plugin", "the plugin that defines \(kind.quoted) has faults",
                hint: "see \(file)")
        case .unknownMachine(let name, let nearest, let known):
            FaultWords(
                "unknown-machine", "there is no machine \(name.quoted)",
                hint: nearest.map { "did you mean \($0.quoted)?" }
                    ?? (known.count > 1
                        ? "there are \(known.listed)" : "declare it under 'machines:'"))
        case .notHalvable(let ends):
            FaultWords(
                "not-halvable", "\(ends.from.quoted) does not allow half precision on the wire",
                hint: "leave 'wire:' out")
        case .unprepared(let input, let source, let kind):
            FaultWords(
                "unprepared-input",
                "\(input.quoted) gets the pictures of \(source.quoted) as they are: no face is looked "
                    + "for in them",
                hint: "put a node of kind \(kind.quoted) between them (with 'crop: none' it only "
                    + "says that they are head crops already)", severity: .warning)
        case .content(let fault):
            FaultWords(fault.code, fault.message, hint: fault.hint)
        case .replicas(let node, let kind, let reason, let hint):
            FaultWords(
                "no-replicas", "node \(node.quoted) (\(kind)) cannot have replicas: \(reason)",
                hint: hint)
        case .severalMachines(let node):
            FaultWords(
                "several-machines",
                "node \(node.quoted) is one process, and cannot be on several machines",
                hint: "remove 'replicas: 1', or name one machine")
        case .selfEdge(let node):
            FaultWords("self-edge", "node \(node.quoted) feeds itself")
        case .cycle(let names):
            FaultWords(
                "cycle", "these nodes wait for each other: \(names.joined(separator: " → "))",
                hint: "frames must be able to enter: cut one of these edges")
        case .deadEnd(let node, let outputs):
            FaultWords(
                "dead-end",
                "nothing takes what node \(node.quoted) makes (\(outputs.listed))",
                hint: "connect it, or remove the node", severity: .warning)
        case .windowTooSmall(let given, let needed, let holders, let node):
            FaultWords(
                "window-too-small",
                "a window of \(given) would stop the graph: \(holders.listed) "
                    + "\(holders.count == 1 ? "holds" : "hold") \(needed - 2) frames on the other "
                    + "way to \(node.quoted), and this edge must wait as long",
                hint: "write 'window: \(needed)', or leave it out")
        case .unknownInput, .unconnected, .malformedSource, .unknownNode, .unknownOutput:
            portWords
        default: meetingWords
        }
    }

    private var portWords: FaultWords {
        switch self {
        case .unknownInput(let port, let kind, let hint):
            FaultWords("unknown-input", "\(kind.quoted) has no input \(port.quoted)", hint: hint)
        case .unconnected(let port, let node, let candidates):
            FaultWords(
                "unconnected-input",
                "node \(node.quoted): input \(port.name.quoted) is not connected",
                hint: candidates.isEmpty
                    ? "no output of this graph gives \(port.typeText)"
                    : "connect it under 'in:' to \(candidates.either)")
        case .malformedSource(let text, let hint):
            FaultWords(
                "malformed-source", "\(text.quoted) is not of the form 'node.port'", hint: hint)
        case .unknownNode(let node, let source, let nearest):
            FaultWords(
                "unknown-node", "\(source.quoted): there is no node \(node.quoted)",
                hint: nearest.map { "did you mean \($0.quoted)?" })
        case .unknownOutput(let port, let node, let nearest, let known):
            FaultWords(
                "unknown-output", "node \(node.quoted) has no output \(port.quoted)",
                hint: nearest.map { "did you mean \($0.quoted)?" }
                    ?? (known.isEmpty ? "it has no outputs" : "it has \(known.listed)"))
        default: preconditionFailure("handled elsewhere")
        }
    }

    private var meetingWords: FaultWords {
        switch self {
        case .elementTypes(let ends):
            FaultWords(
                "element-types-differ",
                "\(ends) cannot meet: \(ends.output.elementType.name) is sent, "
                    + "\(ends.input.elementType.name) is needed")
        case .meanings(let ends, let hint):
            FaultWords(
                "meanings-differ",
                "\(ends) cannot meet: \(ends.output.meaning.quoted) is sent, "
                    + "\(ends.input.meaning.quoted) is needed",
                hint: hint)
        case .axisCounts(let ends):
            FaultWords(
                "axis-counts-differ",
                "\(ends) cannot meet: \(ends.output.axes.count) axes are sent, "
                    + "\(ends.input.axes.count) are needed")
        case .axes(let ends, let index, let conflict):
            FaultWords(
                "axes-differ",
                "\(ends) cannot meet: on axis \(index + 1), \(conflict.text(ends, index))")
        case .ignoredWithOutputs(let node, let outputs):
            FaultWords(
                "ignored-with-outputs",
                "\(node.quoted) cannot be ignored when it fails: it has \(outputs.count == 1 ? "the output" : "the outputs") \(outputs.listed), "
                    + "and what that feeds would wait for it",
                hint: "'ignore' is for nodes without outputs; leave it out here")
        case .keepOfValue(let keep, let ends):
            FaultWords(
                "keep-mismatch",
                "'keep: \(keep.rawValue)' is for streams, but \(ends.to.quoted) takes a value that "
                    + "stays valid",
                hint: "write 'keep: last', or leave it out")
        case .thinnedValue(let ends):
            FaultWords(
                "thinned-value",
                "'every' and 'rate' are for frames, but \(ends.to.quoted) takes "
                    + (ends.input.pace == .last ? "a value that stays valid" : "a stream that has none"),
                hint: "leave them out here")
        case .conditionOfValue(let input):
            FaultWords(
                "condition-of-value",
                "'when' and 'unless' are for frames that a node works on, but \(input.quoted) takes others",
                hint: "write it at the input that takes the frames")
        case .notScalar(let source, let port, let candidates):
            FaultWords(
                "condition-not-scalar",
                "\(source.quoted) is \(port.typeText), and a condition is one number: f32 [1] scalar",
                hint: candidates.isEmpty
                    ? "no output of this graph gives one; face-crop's 'found' does"
                    : "write \(candidates.either)")
        case .lastOfStream(let ends):
            FaultWords(
                "keep-mismatch",
                "'keep: last' is for values that stay valid, but \(ends.to.quoted) takes a stream",
                hint: "write 'keep: newest' to drop frames rather than fall behind")
        default: preconditionFailure("handled elsewhere")
        }
    }
}

/// The two ports of an edge.
struct EdgeEnds: CustomStringConvertible {
    let from: String
    let output: PortSpec
    let to: String
    let input: PortSpec

    var description: String { "\(from.quoted) and \(to.quoted)" }
}

extension PortSpec {
    /// Whether it gives one number for a frame.
    var isScalar: Bool {
        elementType == .float32 && axes == [.constant(1)] && meaning == "scalar"
    }

    /// An input that takes what this output gives.
    func asInput(named name: String, pace: Pace = .frame, isOptional: Bool = false) -> PortSpec {
        PortSpec(
            name: name, elementType: elementType, axes: axes, meaning: meaning, pace: pace,
            isOptional: isOptional, summary: summary)
    }

    /// `f32 [n 4 h w] latent/sd1`.
    package var typeText: String { "\(elementType.name) [\(axesText)] \(meaning)" }

    /// The same for one of its cases.
    func typeText(_ found: Case) -> String {
        let axes = found.axes.map(\.description).joined(separator: " ")
        return "\(elementType.name) [\(axes)] \(found.meaning)"
    }
}
