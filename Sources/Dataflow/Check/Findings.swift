/// Collects the faults of a file while it is read and checked.
struct Findings {
    private(set) var diagnostics: [Diagnostic] = []
    private var names = NearestName()

    mutating func report(_ fault: any Fault, at place: SourceRange, notes: [Diagnostic.Note] = []) {
        diagnostics.append(Diagnostic(fault, at: place, notes: notes))
    }

    mutating func add(_ more: [Diagnostic]) { diagnostics += more }

    /// The name that was probably meant.
    mutating func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
        names.nearest(to: word, among: candidates)
    }

    var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }

    /// From top to bottom, each once: what is written under an anchor is read at each of its aliases.
    var inOrder: [Diagnostic] {
        var seen: Set<Diagnostic> = []
        let unique = diagnostics.filter { seen.insert($0).inserted }
        return unique.enumerated()
            .sorted { ($0.element.place, $0.offset) < ($1.element.place, $1.offset) }
            .map(\.element)
    }
}
