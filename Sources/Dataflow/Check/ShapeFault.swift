/// What can be wrong with the shape of a graph file: keys, names, and values that need no node.
enum ShapeFault: Fault {
    case wrongShape(what: String, needed: String, found: String)
    case noValue(what: String)
    case unknownKey(String, owner: String, meant: String?, known: [String])
    case missingKey(String, owner: String, hint: String)
    case noNodes
    case badName(String, what: String, better: String?)
    case notAmong(what: String, found: String, nearest: String?, choices: [String])
    case notWhole(what: String, found: String, isQuoted: Bool)
    case outOfRange(what: String, found: String, range: ClosedRange<Int>)
    case badDuration(String)
    case badRate(String)
    case both(String, String)
    case budgetOffline
    case badMemory(String)
    case launcherCount(machine: String, found: [String])
    case reservedMachine
    case badHost(String)
    case badAddress(String)

    var words: FaultWords {
        switch self {
        case .wrongShape(let what, let needed, let found):
            FaultWords("wrong-shape", "\(what) must be \(needed), but this is \(found)")
        case .noValue(let what):
            FaultWords("no-value", "\(what) has no value", hint: "give it one, or remove the line")
        case .unknownKey(let key, let owner, let meant, let known):
            FaultWords(
                "unknown-key", "\(owner) has no key \(key.quoted)",
                hint: meant ?? "its keys are \(known.listed)")
        case .missingKey(let key, let owner, let hint):
            FaultWords("missing-key", "\(owner) lacks \(key.quoted)", hint: hint)
        case .noNodes:
            FaultWords("no-nodes", "the graph has no nodes", hint: "add one under 'nodes:'")
        case .badName(let name, let what, let better):
            FaultWords(
                "bad-name", "\(name.quoted) cannot be the name of \(what)",
                hint: (better.map { "\($0.quoted) could: " } ?? "")
                    + "names are at most 40 letters, digits and '-', and begin with a letter")
        case .notAmong(let what, let found, let nearest, let choices):
            FaultWords(
                "not-a-choice", "\(what) cannot be \(found.quoted)",
                hint: nearest.map { "did you mean \($0.quoted)?" } ?? "it is \(choices.either)")
        case .notWhole(let what, let found, let isQuoted):
            FaultWords(
                "wrong-type",
                "\(what) must be a whole number, but \(found.quoted) is "
                    + (isQuoted ? "text: it is in quotes" : "none"),
                hint: isQuoted ? "remove the quotes" : nil)
        case .outOfRange(let what, let found, let range):
            FaultWords(
                "out-of-range",
                "\(what) is \(found), but must be from \(range.lowerBound) to \(range.upperBound)")
        default: specialWords
        }
    }

    private var specialWords: FaultWords {
        switch self {
        case .badDuration(let found):
            FaultWords(
                "bad-duration", "\(found.quoted) is no duration",
                hint: "write a number and its unit: 300ms or 0.3s")
        case .badRate(let found):
            FaultWords(
                "bad-rate", "\(found.quoted) is no rate of frames",
                hint: "write a number and its unit: 5/s or 30/min")
        case .both(let one, let other):
            FaultWords(
                "keys-exclude", "an input has \(one.quoted) or \(other.quoted), not both",
                hint: "remove one of them")
        case .budgetOffline:
            FaultWords(
                "budget-offline", "only a live graph has a latency budget, and this one is offline",
                hint: "add 'mode: live', or remove 'latency_budget:'")
        case .badMemory(let found):
            FaultWords(
                "bad-memory", "\(found.quoted) is no amount of memory",
                hint: "write a number and its unit: 16GB or 512MB")
        case .launcherCount(let machine, let found):
            FaultWords(
                "launcher-count",
                found.isEmpty
                    ? "machine \(machine.quoted) does not say how it is reached"
                    : "machine \(machine.quoted) is reached in \(found.count) ways: \(found.listed)",
                hint: "give one of 'local', 'ssh', 'slurm' and 'kubernetes'")
        case .reservedMachine:
            FaultWords(
                "reserved-machine", "'local' is always this machine",
                hint: "give the other machine another name")
        case .badHost(let found):
            FaultWords(
                "bad-host", "\(found.quoted) cannot be a host for ssh",
                hint: "write user@host, or a host of your ssh configuration")
        case .badAddress(let found):
            FaultWords(
                "bad-address", "\(found.quoted) is no address of a machine",
                hint: "write the name or the IPv4 address that other machines reach it by")
        default: preconditionFailure("handled above")
        }
    }
}

extension Collection<String> {
    /// `'a', 'b' or 'c'`.
    var either: String {
        let words = map(\.quoted)
        guard words.count > 1 else { return words.first ?? "" }
        return words.dropLast().joined(separator: ", ") + " or " + words.last!
    }
}
