/// What can be wrong with a file before anyone asks what it means.
enum YAMLFault: Fault {
    case syntax(problem: String, context: String?, at: String)
    case tag(String)
    case unknownAlias(String, nearest: String?)
    case recursiveAlias(String)
    case nestedTooDeep(limit: Int)
    case expandsTooFar(limit: Int)
    case severalDocuments
    case emptyDocument
    case duplicateKey(String)
    case keyIsNotText
    case cannotMerge(String)

    var words: FaultWords {
        switch self {
        case .syntax(let problem, let context, let text):
            FaultWords(
                "yaml-syntax", "this is not YAML: \(problem)" + (context.map { " \($0)" } ?? ""),
                hint: Self.advice(problem, at: text))
        case .tag(let tag):
            FaultWords(
                "yaml-tag", "tags such as \(tag.quoted) have no place in a graph",
                hint: "remove it: a setting's type comes from its node")
        case .unknownAlias(let name, let nearest):
            FaultWords(
                "unknown-alias", "no anchor '&\(name)' stands above this alias",
                hint: nearest.map { "did you mean '*\($0)'?" })
        case .recursiveAlias(let name):
            FaultWords("recursive-alias", "the value anchored as '&\(name)' contains itself")
        case .nestedTooDeep(let limit):
            FaultWords(
                "nested-too-deep", "values are nested more than \(limit) levels deep",
                hint: "a graph needs about 6")
        case .expandsTooFar(let limit):
            FaultWords(
                "too-many-values",
                "with its aliases written out, the file holds more than \(limit) values")
        case .severalDocuments:
            FaultWords(
                "several-documents", "a graph file holds one document, but a second starts here",
                hint: "one file per graph")
        case .emptyDocument:
            FaultWords(
                "empty-document", "the file says nothing", hint: "a graph begins with 'nodes:', a plugin with 'kind:'")
        case .duplicateKey(let key):
            FaultWords("duplicate-key", "key \(key.quoted) is given twice")
        case .keyIsNotText:
            FaultWords("key-is-not-text", "a key must be a word, not a list or a mapping")
        case .cannotMerge(let found):
            FaultWords(
                "cannot-merge", "'<<' merges a mapping, but this is \(found)",
                hint: "write '<<: *anchor'")
        }
    }

    /// - Parameter text: what stands where the parser gave up, and the character before it.
    private static func advice(_ problem: String, at text: String) -> String? {
        if text.hasSuffix("\t") { return "indent with spaces, not with a tab" }
        if text == "${" { return "write ${name} with letters, digits, '-' and '_'" }
        if problem.hasPrefix("mapping values are not allowed") {
            return "is the line above indented wrongly, or a text with ':' in want of quotes?"
        }
        if problem.contains("',' or '}'") { return "is a '}' missing, or a comma?" }
        if problem.contains("',' or ']'") { return "is a ']' missing, or a comma?" }
        if problem.contains("cannot start any token") { return "put this text in quotes" }
        if problem.contains("expected ':'") { return "is a ':' missing after the key?" }
        if problem.contains("block end") { return "is this line indented like its neighbours?" }
        if problem.contains("end of stream") { return "is a closing quote or bracket missing?" }
        if problem.contains("control characters") { return "remove the control character" }
        return nil
    }
}
