extension GraphReader {
    /// Crashes that can be forgiven within the time: more would be a loop.
    static let restartLimits = 0...1000

    /// `never`, or a mapping with what differs from the usual.
    mutating func restart(_ node: YAMLNode) -> RestartPolicy {
        guard case .mapping(let entries) = node.content else {
            guard let word = scalar(node, "'restart'") else { return .usual }
            if word.text == "never" { return .never }
            let fault = ShapeFault.wrongShape(
                what: "'restart'", needed: "'never' or a mapping", found: word.text.quoted)
            report(fault, at: word.place, notes: word.notes)
            return .usual
        }
        var policy = RestartPolicy.usual
        for entry in entries {
            switch entry.key {
            case "limit":
                let limit = whole(entry.value, "'limit'", within: Self.restartLimits)
                policy.limit = limit?.value ?? policy.limit
            case "within": policy.within = duration(entry.value, "'within'") ?? policy.within
            case "backoff": policy.backoff = duration(entry.value, "'backoff'") ?? policy.backoff
            default: unknownKey(entry, owner: "'restart'", known: Self.restartKeys)
            }
        }
        return policy
    }
}
