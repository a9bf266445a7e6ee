import Foundation
import Glibc
import Wire

/// What people and programs ask while the graph runs.
extension Supervisor {
    /// Identities of those who ask begin with this; no node's name does.
    static let requesterMark = "?"

    func hear(_ frame: ZMQFrame, from requester: String) {
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
        case .change(let change, let isDry): make(change, isDry: isDry, for: requester)
        case .candidate(let replacement):
            do {
                reply(.candidate(try candidate(replacement)), to: requester)
            } catch { reply(.refused("\(error)"), to: requester) }
        case .look(let output):
            do {
                reply(.place(try place(of: output)), to: requester)
            } catch { reply(.refused("\(error)"), to: requester) }
        }
    }

    func reply(_ reply: RunReply, to requester: String) {
        Array(requester.utf8).withUnsafeBytes { name in
            reply.jsonBytes.withUnsafeBytes { _ = control.socket.send(name, $0) }
        }
    }

    private var status: RunStatus {
        var status = RunStatus(
            name: plan.name, graph: plan.graph, pid: getpid(), folder: plan.folder, state: state,
            seconds: started ? snapshot.seconds : 0,
            nodes: members.map(node),
            edges: members.flatMap(edges))
        (status.logs, status.metrics) = (plan.logs, plan.metrics)
        return status
    }

    private func node(_ member: Member) -> RunStatus.Node {
        var node = RunStatus.Node(
            name: member.name, kind: member.planned.kind, pid: member.current.process.pid,
            state: member.current.state(isRunning: started), restarts: member.restarts,
            swaps: member.swaps, report: member.report)
        let machine = member.planned.machine
        if machine != RunPlan.here { node.machine = machine }
        if isRelayed(member.planned) { node.relayed = true }
        let clock = clock(of: machine)
        (node.clock_offset_ns, node.clock_uncertainty_ns) = (clock?.offset, clock?.uncertainty)
        return node
    }

    private func edges(into member: Member) -> [RunStatus.Edge] {
        member.planned.configuration.inputs.map { input in
            let producer = members.first { $0.name == input.producer }
            let isAcross = producer?.planned.machine != member.planned.machine
            return .init(
                from: "\(input.producer).\(input.producerPort)",
                to: "\(member.name).\(input.port)", keep: input.keep.rawValue,
                window: input.window,
                endpoint: NodeConfiguration.endpoint(
                    of: producer?.current.id ?? input.producer, in: plan.folder),
                type: plan.types["\(input.producer).\(input.producerPort)"],
                link: isAcross ? producer.flatMap { endpoint(of: $0, for: member.current) } : nil)
        }
    }

    private var state: String {
        if isEnding { return "ending" }
        return started ? "running" : "starting"
    }
}
