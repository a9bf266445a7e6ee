import CPosix
import CZeroMQ
import Foundation
import Glibc
import NodeKit

/// Stands between a plugin and its neighbours on other machines, on the plugin's machine.
///
/// A plugin speaks to sockets of its own machine and knows nothing of keys, clocks or networks. So
/// where a run has several machines, its relay takes its place: to the supervisor and to neighbours
/// elsewhere the relay is the node, to the plugin it is supervisor and neighbours. Neighbours on the
/// same machine meet the plugin itself, shared memory included. Since no node is added, a plugin can
/// be swapped for any node of its ports, and moved, while the graph runs; and since credits pass
/// through, frames do not grow older than they would between two nodes of the tool.
package final class PluginRelay {
    private let name: String
    private let folder: String
    private let context = ZMQContext()
    private let clock = RunClock()
    private let control: ZMQSocketBox
    private let inside: ZMQSocketBox
    private var inputs: RelayedInputs?
    private var outputs: RelayedOutputs?
    /// Whether the plugin's last messages have been passed on.
    package private(set) var hasPassedAll = false

    /// - Parameters:
    ///   - name: what the process calls itself.
    ///   - run: the folder of the run's sockets.
    ///   - folder: of those between this relay and the plugin, which is started with it.
    package init(_ name: String, run: String, folder: String) throws {
        (self.name, self.folder) = (name, folder)
        inside = ZMQSocketBox(try ZMQSocket(.router, in: context))
        try inside.socket.bind(NodeConfiguration.controlEndpoint(in: folder))
        control = ZMQSocketBox(try ZMQSocket(.dealer, in: context, identity: name))
        try control.socket.connect(NodeConfiguration.controlEndpoint(in: run))
    }

    /// Passes on what comes.
    ///
    /// - Parameter descriptors: what else to wait for; negative ones are left out.
    /// - Returns: which of those are readable.
    package func poll(milliseconds: Int, besides descriptors: [Int32]) -> [Bool] {
        var items = descriptors.map { zmq_pollitem_t(readable: $0) }
        items += [control.socket.pollItem, inside.socket.pollItem]
        items += (inputs?.pollItems ?? []) + (outputs?.pollItems ?? [])
        zmqPoll(&items, milliseconds: milliseconds)
        work()
        return items.prefix(descriptors.count).map(\.isReady)
    }

    /// Passes on all that has come.
    package func work() {
        hearSupervisor()
        // Its last messages come after its last message.
        do {
            try inputs?.work()
            try outputs?.work()
        } catch { say(.failed("\(error)")) }
        hearPlugin()
    }

    private func say(_ message: ControlMessage) {
        message.encoded().withUnsafeBytes { _ = control.socket.send($0) }
    }

    private func tellPlugin(_ message: ControlMessage) {
        message.encoded().withUnsafeBytes { tellPlugin($0) }
    }

    private func tellPlugin(_ bytes: UnsafeRawBufferPointer) {
        Array(name.utf8).withUnsafeBytes { _ = inside.socket.send($0, bytes) }
    }

    // MARK: The supervisor's messages

    private func hearSupervisor() {
        while let frames = control.socket.receive() {
            let heardAt = posix_monotonic_ns()
            do {
                guard let message = frames[0].withBytes(ControlMessage.init(decoding:)) else {
                    refuse(frames[0])
                    continue
                }
                if try obey(message, heardAt) { frames[0].withBytes { tellPlugin($0) } }
            } catch { say(.failed("\(error)")) }
        }
    }

    /// What this relay does not understand it does not pass on either: there might be a key in it.
    private func refuse(_ frame: ZMQFrame) {
        let object = frame.withBytes { try? JSONSerialization.jsonObject(with: Data($0)) }
        let type = (object as? [String: Any])?["type"] as? String
        let text = "a control message (\(type.map { "'\($0)'" } ?? "without a type")) that its relay cannot read"
        // Without this one the node would be waited for for ever.
        say(type == "configure" ? .failed(text) : .warning(text + ": the plugin does not get it"))
    }

    /// Whether the plugin is to hear it as it is.
    private func obey(_ message: ControlMessage, _ heardAt: Int64) throws -> Bool {
        switch message {
        case .configure(let configuration): try configure(configuration)
        case .listen(let endpoint): try listen(at: endpoint)
        case .ping(let sent):
            say(.pong(sent: sent, received: heardAt, answered: posix_monotonic_ns()))
        case .clock(let offset, let uncertainty): clock.set(offset: offset, uncertainty: uncertainty)
        case .reconnect(let port, let endpoint, let isFresh):
            guard let own = try inputs?.reconnect(port, to: endpoint) else { break }
            tellPlugin(.reconnect(port: port, endpoint: own, isFresh: isFresh))
        case .departed(let consumer):
            outputs?.depart(consumer)
            return true
        case .connect, .start, .drain, .retire, .hold, .release, .set, .finishNow: return true
        // Its edges are this relay's own, and what plugins say is not theirs to hear.
        default: break
        }
        return false
    }

    private func configure(_ configuration: NodeConfiguration) throws {
        let say: (ControlMessage) -> Void = { [weak self] in self?.say($0) }
        let inputs = try RelayedInputs(
            configuration, folder: folder, context: context, clock: clock, say: say)
        outputs = RelayedOutputs(
            configuration, endpoint: NodeConfiguration.endpoint(of: name, in: folder),
            context: context, clock: clock, say: say)
        self.inputs = inputs
        var own = NodeConfiguration(
            name: configuration.name, settings: configuration.settings,
            inputs: configuration.inputs, outputs: configuration.outputs)
        for (index, endpoint) in inputs.endpoints.enumerated() {
            own.inputs[index].endpoint = endpoint
            (own.inputs[index].isHalved, own.inputs[index].isElsewhere) = (false, false)
            (own.inputs[index].producerKey, own.inputs[index].type) = (nil, nil)
        }
        for index in own.outputs.indices {
            (own.outputs[index].isHalved, own.outputs[index].consumerKey) = (false, nil)
        }
        tellPlugin(.configure(own))
        if let endpoint = configuration.listen { try listen(at: endpoint) }
    }

    private func listen(at endpoint: String) throws {
        guard let outputs else { return }
        say(.serving(endpoint: try outputs.listen(at: endpoint)))
    }

    // MARK: The plugin's messages

    private func hearPlugin() {
        while let frames = inside.socket.receive() {
            guard frames.count == 2, frames[0].text == name else { continue }
            switch frames[1].withBytes(ControlMessage.init(decoding:)) {
            case .progress(var report):
                report.refusedPeers += outputs?.refusedPeers ?? 0
                say(.progress(report))
            case .hello: introduce(frames[1])
            case .done(let report):
                say(.done(completed(report)))
                hasPassedAll = true
            case .retired(let report, let next):
                say(.retired(completed(report), next: next))
                hasPassedAll = true
            default: frames[1].withBytes { _ = control.socket.send($0) }
            }
        }
    }

    /// Passes on what the plugin can do, but for what this relay could not do with it.
    private func introduce(_ frame: ZMQFrame) {
        let object = frame.withBytes { try? JSONSerialization.jsonObject(with: Data($0)) }
        let known = ["type", "recovers", "retires", "sets"]
        let hello = (object as? [String: Any] ?? [:]).filter { known.contains($0.key) }
        guard let bytes = try? JSONSerialization.data(withJSONObject: hello) else { return }
        bytes.withUnsafeBytes { _ = control.socket.send($0) }
    }

    /// A last report, with what the plugin cannot know.
    private func completed(_ report: NodeReport) -> NodeReport {
        var report = report
        report.refusedPeers += outputs?.refusedPeers ?? 0
        for (port, frames) in inputs?.late ?? [] {
            let index = report.inputs.firstIndex { $0.port == port } ?? report.inputs.count
            if index == report.inputs.count { report.inputs.append(.init(port: port)) }
            report.inputs[index].drops.add(Drops(.late, frames))
        }
        for (output, drops) in outputs?.missing ?? [] {
            let own = NodeReport.Output(output)
            let index = report.outputs.firstIndex(where: own.isSame) ?? report.outputs.count
            if index == report.outputs.count { report.outputs.append(own) }
            report.outputs[index].drops.add(drops)
        }
        return report
    }
}
