import CPosix
import Glibc
import NodeKit
import Wire

/// What nodes say, and what they are told.
extension Supervisor {
    func member(of process: Incarnation) -> Member? {
        members.first { $0.name == process.planned.name }
    }

    /// Messages that are read before signals and other children come to their turn.
    private static let messagesPerRound = 500

    func readControl() {
        for _ in 0..<Self.messagesPerRound {
            guard let frames = control.socket.receive() else { return }
            guard frames.count == 2 else { continue }
            let sender = frames[0].text
            if sender.hasPrefix(Self.requesterMark) {
                hear(frames[1], from: sender)
                continue
            }
            guard let process = incarnations.first(where: { $0.id == sender }),
                link(to: process.planned.machine) == nil
            else { continue }
            frames[1].withBytes { hear($0, from: process) }
        }
    }

    /// A process said something, here or through its machine's agent.
    func hear(_ bytes: UnsafeRawBufferPointer, from process: Incarnation) {
        process.heardAt = posix_monotonic_ns()
        guard process.heard.admits(at: process.heardAt) else {
            // Said once: what comes until it is gone is not read.
            guard process.reason == nil else { return }
            process.process.killGroup()
            return blame(
                process,
                "it sent more than \(process.heard.most) control messages in a second: a report four times "
                    + "a second is enough")
        }
        if let message = ControlMessage(decoding: bytes) {
            hear(message, from: process)
        } else {
            let text = String(decoding: bytes.prefix(80), as: UTF8.self)
            blame(process, "its control message cannot be read: \(text)")
        }
    }

    private func hear(_ message: ControlMessage, from process: Incarnation) {
        guard let member = member(of: process) else { return }
        switch message {
        case .hello(let recovers, let retires, let rewires):
            (process.recovers, process.retires) = (recovers, retires)
            process.rewires = rewires
            welcome(process, of: member)
        case .serving(let endpoint): hear(serving: endpoint, from: process, of: member)
        case .pong(let sent, let received, let answered):
            learnTime(of: process, sent: sent, received: received, answered: answered)
        case .ready: hear(ready: process, of: member)
        case .progress(let report): take(report, from: process, of: member)
        case .done(let report): hear(done: report, from: process, of: member)
        case .retired(let report, let next):
            hear(retired: report, next: next, from: process, of: member)
        case .warning(let text): show(PrintedLine(.warning, text), of: process)
        case .failed(let reason, let culprit):
            hear(failed: reason, culprit: culprit, from: process, of: member)
        default: hearOfEdges(message, from: process, of: member)
        }
    }

    private func hearOfEdges(
        _ message: ControlMessage, from process: Incarnation, of member: Member
    ) {
        let isCurrent = member.current === process
        switch message {
        case .held(let next, let isOver) where isCurrent:
            hear(held: next, isOver: isOver, from: member)
        case .rewired where isCurrent: hear(rewired: member)
        case .moved(let edge) where isCurrent: hear(moved: edge, of: member)
        case .left(let edge): hear(left: edge, of: member)
        default: break
        }
    }

    private func hear(serving endpoint: String, from process: Incarnation, of member: Member) {
        process.served = endpoint
        guard member.current === process else { return }
        connectIfAllServe()
        if connected { redirect(to: member) }
        handOverIfReady()
    }

    private func hear(ready process: Incarnation, of member: Member) {
        process.isReady = true
        if member.current === process, !member.isJoining {
            startIfReady(process)
        } else {
            handOverIfReady()
        }
    }

    /// Figures of a process that was replaced, or is not yet in its place, are not the node's.
    private func take(_ report: NodeReport, from process: Incarnation, of member: Member) {
        if member.current === process { member.report = report }
    }

    private func hear(done report: NodeReport, from process: Incarnation, of member: Member) {
        take(report, from: process, of: member)
        process.isDone = true
        for producer in producers(of: member) {
            tell(producer.current, .departed(consumer: member.name))
        }
        for consumer in consumers(of: member) where consumer.current.rewires {
            tell(consumer.current, .finished(producer: member.name))
        }
        forgetMoves(of: member)
    }

    private func hear(
        retired report: NodeReport, next: [String: UInt64], from process: Incarnation,
        of member: Member
    ) {
        take(report, from: process, of: member)
        process.next = next
        process.isRetired = true
        if member.current === process, let swap = member.swap { adopt(member, swap) }
    }

    private func hear(
        failed reason: String, culprit: String?, from process: Incarnation, of member: Member
    ) {
        if let culprit = members.first(where: { $0.name == culprit }) {
            blame(culprit.current, "\(reason) (says '\(member.name)')")
        } else {
            process.failedAt = posix_monotonic_ns()
            blame(process, reason)
        }
    }

    private func welcome(_ process: Incarnation, of member: Member) {
        process.saidHello = true
        tell(process, .configure(configuration(of: process, member)))
        askTime(of: process)
        if plan.hasSeveralMachines { letAllListen() }
        guard member.current === process, !member.isJoining else { return }
        if !connected {
            connectIfAllServe()
        } else {
            holdIfOthersAre(member)
            tellNewEdges(member)
            connect(process, anew: false)
            redirect(to: member)
        }
    }

    private func connectIfAllServe() {
        let serve = members.allSatisfy {
            $0.current.saidHello && ($0.current.served != nil || !hasConsumersElsewhere($0))
        }
        guard !connected, serve else { return }
        connected = true
        if plan.isInsecure, plan.hasSeveralMachines {
            display.warn(
                "INSECURE", "a machine says 'insecure: true': what crosses between machines in this "
                    + "run is not encrypted, and whoever reaches a port is served")
        }
        members.forEach {
            redirect(to: $0)
            connect($0.current, anew: false)
        }
        startIfAllReady()
    }

    func connect(
        _ process: Incarnation, anew: Bool, forgets: Bool = false, next: [String: UInt64] = [:]
    ) {
        process.isConnected = true
        let first = member(of: process)?.firstFrame ?? 0
        tell(process, .connect(anew: anew, forgets: forgets, next: next, first: first))
    }

    private func startIfReady(_ process: Incarnation) {
        if started { return tell(process, .start) }
        startIfAllReady()
    }

    /// Times mean nothing before the clocks are compared.
    func startIfAllReady() {
        guard !started, connected, members.allSatisfy({ $0.current.isReady && knowsTime(of: $0.current) })
        else { return }
        started = true
        startupTime = posix_monotonic_ns() - began
        tellAll(.start)
    }

    /// A node's consumers find it at its new process.
    func redirect(to member: Member) {
        for other in members {
            let inputs = other.planned.configuration.inputs + other.successors.values
            for consumer in other.processes where consumer.saidHello {
                for input in inputs where input.producer == member.name {
                    guard let endpoint = endpoint(of: member, for: consumer) else { continue }
                    tell(
                        consumer,
                        .reconnect(
                            port: consumer.rewires ? input.key : input.port, endpoint: endpoint,
                            isFresh: !member.current.recovers || member.current.isFresh))
                }
            }
        }
    }

    func producers(of member: Member) -> [Member] {
        let names = Set(member.planned.configuration.inputs.map(\.producer))
        return members.filter { names.contains($0.name) }
    }

    private func consumers(of member: Member) -> [Member] {
        members.filter { other in
            other.planned.configuration.inputs.contains { $0.producer == member.name }
        }
    }

    /// What a process is told: its neighbours as they are now.
    func configuration(of process: Incarnation, _ member: Member) -> NodeConfiguration {
        var configuration = process.planned.configuration
        configuration.inputs = configuration.inputs.map { located($0, for: process) }
        prepareForElsewhere(&configuration, of: process)
        configuration.outputs.removeAll { output in
            members.contains { $0.name == output.consumer && $0.current.isDone }
        }
        return configuration
    }

    /// An input with where its producer is found now, and the key it is known by.
    func located(
        _ input: NodeConfiguration.Input, for process: Incarnation
    ) -> NodeConfiguration.Input {
        var input = input
        input.producerKey = keys[input.producer]?.publicKey
        if !isRelayed(process.planned) { input.type = nil }
        guard let producer = members.first(where: { $0.name == input.producer }) else { return input }
        input.isElsewhere = producer.current.planned.machine != process.planned.machine
        if let endpoint = endpoint(of: producer, for: process) { input.endpoint = endpoint }
        return input
    }

    func tell(_ process: Incarnation, _ message: ControlMessage) {
        guard process.process.status == nil else { return }
        if let link = link(to: process.planned.machine) {
            return link.send(.tell(id: process.id), message.encoded())
        }
        Array(process.id.utf8).withUnsafeBytes { name in
            message.encoded().withUnsafeBytes { _ = control.socket.send(name, $0) }
        }
    }

    func tellAll(_ message: ControlMessage) { incarnations.forEach { tell($0, message) } }
}
