import ArgumentParser
import Dataflow
import Foundation
import Glibc
import Launch
import Studio
import Synchronization

/// `personalive studio`: running graphs in a browser.
struct StudioCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "studio",
        abstract: "Opens a studio for running graphs: a page for the browser, and an HTTP API.",
        discussion: """
            With a graph it starts a run of it, unless one is running already; Ctrl-C ends the studio \
            and the run that it started. A run does not depend on the studio: when the studio is killed, \
            the run goes on, and the studio can be started again.

            It listens on 127.0.0.1 only. From another machine: 'ssh -L 7447:localhost:7447 HOST', or \
            nginx, whose configuration --nginx prints.

            Exit codes: 0 ended by Ctrl-C, 1 nothing could be started or the port is taken, 64 the command \
            line is wrong.
            """)

    @Argument(help: "The graph file; without one it shows the graphs that run.",
        completion: .file(extensions: ["yaml", "yml"]))
    var graph: String?

    @OptionGroup var settings: GraphSettings

    @Option(name: .customLong("run"), help: "The name of the run: of one that goes on, or of the one it starts.")
    var runName: String?

    @Option(help: "A port of 127.0.0.1; 0 for any.")
    var port: UInt16 = 7447

    @Option(help: "How many runs of the graph there may be.")
    var sessions = 1

    @Option(
        help: ArgumentHelp(
            "A host under which a proxy serves it, with its port unless that is 443; may be repeated.",
            valueName: "name"))
    var host: [String] = []

    @Option(help: ArgumentHelp("Refused beyond 127.0.0.1, with what to do instead.", valueName: "address"))
    var listen: String?

    @Flag(help: "Print the configuration of an nginx for people on other machines, and exit.")
    var nginx = false

    @Option(help: "With --nginx: the certificate, in PEM.")
    var certificate = "/etc/ssl/personalive/fullchain.pem"

    @Option(help: "With --nginx: the certificate's key.")
    var certificateKey = "/etc/ssl/personalive/privkey.pem"

    @Flag(help: .hidden)
    var serve = false

    func validate() throws {
        guard sessions >= 1, sessions <= 64 else { throw ValidationError("--sessions is between 1 and 64") }
        guard !nginx || host.count == 1 else { throw ValidationError("--nginx needs one --host NAME") }
    }

    func run() throws {
        if let listen, !["127.0.0.1", "localhost"].contains(listen) {
            throw failure(
                "the studio listens on 127.0.0.1 only, and not on \(listen): it has no TLS, and bounds "
                    + "neither headers nor connections\n"
                    + "  for yourself:  ssh -L \(port):localhost:\(port) \(ProcessInfo.processInfo.hostName)\n"
                    + "  for others:    personalive studio --nginx --host NAME  prints what nginx needs")
        }
        if nginx { return print(configuration, terminator: "") }
        serve ? try served() : try kept()
    }

    private var configuration: String {
        let parts = host[0].split(separator: ":")
        return NginxConfiguration(
            name: String(parts[0]), port: port, certificate: certificate, key: certificateKey,
            listen: parts.count > 1 ? UInt16(parts[1]) ?? 443 : 443
        ).text
    }

    // MARK: The process that stays

    /// Starts the run and the process that serves, and starts that one again when it ends.
    private func kept() throws {
        let port = try freePort()
        // The keys' file is this process's as long as it has the claim.
        let claim = try saying {
            try PortClaim(try RunFolder.studioFile(port, "lock"), port: port)
        }
        defer { withExtendedLifetime(claim) {} }
        // Before a run is started and an address is printed that would be another program's.
        do { try FreePort.check(port) } catch LaunchError.system(_, let reason) {
            throw failure("\(StudioError.port(port, reason: reason))")
        }
        let keys = try saying { try StudioKeys.kept(in: try RunFolder.studioFile(port, "keys")) }
        let runs = Runs(executable: Personalive.executable, most: sessions)
        var name = runName
        if let graph { name = try started(graph, runs) }
        // Each browser gets a run of its own, this one first.
        if sessions > 1 { name = runName }
        let child = Mutex<Process?>(nil)
        let isOver = Atomic(false)
        let interrupts = [SIGINT, SIGTERM, SIGHUP].map { signal in
            Glibc.signal(signal, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: signal)
            source.setEventHandler {
                isOver.store(true, ordering: .relaxed)
                child.withLock { $0?.terminate() }
            }
            source.resume()
            return source
        }
        let fragment = { (token: String) in
            "http://127.0.0.1:\(port)/#t=\(token)" + (name.map { "&run=\($0)" } ?? "")
        }
        print("studio:   \(fragment(keys.control))")
        print("look on:  \(fragment(keys.view))")
        fflush(nil)
        var complaint: String?
        var failures = 0
        while !isOver.load(ordering: .relaxed) {
            let began = ContinuousClock.now
            let process = Process()
            process.executableURL = URL(fileURLWithPath: Personalive.executable)
            process.arguments = ["studio"] + (graph.map { [$0] } ?? [])
                + ["--serve", "--port", "\(port)", "--sessions", "\(sessions)"]
                + host.flatMap { ["--host", $0] }
            process.standardInput = FileHandle.nullDevice
            try process.run()
            child.withLock { $0 = process }
            // A signal that came meanwhile did not find it.
            if isOver.load(ordering: .relaxed) { process.terminate() }
            process.waitUntilExit()
            guard !isOver.load(ordering: .relaxed) else { break }
            // One that was killed leaves its port within a moment.
            failures = ContinuousClock.now - began < .seconds(1) ? failures + 1 : 0
            if failures == 4 {
                complaint = "the process that serves the studio ended with status \(process.terminationStatus)"
                break
            }
            say("warning: the process that serves the studio ended; it is started again\n")
            if failures > 0 { Thread.sleep(forTimeInterval: 0.4) }
        }
        withExtendedLifetime(interrupts) {}
        if !runs.own.isEmpty { say("ending the run\n") }
        for run in runs.stopOwn() {
            say("warning: the run with process number \(run) did not end within a minute; 'kill \(run)' asks it again\n")
        }
        unlink(try RunFolder.studioFile(port, "keys"))
        if let complaint { throw failure(complaint) }
    }

    /// A run of the graph: the one that goes on, or a new one.
    private func started(_ graph: String, _ runs: Runs) throws -> String {
        let path = URL(fileURLWithPath: graph).path
        let known = RunClient.runs().first {
            (runName == nil || $0.name == runName) && URL(fileURLWithPath: $0.graph).path == path
        }
        if let known { return known.name }
        let values = Dictionary(settings.assignments.map { ($0.name, $0.value) }) { $1 }
        do {
            return try runs.start(graph, settings: values, name: runName)
        } catch { throw failure("\(error)") }
    }

    /// The port that was asked for, or one that is free now.
    private func freePort() throws -> UInt16 {
        guard port == 0 else { return port }
        guard let free = try? FreePort.find() else {
            throw failure("no port of 127.0.0.1 is free")
        }
        return free
    }

    // MARK: The process that serves

    /// Bytes of memory, and descriptors: beyond them a client has sent a header without an end, or a
    /// frame that is too long. The process ends then, and another one is started.
    private static let (memory, descriptors): (rlim_t, rlim_t) = (1 << 30, 512)

    private func served() throws {
        // Ctrl-C is for the process that stays, whose end is the end of this one.
        signal(SIGINT, SIG_IGN)
        let memory = Self.limit(__rlimit_resource_t(RLIMIT_DATA.rawValue), to: Self.memory)
        let files = Self.limit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), to: Self.descriptors)
        let keys = try saying { try StudioKeys.kept(in: try RunFolder.studioFile(port, "keys")) }
        var options = StudioServer.Options(
            port: port, keys: keys, executable: Personalive.executable,
            audit: try RunFolder.studioFile(port, "audit.jsonl"),
            plugins: { PluginFolders.load(besides: $0) })
        (options.names, options.graph, options.sessions) = (host, graph, sessions)
        options.refusal = SessionPlan.refusal
        options.launcher = Self.launcher(memory: memory, descriptors: files)
        let server = try saying { [options] in try StudioServer(options) }
        Task.detached {
            do {
                try await server.run {}
            } catch {
                FileHandle.standardError.write(Data("error: \(error)\n".utf8))
                _exit(1)
            }
        }
        let parent = getppid()
        signal(SIGTERM, SIG_IGN)
        let told = DispatchSource.makeSignalSource(signal: SIGTERM)
        told.setEventHandler {
            server.stopSessions()
            _exit(0)
        }
        told.resume()
        while getppid() == parent { Thread.sleep(forTimeInterval: 0.2) }
    }

    /// Lowers a soft limit, and returns what it was: the hard one stays, so a run can have that again.
    private static func limit(_ resource: __rlimit_resource_t, to most: rlim_t) -> rlim_t {
        var limit = rlimit()
        getrlimit(resource, &limit)
        let before = limit.rlim_cur
        limit.rlim_cur = min(most, before)
        setrlimit(resource, &limit)
        return before
    }

    /// Starts a run without the limits of this process. The shell becomes the run, with its process
    /// number; what it runs comes as arguments, so nothing in it is read as shell.
    private static func launcher(memory: rlim_t, descriptors: rlim_t) -> [String] {
        // RLIM_INFINITY; ulimit counts memory in KiB.
        func text(_ limit: rlim_t, unit: rlim_t) -> String {
            limit == .max ? "unlimited" : "\(limit / unit)"
        }
        let script = "ulimit -S -d \(text(memory, unit: 1024)); "
            + "ulimit -S -n \(text(descriptors, unit: 1)); exec \"$@\""
        return ["/bin/sh", "-c", script, "sh"]
    }

    private func saying<Result>(_ body: () throws -> Result) throws -> Result {
        do { return try body() } catch { throw failure("\(error)") }
    }

    private func say(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }

    private func failure(_ text: String) -> ExitCode {
        say("error: \(text)\n")
        return ExitCode(1)
    }
}
