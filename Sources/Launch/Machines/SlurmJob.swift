import CPosix
import Dataflow
import Foundation
import Glibc

/// One job of a Slurm cluster for all machines of a run, or the allocation that this process is in.
///
/// The job itself only holds the machines: each agent is a step of its own. Its script ends when it
/// has seen no step for half a minute, so that nothing stays allocated for a supervisor that is gone.
final class SlurmJob {
    /// What one machine is to have.
    struct Part {
        let machine: String
        let options: [String: String]
        /// Processor cores that its nodes together ask for.
        let cores: Int
        /// Bytes, where the graph says.
        let memory: Int?
    }

    private let name: String
    private let parts: [Part]
    private var id: String?
    private var isOwn = false
    /// `sbatch`, while it runs.
    private var submission: ShortCommand?
    /// Whether each machine is a component of its own of the job.
    private var isHeterogeneous = false

    init(name: String, _ parts: [Part]) { (self.name, self.parts) = (name, parts) }

    /// Whether every machine is to be like the others, so that one kind of node serves all.
    private var isUniform: Bool { Set(parts.map { flags($0) }).count == 1 }

    /// Words to reach the cluster's commands: none here, `ssh` where a login host is named.
    private func reached(_ words: [String]) throws -> [String] {
        guard let login = parts[0].options["login"] else {
            return [try ChildProcess.find(words[0])] + words.dropFirst()
        }
        return try SSHLauncher.client(login, [:]) + [words.map(AgentScript.quoted).joined(separator: " ")]
    }

    // MARK: The job

    /// The job's number; it is submitted when it is asked for first, and nil until it has one.
    private func submitted() throws -> String? {
        if let id { return id }
        if let submission { return try finish(submission) }
        if let outer = try allocation() { return outer }
        var words = ["sbatch", "--parsable", "--job-name=personalive-\(name)", "--output=/dev/null"]
        if isUniform {
            words += ["--nodes=\(parts.count)", "--ntasks-per-node=1"] + flags(parts[0])
        } else {
            words += parts.map { ["--nodes=1", "--ntasks=1"] + flags($0) }.joined(separator: [":"])
        }
        submission = try ShortCommand(try reached(words + ["--wrap", Self.script]), seconds: 60)
        return nil
    }

    private func finish(_ sbatch: ShortCommand) throws -> String? {
        guard let outcome = try sbatch.poll() else { return nil }
        submission = nil
        // `--parsable` prints the number, and perhaps the cluster's name.
        let number = outcome.output.prefix { $0.isNumber }
        guard outcome.status == 0, !number.isEmpty else {
            throw LaunchError.cannotStart(
                program: "a Slurm job for \(parts.map(\.machine).joined(separator: ", "))",
                reason: "sbatch says: \(outcome.errors)\n  'sinfo' shows partitions and nodes")
        }
        (id, isOwn, isHeterogeneous) = (String(number), true, !isUniform)
        return id
    }

    /// The allocation that this process was started in, if any.
    private func allocation() throws -> String? {
        let environment = ProcessInfo.processInfo.environment
        guard let outer = environment["SLURM_JOB_ID"] else { return nil }
        let components = environment["SLURM_HET_SIZE"].flatMap { Int($0) }
        isHeterogeneous = components != nil
        let nodes = components ?? environment["SLURM_JOB_NUM_NODES"].flatMap { Int($0) } ?? 1
        guard nodes >= parts.count else {
            throw LaunchError.cannotStart(
                program: "agents in Slurm job \(outer)",
                reason: "the allocation has \(nodes) \(nodes == 1 ? "node" : "nodes"), the graph's "
                    + "machines \(parts.map(\.machine).joined(separator: ", ")) need \(parts.count): "
                    + "ask for 'salloc --nodes=\(parts.count)'")
        }
        id = outer
        return outer
    }

    /// Gives the machines back.
    func cancel(within seconds: Double) {
        // One that may have been submitted meanwhile ends itself: it has no step.
        submission?.kill()
        guard isOwn, let id else { return }
        isOwn = false
        _ = try? ShortCommand.run(try reached(["scancel", id]), seconds: seconds)
    }

    /// What `sbatch` is asked for on behalf of one machine.
    private func flags(_ part: Part) -> [String] {
        let words = [
            "partition": "partition", "account": "account", "qos": "qos", "time": "time",
            "gpus": "gpus-per-node", "gres": "gres", "constraint": "constraint",
        ]
        var flags = ["--cpus-per-task=\(part.cores)"]
        if let memory = part.memory { flags.append("--mem=\((memory + (1 << 20) - 1) >> 20)M") }
        for (option, value) in part.options.sorted(by: { $0.key < $1.key }) {
            if let word = words[option] { flags.append("--\(word)=\(value)") }
        }
        return flags
    }

    private static let script = """
        idle=0
        while [ $idle -lt 6 ]; do
            sleep 5
            if squeue --noheader --steps --jobs="$SLURM_JOB_ID" --format=%i | grep -qvE 'batch|extern'
            then idle=0; else idle=$((idle + 1)); fi
        done
        """

    // MARK: Its steps

    /// Starts an agent on one of its machines, once the job has them; nil while it has no number.
    func step(of index: Int, _ script: String) throws -> [String]? {
        guard let id = try submitted() else { return nil }
        let part = parts[index]
        var words = [
            "srun", "--jobid=\(id)", "--nodes=1", "--ntasks=1", "--cpus-per-task=\(part.cores)",
            "--overlap", "--job-name=\(part.machine)",
        ]
        words.append(isHeterogeneous ? "--het-group=\(index)" : "--relative=\(index)")
        for option in ["gpus", "gres"] {
            guard let value = part.options[option] else { continue }
            words.append(option == "gpus" ? "--gpus-per-node=\(value)" : "--gres=\(value)")
        }
        words += ["/bin/sh", "-c", script]
        let start = words.map(AgentScript.quoted).joined(separator: " ")
        return try reached(["/bin/sh", "-c", Self.wait(for: id) + "exec " + start])
    }

    /// Shell that goes on when the job runs.
    private static func wait(for id: String) -> String {
        """
        told=
        while :; do
            state=$(squeue --noheader --jobs=\(id) --format=%T 2>&1 | sort -u | tr '\\n' ' ')
            case "$state" in
                "RUNNING ") break;;
                *PENDING*|*CONFIGURING*|*RUNNING*)
                    sleep 0.5
                    why=$(squeue --noheader --jobs=\(id) --states=PENDING --format=%r | sort -u | head -n 1)
                    [ "$why" = "$told" ] || [ -z "$why" ] || [ "$why" = None ] \\
                        || echo "Slurm job \(id) waits: $why" >&2
                    told=$why;;
                *) echo "Slurm job \(id) is over: $state" >&2; exit 1;;
            esac
        done

        """
    }
}

/// A step of a Slurm job.
struct SlurmLauncher: MachineLauncher {
    let job: SlurmJob
    let index: Int
    let options: [String: String]
    let executable: String

    var place: String { "slurm" }
    /// A job may wait for its turn for days.
    let patience = Duration.seconds(7 * 24 * 3600)

    func command() throws -> [String]? {
        let script = AgentScript(folder: options["folder"], program: options["program"])
        let caller = options["login"] == nil ? "" : Self.caller
        return try job.step(
            of: index, script.line(executable: executable, before: Self.address + caller))
    }

    func release(within seconds: Double) { job.cancel(within: seconds) }

    /// A job that has ended, by its time limit for instance, has no machines any more.
    func isOver(_ words: [String]) -> Bool {
        words.contains { $0.hasPrefix("Slurm job") && $0.contains("is over") }
    }

    func advice(_ status: Int32?, _ words: [String]) -> String {
        "'squeue' shows the job, 'sinfo' the nodes"
    }

    /// Slurm knows its nodes' addresses, as numbers or names; sockets are bound to numbers.
    private static let address = """
        a=$(scontrol -o show node "$SLURMD_NODENAME" | sed -n 's/.*NodeAddr=\\([^ ]*\\).*/\\1/p'); \
        PERSONALIVE_ADDRESS=$(getent ahostsv4 "$a" | awk '{print $1; exit}'); \
        export PERSONALIVE_ADDRESS; 
        """

    /// Steps are started on the login host, which is not where the supervisor is: that one's address is
    /// what `ssh` showed there.
    private static let caller = "PERSONALIVE_CALLER=${SSH_CONNECTION%% *}; export PERSONALIVE_CALLER; "
}
