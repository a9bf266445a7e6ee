import Foundation
import Glibc
import NodeKit

/// A graph file, from its bytes to a checked graph.
package enum GraphFile {
    /// A graph of a hundred nodes takes 20 KB.
    static let largestSize = 1_000_000

    /// What came of checking one file.
    package struct Check: Sendable {
        /// The graph, unless the file has errors.
        package let graph: CheckedGraph?
        /// All faults and warnings, from top to bottom.
        package let diagnostics: [Diagnostic]
        /// False when there was no file to read.
        package let isReadable: Bool
        private let sources: [SourceText]

        fileprivate init(
            _ sources: [SourceText], graph: CheckedGraph?, diagnostics: [Diagnostic],
            isReadable: Bool = true
        ) {
            self.sources = sources
            self.graph = graph
            self.diagnostics = diagnostics
            self.isReadable = isReadable
        }

        /// Number of diagnostics that are errors.
        package var errorCount: Int { diagnostics.count { $0.severity == .error } }

        /// All diagnostics as compilers write them, each with its source line and carets.
        package var text: String { text(without: []) }

        /// The same without those of some codes.
        package func text(without codes: Set<String>) -> String {
            diagnostics.filter { !codes.contains($0.code) }.map { $0.text(in: sources) }.joined()
        }

        /// All diagnostics for programs.
        package var json: [JSONValue] { diagnostics.map { $0.json(files: sources.map(\.name)) } }
    }

    /// Reads and checks a file; starts nothing and writes nothing.
    ///
    /// - Parameter overrides: values of `--set`, which replace those of the block `settings:`.
    package static func check(
        path: String, overrides: [(name: String, value: String)] = [], registry: NodeRegistry
    ) -> Check {
        do {
            return check(
                bytes: try bytes(of: path), name: path, overrides: overrides, registry: registry)
        } catch {
            return Check(
                [SourceText(name: path, text: "")], graph: nil,
                diagnostics: [Diagnostic(error, at: .wholeFile)], isReadable: error.isReadable)
        }
    }

    /// Checks a text as if it were a file of that name.
    package static func check(
        text: String, name: String = "graph.yaml", overrides: [(name: String, value: String)] = [],
        registry: NodeRegistry
    ) -> Check {
        check(bytes: Array(text.utf8), name: name, overrides: overrides, registry: registry)
    }

    /// Checks bytes as if they were those of a file of that name.
    package static func check(
        bytes: [UInt8], name: String, overrides: [(name: String, value: String)] = [],
        replacements: [NodeReplacement] = [], registry: NodeRegistry
    ) -> Check {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let bytes = bytes.starts(with: mark) ? Array(bytes.dropFirst(mark.count)) : bytes
        let source = SourceText(name: name, text: String(decoding: bytes, as: UTF8.self))
        if let fault = encodingFault(bytes) {
            return Check([source], graph: nil, diagnostics: [fault])
        }
        var findings = Findings()
        var composer = YAMLComposer(bytes: ReferenceMask.masked(bytes), source: source)
        let root = composer.document()
        findings.add(composer.diagnostics)
        guard let root else { return Check([source], graph: nil, diagnostics: findings.inOrder) }
        var reader = GraphReader(findings: findings)
        let document = reader.document(root, overrides: overrides)
        var parts = GraphParts(findings: reader.findings, sources: [source])
        var whole = parts.expand(document, files: [name])
        for replacement in replacements { replacement.apply(to: &whole, registry) }
        var checker = GraphChecker(
            path: name, files: parts.sources.map(\.name), document: whole, registry: registry,
            findings: parts.findings)
        let graph = checker.graph()
        return Check(parts.sources, graph: graph, diagnostics: checker.findings.inOrder)
    }

    /// The file's bytes, to be checked again later; nil when it cannot be read, or not without waiting,
    /// as a pipe.
    package static func contents(of path: String) -> [UInt8]? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return try? bytes(of: path)
    }

    static func bytes(of path: String) throws(FileFault) -> [UInt8] {
        // A pipe that nobody writes to must not hold us up before we have looked at it.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT || path.isEmpty { throw .missing(URL(fileURLWithPath: path).path) }
            throw .lastSystemError
        }
        defer { close(descriptor) }
        var status = stat()
        if fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
            throw .unreadable("it is a folder")
        }
        return try bytes(of: descriptor)
    }

    /// How long a pipe is waited for that nobody has opened for writing.
    private static let patience = Duration.seconds(2)

    private static func bytes(of descriptor: Int32) throws(FileFault) -> [UInt8] {
        // One byte more than allowed is enough to know, and a pipe has no size to ask for.
        var bytes = [UInt8](repeating: 0, count: largestSize + 1)
        var count = 0, isPipe = false, hasWriter = false
        var status = stat()
        if fstat(descriptor, &status) == 0 { isPipe = status.st_mode & S_IFMT == S_IFIFO }
        let deadline = ContinuousClock.now + patience
        while count < bytes.count {
            let part = bytes.withUnsafeMutableBytes {
                read(descriptor, $0.baseAddress! + count, $0.count - count)
            }
            var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            switch part {
            case 1...:
                count += part
                hasWriter = true
            case 0:
                // A pipe without a writer is at its end, or has not begun.
                guard isPipe, !hasWriter else { return Array(bytes[..<count]) }
                guard ContinuousClock.now < deadline else { throw .unwritten }
                _ = poll(&item, 1, 20)
                if item.revents & Int16(POLLHUP) != 0 { usleep(20_000) }
            default:
                guard errno == EAGAIN || errno == EINTR else { throw .lastSystemError }
                hasWriter = true
                _ = poll(&item, 1, 1000)
            }
        }
        throw .tooLarge
    }

    static func encodingFault(_ bytes: [UInt8], file: Int = 0) -> Diagnostic? {
        let wholeFile = SourceRange(line: 0, column: 0, length: 0, file: file)
        if bytes.count > largestSize { return Diagnostic(FileFault.tooLarge, at: wholeFile) }
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            return Diagnostic(FileFault.utf16, at: wholeFile)
        }
        guard String(validating: bytes, as: UTF8.self) == nil else { return nil }
        var place = SourceRange(line: 1, column: 1, length: 1, file: file)
        var decoder = UTF8()
        var rest = bytes.makeIterator()
        while case .scalarValue(let scalar) = decoder.decode(&rest) {
            place.column += 1
            if scalar == "\n" { (place.line, place.column) = (place.line + 1, 1) }
        }
        return Diagnostic(FileFault.notUTF8, at: place)
    }
}

/// What can be wrong with a file as such.
enum FileFault: Error, Fault {
    case missing(String)
    case unreadable(String)
    /// A pipe that nobody has open for writing.
    case unwritten
    case tooLarge
    case notUTF8
    case utf16

    static var lastSystemError: FileFault { .unreadable(String(cString: strerror(errno))) }

    var isReadable: Bool {
        switch self {
        case .missing, .unreadable, .unwritten: false
        case .tooLarge, .notUTF8, .utf16: true
        }
    }

    var words: FaultWords {
        switch self {
        case .missing(let full):
            FaultWords("file-missing", "there is no such file (looked for \(full))")
        case .unreadable(let reason):
            FaultWords("file-unreadable", "the file cannot be read: \(reason)")
        case .unwritten:
            FaultWords(
                "file-unreadable", "it is a pipe that no program writes to",
                hint: "give a file, or start what writes the graph first")
        case .tooLarge:
            FaultWords("file-too-large", "a graph file has at most 1 MB, and this one has more")
        case .notUTF8:
            FaultWords("not-utf8", "this is not UTF-8 text", hint: "save the file as UTF-8")
        case .utf16:
            FaultWords("not-utf8", "this is UTF-16, not UTF-8", hint: "save the file as UTF-8")
        }
    }
}
