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
        }
    }

    func reply(_ reply: RunReply, to requester: String) {
        Array(requester.utf8).withUnsafeBytes { name in
            reply.jsonBytes.withUnsafeBytes { _ = control.socket.send(name, $0) }
        }
    }

    private var status: RunStatus {
        RunStatus(
            name: plan.name, graph: plan.graph, pid: getpid(), folder: plan.folder, state: state,
            seconds: started ? snapshot.seconds : 0,
            nodes: members.map {
                .init(
                    name: $0.name, kind: $0.planned.kind, pid: $0.current.process.pid,
                    state: $0.current.state(isRunning: started), restarts: $0.restarts,
                    swaps: $0.swaps,
                    report: $0.report)
            },
            edges: members.flatMap(edges))
    }

    private func edges(into member: Member) -> [RunStatus.Edge] {
        member.planned.configuration.inputs.map { input in
            let producer = members.first { $0.name == input.producer }
            return .init(
                from: "\(input.producer).\(input.producerPort)",
                to: "\(member.name).\(input.port)", keep: input.keep.rawValue,
                window: input.window,
                endpoint: NodeConfiguration.endpoint(
                    of: producer?.current.id ?? input.producer, in: plan.folder),
                type: plan.types["\(input.producer).\(input.producerPort)"])
        }
    }

    private var state: String {
        if isEnding { return "ending" }
        return started ? "running" : "starting"
    }
}
