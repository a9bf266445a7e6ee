import Foundation

/// What a supervisor and its agent on another machine say to each other; some carry bytes besides.
///
/// Both ends are the same version of this program, so the form is no promise.
enum AgentMessage: Codable, Sendable, Equatable {
    // To an agent.
    /// Start a process of a node; `command` is a plugin's program, nil is this one.
    case start(id: String, node: String, kind: String, command: [String]?)
    /// Send a process, or it and all that it started, a signal.
    case signal(id: String, number: Int32, isForGroup: Bool)
    /// The bytes are a control message for a process.
    case tell(id: String)
    /// Say the time; a life sign besides.
    case ping(sent: Int64)
    /// Send what a node's processes hand on to each other.
    case giveJournal(node: String)
    /// Whatever is called so from now on knows nothing of what was handed on before.
    case forgetJournal(node: String)
    /// Say of files whether they are there, and what is in them.
    case inspect(paths: [String])
    /// Say whether networks can compute on devices, by this program's `devices` there.
    case tryDevices([String])
    /// Say whether what plugins in Python ask for is there, by the file that a node's command names.
    case lookForRequirements(command: [String], installs: Bool)
    /// Pass on what an output of a node here sends, as a tap.
    case tap(port: String, endpoint: String)

    // From an agent.
    /// Its first message.
    case facts(MachineFacts)
    case started(id: String, pid: Int32)
    /// The process could not be started.
    case refused(id: String, reason: String)
    /// The bytes are a control message of a process.
    case heard(id: String)
    /// A line that a process printed.
    case printed(id: String, stream: PrintedLine.Stream, line: String)
    /// A process is over: its exit code, or minus the signal that killed it.
    case ended(id: String, status: Int32)
    case pong(sent: Int64, clock: Int64)
    case files([FileFacts])
    /// What `devices` printed, or the look for requirements, and whether all is well.
    case tried(isWell: Bool, output: String)
    /// The bytes are the header, so many of them, and the payload of what was seen.
    case tapped(header: Int)

    // Both ways.
    /// The bytes are a part of a node's journal, which begins at `offset`; before the first part it
    /// is empty.
    case journal(node: String, offset: Int)
    /// The journal is complete, or there is none.
    case journalEnd(node: String)
}

/// What an agent says of its machine.
struct MachineFacts: Codable, Sendable, Equatable {
    /// Grows when agents and supervisors of two builds can no longer understand each other.
    static let currentProtocol = 6

    var version = Self.currentProtocol
    /// Tells builds of the program apart.
    var build: String
    var hostname: String
    /// The folder that relative paths begin at.
    var workingFolder: String
    /// Where the sockets of its nodes are.
    var runFolder: String
    var cores: Int
    /// Bytes that new programs could have.
    var memory: Int?
    /// Its address as the supervisor sees it, and the supervisor's as it sees that, where the launcher
    /// says so.
    var ownAddress: String?
    var callerAddress: String?
}

/// What an agent found where a file should be.
struct FileFacts: Codable, Sendable, Equatable {
    var path: String
    /// Nil when there is no such file, or it may not be read.
    var bytes: Int?
    /// SHA-256 in hexadecimal.
    var checksum: String?
}
