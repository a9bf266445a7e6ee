import CPosix
import Dataflow
import Foundation
import Glibc
import NodeKit
import Wire

/// What people and programs ask while the graph runs.
extension Supervisor {
    /// Identities of clients begin with this; no node's name does.
    static let requesterMark = "?"

    func answer(_ frame: ZMQFrame, from requester: String) {
        let request = frame.withBytes { bytes in
            try? JSONDecoder().decode(RunRequest.self, from: Data(bytes))
        }
        guard let request else {
            return reply(
                .refused("a request that this version does not know: \(frame.text.prefix(80))"),
                to: requester)
        }
        switch request {
        case .status: reply(.status(status), to: requester)
        case .change(let change, let isDry): begin(change, isDry: isDry, for: requester)
        case .candidate(let replacement):
            do {
                reply(.candidate(try candidate(replacement)), to: requester)
            } catch { reply(.refused("\(error)"), to: requester) }
        case .flush:
            do {
                reply(
                    .done("epoch \(try flush()) begins; what was under way is dropped"),
                    to: requester)
            } catch { reply(.refused("\(error)"), to: requester) }
        case .look(let output):
            do {
                reply(.place(try place(of: output)), to: requester)
            } catch { reply(.refused("\(error)"), to: requester) }
        case .graph:
            reply(
                planner.map { .graph($0.current) }
                    ?? .refused("this run was not started from a graph file"), to: requester)
        case .stop:
            reply(.done("the run finishes the frames under way and closes its files"), to: requester)
            interrupt(SIGINT)
        }
    }

    func reply(_ reply: RunReply, to requester: String) {
        messenger.send(reply.jsonBytes, to: requester)
    }

    // MARK: How it stands

    private var status: RunStatus {
        let plan = graph.plan
        var status = RunStatus(
            name: plan.name, graph: plan.graph, pid: getpid(), folder: plan.folder,
            state: life.isEnding ? "ending" : life.hasStarted ? "running" : "starting",
            seconds: life.hasStarted ? seconds : 0, nodes: graph.slots.map(node),
            edges: graph.slots.flatMap(edges))
        (status.logs, status.metrics) = (plan.logs, plan.metrics)
        return status
    }

    private func node(_ slot: NodeSlot) -> RunStatus.Node {
        var node = RunStatus.Node(
            name: slot.name, kind: slot.planned.kind, pid: slot.current.process.pid,
            state: slot.outage == nil || !slot.current.life.hasExited
                ? slot.current.life.word(isRunning: life.hasStarted) : "down",
            restarts: slot.history.restarts, swaps: slot.swaps,
            report: slot.report.withoutSets)
        node.note = note(of: slot)
        let machine = slot.planned.machine
        if machine != RunPlan.here { node.machine = machine }
        let live = slot.planned.configuration.settings.values.filter {
            slot.planned.liveSettings.contains($0.key)
        }
        if !live.isEmpty { node.settings = live }
        let clock = machines.clock(of: machine)
        (node.clock_offset_ns, node.clock_uncertainty_ns) = (clock?.offset, clock?.uncertainty)
        return node
    }

    private func note(of slot: NodeSlot) -> String? {
        guard let outage = slot.outage else { return slot.report.state }
        guard let time = slot.restartAt else { return "\(outage.reason); not tried again" }
        let seconds = Double(max(time - posix_monotonic_ns(), 0)) / 1e9
        return String(format: "%@; tried again in %.0f s", outage.reason, seconds)
    }

    private func edges(into slot: NodeSlot) -> [RunStatus.Edge] {
        slot.planned.configuration.inputs.map { input in
            let producer = graph.slot(input.producer)
            let isAcross = producer?.planned.machine != slot.planned.machine
            return .init(
                from: "\(input.producer).\(input.producerPort)",
                to: "\(slot.name).\(input.port)", keep: input.keep.rawValue,
                window: input.window,
                endpoint: NodeConfiguration.endpoint(
                    of: producer?.current.id ?? input.producer, in: graph.plan.folder),
                type: graph.plan.types["\(input.producer).\(input.producerPort)"],
                link: isAcross
                    ? producer.flatMap { graph.endpoint(of: $0, for: slot.current) } : nil)
        }
    }

    // MARK: Epochs

    /// All sources begin an epoch.
    ///
    /// - Returns: its number.
    /// - Throws: ``SwapRefusal`` when nothing is sent yet, or a source cannot.
    private func flush() throws -> UInt32 {
        guard life.hasStarted, !life.isEnding else {
            throw SwapRefusal("the run is \(life.isEnding ? "ending" : "starting")")
        }
        let sources = graph.slots.filter {
            $0.planned.isSource && $0.membership == .member && !$0.current.isDone
        }
        // One that has not said hello is told with `connect`.
        let unable = sources.map(\.current).filter { $0.life.saidHello && !canBeginEpochs($0) }
        guard unable.isEmpty else {
            throw SwapRefusal(unable.map(Self.noEpochs).joined(separator: "\n"))
        }
        let epoch = ([messenger.epoch, newestEpoch] + sources.map(\.report.epoch)).max()! + 1
        (messenger.epoch, newestEpoch) = (epoch, epoch)
        for slot in graph.slots {
            for instance in slot.instances { messenger.send(.flush(epoch: epoch), to: instance) }
        }
        return epoch
    }

    /// The frames of a source that cannot would be of an old epoch for ever.
    func canBeginEpochs(_ instance: NodeInstance) -> Bool {
        !instance.planned.isSource || instance.life.can(.rewires)
    }

    static func noEpochs(_ instance: NodeInstance) -> String {
        "'\(instance.planned.name)' (\(instance.planned.kind)) cannot begin an epoch: its 'hello' did not "
            + "say 'rewires'"
    }

    // MARK: Outputs, and what could take a node's place

    /// Where an output, `node.port`, is to be seen.
    ///
    /// - Throws: ``SwapRefusal`` when there is no such node, or its machine cannot be reached.
    private func place(of output: String) throws -> EdgePlace {
        let words = output.split(separator: ".", maxSplits: 1).map(String.init)
        guard words.count == 2, let slot = graph.slot(words[0]) else {
            throw SwapRefusal("'\(output)' is no output of this run")
        }
        return try place(of: words[1], slot)
    }

    private func place(of port: String, _ slot: NodeSlot) throws -> EdgePlace {
        let machine = slot.current.planned.machine
        let link = machines.link(to: machine)
        let command = try link?.launcher.command()
        guard link == nil || command != nil else {
            throw SwapRefusal(
                "machine '\(machine)', on which '\(slot.name)' runs, is not reached yet")
        }
        return EdgePlace(
            port: port,
            endpoint: NodeConfiguration.endpoint(
                of: slot.current.id, in: machines.folder(on: machine)),
            command: command, clockOffset: machines.clock(of: machine)?.offset ?? 0)
    }

    /// - Throws: ``SwapRefusal`` when it could not take the node's place.
    private func candidate(_ replacement: NodeReplacement) throws -> Candidate {
        guard let planner else { throw SwapRefusal("this run was not started from a graph file") }
        let slot = try slot(toReplace: replacement.node)
        let plan = try planner.plan(.replace(replacement)).plan
        guard let node = plan.nodes.first(where: { $0.name == slot.name }) else {
            throw SwapRefusal("there is no node '\(slot.name)' in the graph")
        }
        var configuration = node.configuration
        var distant: [String: EdgePlace] = [:]
        for (index, input) in configuration.inputs.enumerated() {
            guard let producer = graph.slot(input.producer) else { continue }
            let place = try place(of: input.producerPort, producer)
            configuration.inputs[index].endpoint = place.endpoint
            if place.command != nil { distant[input.port] = place }
        }
        var types: [String: RunPlan.PortType] = [:]
        var outputs: [String: EdgePlace] = [:]
        for output in configuration.outputs {
            types[output.port] = graph.plan.types["\(slot.name).\(output.port)"]
            outputs[output.port] = try place(of: output.port, slot)
        }
        return Candidate(
            kind: node.kind, current: slot.planned.kind, types: types,
            configuration: configuration, command: node.command,
            startWithinSeconds: node.startWithin / .seconds(1),
            outputs: outputs, distant: distant)
    }
}
