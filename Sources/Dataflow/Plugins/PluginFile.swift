import Foundation
import NodeKit

/// A plugin's `node.yaml`, from its bytes to a kind of node.
package enum PluginFile {
    package static let name = "node.yaml"

    /// What came of reading one file.
    package struct Check: Sendable {
        package let file: String
        /// The plugin, unless its file has errors.
        package let plugin: Plugin?
        /// What the file says to define, perhaps in vain.
        package let kind: String?
        package let diagnostics: [Diagnostic]
        let kindPlace: SourceRange
        private let source: SourceText

        fileprivate init(
            _ source: SourceText, plugin: Plugin? = nil, kind: Located<String>? = nil,
            diagnostics: [Diagnostic]
        ) {
            file = source.name
            self.plugin = plugin
            self.kind = kind?.value
            kindPlace = kind?.place ?? .wholeFile
            self.diagnostics = diagnostics
            self.source = source
        }

        private init(_ other: Check, adding fault: PluginFault) {
            (file, plugin, kind, kindPlace) = (other.file, nil, other.kind, other.kindPlace)
            diagnostics = other.diagnostics + [Diagnostic(fault, at: other.kindPlace)]
            source = other.source
        }

        /// The same file once its kind turned out to be another's.
        func refused(because owner: String) -> Check {
            Check(self, adding: .kindTaken(kind ?? "", by: owner))
        }

        /// All diagnostics as compilers write them.
        package var text: String { diagnostics.map { $0.text(in: source) }.joined() }
        /// All diagnostics for programs.
        package var json: [JSONValue] { diagnostics.map { $0.json(file: source.name) } }
    }

    /// Reads and checks a file; starts nothing.
    package static func check(path: String) -> Check {
        do {
            return check(bytes: try GraphFile.bytes(of: path), path: path)
        } catch {
            let source = SourceText(name: path, text: "")
            return Check(source, diagnostics: [Diagnostic(error, at: .wholeFile)])
        }
    }

    /// Checks bytes as if they were those of a file there.
    package static func check(bytes: [UInt8], path: String) -> Check {
        let source = SourceText(name: path, text: String(decoding: bytes, as: UTF8.self))
        if let fault = GraphFile.encodingFault(bytes) {
            return Check(source, diagnostics: [fault])
        }
        var findings = Findings()
        var composer = YAMLComposer(bytes: bytes, source: source)
        let root = composer.document()
        findings.add(composer.diagnostics)
        guard let root else { return Check(source, diagnostics: findings.inOrder) }
        var reader = PluginReader(file: path, findings: findings)
        let plugin = reader.plugin(root)
        return Check(
            source, plugin: plugin, kind: reader.kind, diagnostics: reader.findings.inOrder)
    }
}
