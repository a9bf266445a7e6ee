/// Why a graph could not be run to its end.
package enum LaunchError: Error, CustomStringConvertible, Equatable {
    case cannotStart(program: String, reason: String)
    case system(call: String, reason: String)
    /// The folder for sockets or logs belongs to another user, or others may enter it.
    case notOurs(folder: String)
    /// Another run of the user is called so.
    case nameTaken(String)

    package var description: String {
        switch self {
        case .cannotStart(let program, let reason): "cannot start \(program): \(reason)"
        case .system(let call, let reason): "\(call): \(reason)"
        case .nameTaken(let name):
            "a run that is called '\(name)' lives already; choose another --name, or end that one"
        case .notOurs(let folder):
            "\(folder) is not a folder that belongs to you alone: sockets are not put there; remove it, "
                + "or 'chmod 700' it if it is yours"
        }
    }
}

/// A node that ended before its work was done.
package struct NodeFailure: Error, Sendable {
    package let node: String
    package let kind: String
    /// The reason that the node itself gave, if it could.
    package let reason: String?
    /// Exit code, or minus the signal that killed it.
    package let status: Int32?
    /// The last lines it printed.
    package let log: [String]
    /// How often it had been started again before.
    package let restarts: Int
    /// Why it was not started again, where that needs saying.
    package let obstacle: String
    /// Whether its machine is to blame.
    package var isMachineLost = false

    package init(
        node: String, kind: String, reason: String?, status: Int32?, log: [String],
        restarts: Int = 0, obstacle: String = ""
    ) {
        self.node = node
        self.kind = kind
        self.reason = reason
        self.status = status
        self.log = log
        self.restarts = restarts
        self.obstacle = obstacle
    }

    /// What happened, how it ended and what to do, for a person.
    package var description: String {
        var text = "error: node '\(node)' (\(kind)) failed: \(reason ?? statusText)"
        if reason != nil, status != nil { text += "\n  it ended with \(statusText)" }
        if restarts > 0 {
            text += "\n  it had been started again \(restarts) \(restarts == 1 ? "time" : "times"); "
                + "this is what ended it last"
        }
        if !obstacle.isEmpty { text += "\n  \(obstacle)" }
        if !log.isEmpty {
            text += "\n  its last lines:\n" + log.map { "    \($0)" }.joined(separator: "\n")
        }
        return text + "\n  " + advice
    }

    private var statusText: String {
        status.map(Self.words) ?? "no exit status"
    }

    /// How a process ended: `exit code 3`, `signal 9 (SIGKILL)`.
    static func words(for status: Int32) -> String {
        guard status < 0 else { return "exit code \(status)" }
        let names: [Int32: String] = [
            4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV",
            15: "SIGTERM",
        ]
        return "signal \(-status)" + (names[-status].map { " (\($0))" } ?? "")
    }

    private var advice: String {
        if isMachineLost {
            return "'personalive doctor GRAPH' looks at the machines one by one"
        }
        if reason == nil, status == -9 {
            return "SIGKILL from outside: a user or a program killed it, or the machine ran out of memory "
                + "(look at 'dmesg'; a smaller model or fewer nodes at once needs less)"
        }
        if reason == nil, let status, status < 0 {
            return "a crash is a fault of the program: please report it with the lines above"
        }
        return "mend what the reason names, then run the graph again; 'personalive nodes \(kind)' "
            + "lists its settings"
    }
}
