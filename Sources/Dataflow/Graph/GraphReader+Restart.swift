/// A node's `restart:` as the file has it.
struct RestartDeclaration {
    var policy = RestartPolicy.usual
    /// What follows when it is used up, where the file says so.
    var then: Located<RestartPolicy.Then>?
}

extension GraphReader {
    /// Crashes that can be forgiven within the time: more would be a loop.
    static let restartLimits = 0...1000

    /// `never`, `ignore`, or a mapping with what differs from the usual.
    mutating func restart(_ node: YAMLNode) -> RestartDeclaration? {
        guard case .mapping(let entries) = node.content else {
            guard let word = scalar(node, "'restart'") else { return nil }
            switch word.text {
            case "never":
                return RestartDeclaration(
                    policy: .never, then: Located(value: .fail, place: word.place))
            case "ignore":
                return RestartDeclaration(then: Located(value: .ignore, place: word.place))
            default: break
            }
            let fault = ShapeFault.wrongShape(
                what: "'restart'", needed: "'never', 'ignore' or a mapping",
                found: word.text.quoted)
            report(fault, at: word.place, notes: word.notes)
            return nil
        }
        var restart = RestartDeclaration()
        for entry in entries {
            switch entry.key {
            case "limit":
                let limit = whole(entry.value, "'limit'", within: Self.restartLimits)
                restart.policy.limit = limit?.value ?? restart.policy.limit
            case "within":
                restart.policy.within =
                    duration(entry.value, "'within'") ?? restart.policy.within
            case "backoff":
                restart.policy.backoff =
                    duration(entry.value, "'backoff'") ?? restart.policy.backoff
            case "then": restart.then = then(entry.value)
            default: unknownKey(entry, owner: "'restart'", known: Self.restartKeys)
            }
        }
        return restart
    }

    private mutating func then(_ node: YAMLNode) -> Located<RestartPolicy.Then>? {
        guard let word = scalar(node, "'then'") else { return nil }
        if let then = RestartPolicy.Then(rawValue: word.text) {
            return Located(value: then, place: word.place)
        }
        let fault = ShapeFault.notAmong(
            what: "'then'", found: word.text, nearest: nil,
            choices: RestartPolicy.Then.allCases.map(\.rawValue))
        report(fault, at: word.place, notes: word.notes)
        return nil
    }
}
