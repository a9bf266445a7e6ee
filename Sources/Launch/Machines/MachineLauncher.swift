import Dataflow
import Foundation

/// How an agent is started on a machine, so that its standard input and output lead here.
///
/// Everything else is the same: a launcher is a command line, and advice for a person when that fails.
protocol MachineLauncher {
    /// What a person calls the place: `ssh ada@gpu-1`.
    var place: String { get }
    /// How long the agent may take to speak.
    var patience: Duration { get }
    /// The program to start here, with its arguments; nil while something has to be waited for first,
    /// so that it is asked for again. Does not wait.
    func command() throws -> [String]?
    /// What to do about an agent that did not start, by its exit code and what was said last.
    func advice(_ status: Int32?, _ words: [String]) -> String
    /// Whether what was said last means that the machine will not be had again.
    func isOver(_ words: [String]) -> Bool
    /// The run is over: what was asked for on its behalf is given back, within so many seconds.
    func release(within seconds: Double)
}

extension MachineLauncher {
    func isOver(_ words: [String]) -> Bool { false }
    func release(within seconds: Double) {}
}

/// The shell's part of starting an agent: into the folder, and the program that is there.
struct AgentScript {
    /// Where relative paths begin; nil for the same path as here, or else the login's own folder.
    var folder: String?
    /// The program; nil for this very build if `doctor --install` copied it, one of the same path as
    /// this one, or one of the search path.
    var program: String?

    /// Where `personalive doctor --install` puts programs, each in a folder named after its build, in
    /// the login's own folder.
    static let installed = ".local/lib/personalive"
    static let noFolder: Int32 = 124
    static let noProgram: Int32 = 127

    /// One word for a remote shell, whatever shell that is.
    func line(executable: String, before: String = "") -> String {
        let enter: String
        if let folder {
            // A login begins in its own folder.
            let path = folder.hasPrefix("~/") ? String(folder.dropFirst(2)) : folder
            enter = "cd \(Self.quoted(path)) || exit \(Self.noFolder)"
        } else {
            enter = "cd \(Self.quoted(FileManager.default.currentDirectoryPath)) 2>/dev/null || cd"
        }
        let candidates = program.map { [Self.quoted($0)] } ?? [
            "\"$HOME/\(Self.installed)/\(MachineFacts.build(of: executable))/personalive\"",
            Self.quoted(executable), "personalive",
        ]
        let script = """
            h=$HOME; \(before)for p in \(candidates.joined(separator: " ")); do \
            if command -v "$p" >/dev/null 2>&1; then \(enter); exec "$p" agent; fi; done; \
            echo "no program personalive here" >&2; exit \(Self.noProgram)
            """
        return "exec /bin/sh -c " + Self.quoted(script)
    }

    /// As one word of a POSIX shell.
    static func quoted(_ text: String) -> String {
        "'" + text.replacing("'", with: "'\\''") + "'"
    }
}

/// OpenSSH, with the user's own configuration, agent and known hosts: it never asks anything.
struct SSHLauncher: MachineLauncher {
    let host: String
    let options: [String: String]
    let executable: String

    var place: String { "ssh \(host)" }
    let patience = Duration.seconds(60)

    /// The client's program and arguments, up to the host.
    static func client(_ host: String, _ options: [String: String]) throws -> [String] {
        var words = [try ChildProcess.find("ssh")]
        if let config = options["config"] { words += ["-F", config] }
        if let port = options["port"] { words += ["-p", port] }
        if let identity = options["identity"] { words += ["-i", identity] }
        return words + [
            "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ClearAllForwardings=yes",
            "--", host,
        ]
    }

    func command() throws -> [String]? {
        let script = AgentScript(folder: options["folder"], program: options["program"])
        return try Self.client(host, options) + [script.line(executable: executable)]
    }

    func advice(_ status: Int32?, _ words: [String]) -> String {
        let said = words.joined(separator: "\n")
        switch status {
        case 255 where said.contains("Host key verification failed"):
            return "connect once by hand ('ssh \(host)'), compare the key's fingerprint, and accept it"
        case 255 where said.contains("Permission denied"):
            return "passwords are not asked for: let 'ssh -o BatchMode=yes \(host) true' work, with a "
                + "key in your agent or in ~/.ssh"
        case 255:
            return "let 'ssh -o BatchMode=yes \(host) true' work first"
        case AgentScript.noFolder:
            return "make the folder '\(options["folder"] ?? "")' there, or name another in 'folder:'"
        case AgentScript.noProgram where said.contains("shared libraries"):
            return "install its libraries there (README.md lists the packages), then try again"
        case AgentScript.noProgram:
            return "'personalive doctor GRAPH --install' copies it there; 'program:' of the machine "
                + "names it where it is"
        default: return ""
        }
    }
}
