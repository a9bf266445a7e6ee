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
                    name: $0.planned.name, kind: $0.planned.kind, pid: $0.process.pid,
                    state: $0.state(isRunning: started), restarts: 0, report: $0.report)
            },
            edges: members.flatMap { member in
                member.planned.configuration.inputs.map {
                    .init(
                        from: "\($0.producer).\($0.producerPort)",
                        to: "\(member.planned.name).\($0.port)", keep: $0.keep.rawValue,
                        window: $0.window, endpoint: $0.endpoint,
                        type: plan.types["\($0.producer).\($0.producerPort)"])
                }
            })
    }

    private var state: String {
        if isEnding { return "ending" }
        return started ? "running" : "starting"
    }
}
