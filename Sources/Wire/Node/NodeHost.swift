import CPosix
import Foundation
import Glibc
import NodeKit
import Synchronization
import Tensors

/// Runs one node in this process: one thread computes, one owns every socket.
///
/// This is the one door through which a Swift plugin enters: its `main` calls ``run(_:name:folder:)``.
public final class NodeHost: @unchecked Sendable {
    // Unchecked because the configuration is set once, before the computing thread reads it.
    private let kind: any Node.Type
    private let exchange = Exchange()
    private let configured = DispatchSemaphore(value: 0)
    private let ledger = NodeLedger()
    private let reporter = NodeReporter()
    private var configuration: NodeConfiguration?
    /// Hears what the node is before its kind is asked for anything.
    private let hear: (NodeConfiguration) -> Void

    private init(_ kind: any Node.Type, _ hear: @escaping (NodeConfiguration) -> Void) {
        (self.kind, self.hear) = (kind, hear)
    }

    /// Hosts a node until its run is over and returns the process's exit code.
    ///
    /// - Parameters:
    ///   - name: what the graph calls the node.
    ///   - folder: where this run's sockets are.
    public static func run(_ kind: any Node.Type, name: String, folder: String) -> Int32 {
        run(kind, name: name, folder: folder) { _ in }
    }

    /// The same for a kind whose spec is in its configuration.
    package static func run(
        _ kind: any Node.Type, name: String, folder: String,
        hear: @escaping (NodeConfiguration) -> Void
    ) -> Int32 {
        posix_line_buffer()
        let signals = posix_signals([SIGTERM, SIGINT, SIGHUP], 3)
        return NodeHost(kind, hear).run(name: name, folder: folder, signals: signals)
    }

    private func run(name: String, folder: String, signals: Int32) -> Int32 {
        let links: NodeLinks
        let journal: Journal?
        do {
            journal = try Journal.lent()
            links = try NodeLinks(
                name: name, folder: folder, kind: kind, exchange: exchange, signals: signals,
                journal: journal,
                progress: { [ledger, reporter] isBrief in
                    var report = isBrief ? ledger.report.brief : ledger.report
                    (report.state, report.figures) = (reporter.state, reporter.figures)
                    return report
                },
                configured: { [self] configuration in
                    hear(configuration)
                    self.configuration = configuration
                    self.configuration?.settings.owner = NodeConfiguration.owner(
                        of: configuration.name, in: folder)
                    self.configuration?.settings.reporter = reporter
                    self.configuration?.settings.connectedInputs = Set(
                        configuration.inputs.map(\.port))
                    self.configuration?.settings.fedInputs = configuration.inputs.compactMap {
                        input in
                        input.portSpec.map { ($0, "\(input.producer).\(input.producerPort)") }
                    }
                    configured.signal()
                })
        } catch {
            FileHandle.standardError.write(Data("\(error)\n".utf8))
            return 1
        }
        let outcome = Outcome()
        let thread = Thread { [self] in
            outcome.set(compute(journal))
            exchange.wakeSockets()
        }
        thread.stackSize = 16 << 20
        thread.start()
        let deadline = Deadline()
        links.run(
            until: {
                // One that still loads has no file to close.
                let isSink = configuration?.outputs.isEmpty ?? false && ledger.report.loading > 0
                return outcome.code != nil
                    || deadline.hasPassed(after: exchange.isFinishing, hasFiles: isSink)
            }, isDone: { outcome.code == 0 })
        SlotPool.outlivesItsUsers.store(true, ordering: .relaxed)
        if outcome.code == 0 { links.sendDone() }
        unlink("\(folder)/\(name).sock")
        if links.checkSupervisorIsGone() { Self.removeTraces(in: folder) }
        return outcome.code ?? 143
    }

    /// The computing thread's whole life.
    private func compute(_ journal: Journal?) -> Int32 {
        configured.wait()
        guard let configuration else { return 1 }
        do {
            let runner = NodeRunner(
                kind, configuration, exchange: exchange, journal: journal, ledger: ledger)
            try runner.run()
            return 0
        } catch {
            let culprit = (error as? Exchange.Fault)?.culprit
            exchange.say(.failed("\(error)", culprit: culprit))
            return 1
        }
    }

    /// What the computing thread came to.
    private final class Outcome: @unchecked Sendable {
        // Unchecked because the value is guarded by the lock.
        private let lock = NSLock()
        private var value: Int32?
        var code: Int32? { lock.withLock { value } }
        func set(_ code: Int32) { lock.withLock { value = code } }
    }

    /// After the supervisor was killed the last node to end removes the folder.
    private static func removeTraces(in folder: String) {
        unlink("\(folder)/control.sock")
        unlink(NodeConfiguration.nameFile(in: folder))
        // What films are made of, which the tool noted for encoders that sign (Marks).
        unlink("\(folder)/ingredients.json")
        rmdir(folder)
    }
}

/// How long a node that is told to end now may take to close its files.
private final class Deadline {
    private var since: Int64?
    /// Long enough for a trailer on a slow disk, short enough not to be killed by hand.
    private static let graceForFiles: Int64 = 10_000_000_000
    /// A node that writes no file has nothing to lose.
    private static let graceForOthers: Int64 = 200_000_000

    func hasPassed(after isFinishing: Bool, hasFiles: Bool) -> Bool {
        guard isFinishing else { return false }
        let now = posix_monotonic_ns()
        since = since ?? now
        return now - since! > (hasFiles ? Self.graceForFiles : Self.graceForOthers)
    }
}
