import NodeKit

extension Plugin {
    /// The node's settings with some of them given as text, as `with:` would give them.
    ///
    /// - Returns: every setting that has a value, defaults included, and what is wrong with the values
    ///   given, as text; nil when nothing is.
    package func values(_ assignments: [(name: String, value: String)])
        -> (values: [String: SettingValue], faults: String?)
    {
        var node = NodeDeclaration(name: spec.kind, place: .wholeFile)
        node.settings = assignments.map { name, value in
            (
                Located(value: name, place: .wholeFile),
                Scalar(text: value, isPlain: true, place: .wholeFile)
            )
        }
        var checker = SettingChecker(findings: Findings())
        let values = checker.values(of: node, spec, isLocal: true)
        let source = SourceText(name: "--set", text: "")
        let faults = checker.findings.inOrder.map { $0.text(in: source) }.joined()
        return (values, faults.isEmpty ? nil : faults)
    }
}
