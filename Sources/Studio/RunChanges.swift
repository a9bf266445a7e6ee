import Dataflow
import FlyingFox
import Foundation
import Launch

/// The API's requests that change a run. Each is noted in the audit log.
struct RunChanges: Sendable {
    let audit: AuditLog
    let comparisons: Comparisons

    private struct Change: Encodable {
        var done: String
        var notes: [String]
    }

    /// Seconds that a change may take: a large model may have to be loaded for it.
    private static let patience = 600.0

    /// Asks for a change, waits for its result, and notes it.
    ///
    /// - Parameters:
    ///   - action: its name in the audit log.
    ///   - detail: what else the log says: names, and no values.
    func make(
        _ request: RunRequest, _ action: String, _ detail: String, for call: RunCall
    ) async throws -> HTTPResponse {
        let isDry = if case .change(_, isDry: let isDry) = request { isDry } else { false }
        func note(_ result: String) {
            audit.write(
                address: call.address, role: call.role, action, run: call.run, detail,
                result: isDry ? "dry, \(result)" : result)
        }
        let answer: (reply: RunReply, notes: [String])
        do {
            answer = try await waiting { [folder = call.folder] in
                var notes: [String] = []
                let reply = try RunClient(folder: folder).ask(request, seconds: Self.patience) {
                    notes.append($0)
                }
                return (reply, notes)
            }
        } catch {
            note("no answer")
            throw error
        }
        switch answer.reply {
        case .done(let text):
            note("done")
            return .json(Change(done: text, notes: answer.notes))
        case .refused(let reason):
            note("refused")
            return .fault(409, reason, notes: answer.notes)
        default:
            note("no answer")
            return .fault(500, StudioError.unknownAnswer)
        }
    }

    // MARK: Nodes and settings

    private struct Values: Decodable {
        var values: [String: String]
        var dry: Bool?
    }

    func set(_ call: RunCall) async throws -> HTTPResponse {
        let body = try await call.request.json(Values.self)
        guard !body.values.isEmpty else { throw StudioError.malformed("'values' is empty") }
        return try await make(
            .change(.settings(body.values), isDry: body.dry ?? false), "set",
            body.values.keys.sorted().joined(separator: " "), for: call)
    }

    private struct Replacement: Decodable {
        var node: String
        var kind: String?
        var settings: [String: String]?
        var machine: String?
        var dry: Bool?
    }

    func swap(_ call: RunCall) async throws -> HTTPResponse {
        let body = try await call.request.json(Replacement.self)
        let replacement = NodeReplacement(
            node: body.node, kind: body.kind, settings: body.settings ?? [:], machine: body.machine)
        return try await make(
            .change(.replace(replacement), isDry: body.dry ?? false), "swap",
            "\(body.node)=\(body.kind ?? "the same kind")", for: call)
    }

    private struct Comparison: Decodable {
        var node, kind: String
        var seconds: Double?
    }

    /// Another kind gets a node's input for a while, and nothing is replaced.
    func compare(_ call: RunCall) async throws -> HTTPResponse {
        let body = try await call.request.json(Comparison.self), seconds = body.seconds ?? 10
        guard seconds > 0, seconds <= Comparisons.longest else {
            throw StudioError.malformed("seconds is between 0 and \(Int(Comparisons.longest))")
        }
        func note(_ result: String) {
            audit.write(
                address: call.address, role: call.role, "compare", run: call.run,
                "\(body.node)=\(body.kind)", result: result)
        }
        do {
            let found = try await waiting { [comparisons, folder = call.folder] in
                try comparisons.compare(
                    body.node, with: body.kind, seconds: seconds, beside: folder)
            }
            note("done")
            return .json(Change(done: found, notes: []))
        } catch {
            note("refused")
            throw error
        }
    }

    private struct NodeName: Decodable { var node: String }

    /// Another process of the same kind takes a node's place, without a frame lost.
    func restart(_ call: RunCall) async throws -> HTTPResponse {
        let node = try await call.request.json(NodeName.self).node
        let replacement = NodeReplacement(node: node, kind: nil, settings: [:])
        return try await make(.change(.replace(replacement)), "restart", node, for: call)
    }

    private struct Text: Decodable {
        var text: String
        var dry: Bool?
    }

    func apply(_ call: RunCall) async throws -> HTTPResponse {
        let body = try await call.request.json(Text.self)
        return try await make(
            .change(.text(body.text), isDry: body.dry ?? false), "apply",
            "\(body.text.utf8.count) bytes", for: call)
    }

    // MARK: Portraits

    func sendPortrait(_ call: RunCall) async throws -> HTTPResponse {
        let consent = try Consent(call.query("consent"))
        let kept = Portraits(run: call.folder, of: try await call.graph())
        let name = try kept.keep(try await call.request.body(atMost: Portraits.largest))
        var record = consent.record
        // Where the graph requires a signed consent, the change is refused for want of one.
        do { try kept.note(consent, to: name) } catch { record += " (not signed: \(error))" }
        let response = try await use(name, of: kept, for: call, record)
        // A picture that cannot be used is not kept.
        if response.statusCode.code != 200 { kept.remove(name) }
        return response
    }

    func choosePortrait(_ call: RunCall) async throws -> HTTPResponse {
        try await use(call.name, of: Portraits(run: call.folder, of: try await call.graph()), for: call)
    }

    private func use(
        _ name: String, of kept: Portraits, for call: RunCall, _ record: String = ""
    ) async throws -> HTTPResponse {
        let values = [Portraits.setting: try kept.path(of: name)]
        return try await make(
            .change(.settings(values)), "portrait", name + record, for: call)
    }

    // MARK: Outputs

    private struct NewOutput: Decodable {
        var node: String?
        var kind: String?
        /// What it is fed: the output of a node, `decoder.frame`.
        var from: String
        var settings: [String: String]?
        var dry: Bool?
    }

    func addOutput(_ call: RunCall) async throws -> HTTPResponse {
        var text = GraphText(try await call.graph().text)
        let body = try await call.request.json(NewOutput.self)
        let node = body.node ?? "recording"
        try text.add(
            node, kind: body.kind ?? "video-encoder", inputs: ["frame": body.from],
            settings: body.settings ?? [:])
        return try await make(
            .change(.text(text.text, keepsSwaps: true), isDry: body.dry ?? false), "output",
            "\(node) from \(body.from)", for: call)
    }

    func removeOutput(_ call: RunCall) async throws -> HTTPResponse {
        var text = GraphText(try await call.graph().text)
        try text.remove(call.name)
        return try await make(
            .change(.text(text.text, keepsSwaps: true)), "output off", call.name, for: call)
    }
}
