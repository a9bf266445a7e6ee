/// Reads single values of a graph file; whatever is at fault is reported and becomes nil.
protocol GraphValueReading {
    /// Writes out `${name}`.
    mutating func expand(_ scalar: Scalar) -> Scalar?
    mutating func report(_ fault: any Fault, at place: SourceRange, notes: [Diagnostic.Note])
    mutating func nearest(to word: String, among candidates: [String]) -> String?
}

extension GraphValueReading {
    /// The entries of a mapping; nothing at all counts as an empty one.
    mutating func mapping(_ node: YAMLNode, _ what: String) -> [YAMLEntry]? {
        switch node.content {
        case .mapping(let entries): return entries
        case .broken: return nil
        case .scalar(let text, let isPlain) where isPlain && Scalar.isNull(text): return []
        default:
            let fault = ShapeFault.wrongShape(
                what: what, needed: "a mapping", found: node.description)
            report(fault, at: node.place, notes: [])
            return nil
        }
    }

    /// A single value as it is written, possibly null.
    mutating func literal(_ node: YAMLNode, _ what: String, needed: String = "a single value")
        -> Scalar?
    {
        switch node.content {
        case .scalar(let text, let isPlain):
            return Scalar(text: text, isPlain: isPlain, place: node.place)
        case .broken: return nil
        case .mapping, .sequence:
            let fault = ShapeFault.wrongShape(what: what, needed: needed, found: node.description)
            report(fault, at: node.place, notes: [])
            return nil
        }
    }

    /// A single value that is not null, with its references written out.
    mutating func scalar(_ node: YAMLNode, _ what: String, needed: String = "a single value")
        -> Scalar?
    {
        guard let written = literal(node, what, needed: needed),
            let scalar = expand(written)
        else { return nil }
        guard !scalar.isNull else {
            report(ShapeFault.noValue(what: what), at: node.place, notes: scalar.notes)
            return nil
        }
        return scalar
    }

    /// A whole number within a range.
    mutating func whole(_ node: YAMLNode, _ what: String, within range: ClosedRange<Int>)
        -> Located<Int>?
    {
        guard let scalar = scalar(node, what) else { return nil }
        guard let number = scalar.wholeNumber else {
            let isQuoted = !scalar.isPlain && Scalar.number(scalar.text) != nil
            let isHuge = (scalar.number.map { abs($0) } ?? 0) > 1e15
            let fault =
                isHuge
                ? ShapeFault.outOfRange(what: what, found: scalar.text, range: range)
                : .notWhole(what: what, found: scalar.text, isQuoted: isQuoted)
            report(fault, at: scalar.place, notes: scalar.notes)
            return nil
        }
        guard range.contains(number) else {
            let fault = ShapeFault.outOfRange(what: what, found: scalar.text, range: range)
            report(fault, at: scalar.place, notes: scalar.notes)
            return nil
        }
        return Located(value: number, place: scalar.place)
    }

    /// A time with its unit.
    mutating func duration(_ node: YAMLNode, _ what: String) -> Duration? {
        guard let scalar = scalar(node, what) else { return nil }
        for (unit, perUnit) in [("ms", 1e6), ("s", 1e9)] where scalar.text.hasSuffix(unit) {
            let number = Scalar.number(String(scalar.text.dropLast(unit.count)).trimmed)
            // An hour: far above any budget, far below overflow.
            if let number, number > 0, number * perUnit <= 3.6e12 {
                return .nanoseconds(Int64(number * perUnit))
            }
            break
        }
        report(ShapeFault.badDuration(scalar.text), at: scalar.place, notes: scalar.notes)
        return nil
    }

    /// One of the words of a type.
    mutating func choice<Word>(_ node: YAMLNode, _ what: String, of: Word.Type) -> Word?
    where Word: RawRepresentable<String> & CaseIterable {
        guard let scalar = scalar(node, what) else { return nil }
        if let word = Word(rawValue: scalar.text) { return word }
        let words = Word.allCases.map(\.rawValue)
        let fault = ShapeFault.notAmong(
            what: what, found: scalar.text, nearest: nearest(to: scalar.text, among: words),
            choices: words)
        report(fault, at: scalar.place, notes: scalar.notes)
        return nil
    }

    /// Whether one of the unknown keys stands for a known one, so that nobody misses it as well.
    mutating func isMeant(_ key: String, among entries: [YAMLEntry], known: [String]) -> Bool {
        for entry in entries where !known.contains(entry.key) {
            if meant(by: entry.key, known: known) == key { return true }
        }
        return false
    }

    private mutating func meant(by key: String, known: [String]) -> String? {
        KeyAdvice.meant(by: key, known: known) ?? nearest(to: key, among: known)
    }

    /// Reports a key that does not exist, with the one that was probably meant.
    mutating func unknownKey(_ entry: YAMLEntry, owner: String, known: [String]) {
        let meant = meant(by: entry.key, known: known)
        let fault = ShapeFault.unknownKey(
            entry.key, owner: owner, meant: meant.map { "did you mean \($0.quoted)?" },
            known: known)
        report(fault, at: entry.keyPlace, notes: [])
    }

    /// Names become parts of socket paths and of host names, so they are short and plain.
    mutating func checkName(_ entry: YAMLEntry, what: String) {
        let name = entry.key
        let isPlain = name.utf8.allSatisfy { ReferenceMask.isNameByte($0) && $0 != 0x5F }
        let startsWell = name.utf8.first.map { $0 > 0x40 } ?? false
        guard !isPlain || !startsWell || name.utf8.count > 40 else { return }
        let swapped = String(name.map { $0 == "_" || $0 == " " || $0 == "." ? "-" : $0 })
        let isBetter =
            swapped != name && startsWell && name.utf8.count <= 40
            && swapped.utf8.allSatisfy { ReferenceMask.isNameByte($0) && $0 != 0x5F }
        let fault = ShapeFault.badName(name, what: what, better: isBetter ? swapped : nil)
        report(fault, at: entry.keyPlace, notes: [])
    }
}

/// Words that people who know other systems write, and ours for them.
enum KeyAdvice {
    private static let meanings: [String: [String]] = [
        "use": ["kind", "type", "node", "uses", "operator", "path", "run"],
        "in": ["inputs", "input", "ins", "connect"],
        "with": ["params", "parameters", "args", "settings", "config", "options", "env"],
        "machine": ["on", "host", "deploy", "where", "placement", "device"],
        "machines": ["hosts", "cluster"],
        "cores": ["threads", "cpus", "cpu"],
        "from": ["source", "src", "output"],
        "keep": ["policy", "queue_policy", "queue-policy", "qos", "drop"],
        "window": ["queue", "queue_size", "queue-size", "credits", "buffer", "depth"],
        "settings": ["vars", "variables", "params", "parameters", "arguments"],
        "kind": ["name", "id", "use"],
        "summary": ["description", "about"],
        "command": ["run", "exec", "program", "entrypoint", "cmd"],
        "axes": ["shape", "dims", "size"],
        "type": ["dtype", "element-type"],
        "latency_budget": ["latency", "latency-budget", "budget", "max_latency"],
    ]

    /// The known key that a word stands for elsewhere.
    static func meant(by word: String, known: [String]) -> String? {
        known.first { meanings[$0]?.contains(word.lowercased()) == true }
    }
}

extension [YAMLEntry] {
    subscript(key: String) -> YAMLEntry? { first { $0.key == key } }
}

extension String {
    /// Without blanks at either end.
    var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
