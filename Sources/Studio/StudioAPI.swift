import Dataflow
import FlyingFox
import Foundation
import Launch

/// The API below /api/v1: what openapi.json describes and docs/studio.md shows with a line of curl each.
///
/// It starts runs, and hands a request about one run to ``RunReads`` or ``RunChanges``.
struct StudioAPI: Sendable {
    private let options: StudioServer.Options
    private let audit: AuditLog
    let runs: Runs
    private let reads: RunReads
    private let changes: RunChanges

    init(_ options: StudioServer.Options, audit: AuditLog) {
        (self.options, self.audit) = (options, audit)
        runs = Runs(
            executable: options.executable, most: options.sessions, launcher: options.launcher,
            refusal: options.refusal)
        let comparisons = Comparisons(executable: options.executable, launcher: options.launcher)
        reads = RunReads(plugins: options.plugins, comparisons: comparisons)
        changes = RunChanges(audit: audit, comparisons: comparisons)
    }

    /// - Parameter words: of the path, as the gate judged them.
    func respond(_ request: HTTPRequest, words: [String], role: Gate.Role, address: String) async
        -> HTTPResponse
    {
        do {
            return try await answer(request, words, role, address)
        } catch let error as StudioError {
            return .fault(error.status, error.description)
        } catch let error as RunClientError {
            if case .silent = error { return .fault(503, error.description) }
            return .fault(404, error.description)
        } catch {
            return .fault(500, "\(error)")
        }
    }

    private func answer(
        _ request: HTTPRequest, _ words: [String], _ role: Gate.Role, _ address: String
    ) async throws -> HTTPResponse {
        guard let (route, names) = Route.find(request.method.rawValue, words) else {
            throw StudioError.missing(
                "there is no \(request.method.rawValue) of '\(request.path)'; /openapi.json lists what is")
        }
        func call() async throws -> RunCall {
            let run = names.first ?? request.query["run"] ?? "-"
            return RunCall(
                request: request, role: role, address: address, run: run,
                folder: try await waiting { [runs] in try runs.folder(run) },
                name: names.dropFirst().first ?? "")
        }
        switch route {
        case .role: return .json(StudioServer.Session(role: role, sessions: options.sessions))
        case .kinds: return kinds()
        case .runs: return .json(try await waiting { [runs] in runs.list() })
        case .start: return try await start(request, role, address)

        case .figures: return try await reads.figures(call())
        case .status: return try await reads.status(call())
        case .events: return try await reads.events(call())
        case .live: return try await reads.live(call(), camera: false)
        case .camera: return try await reads.live(call(), camera: true)
        case .preview: return try await reads.preview(call())
        case .logs: return try await reads.logs(call())
        case .trace: return try await reads.trace(call())
        case .graph: return .json(try await call().graph())
        case .check: return try await reads.check(call())
        case .portraits: return try await reads.portraits(call())
        case .portrait: return try await reads.portrait(call())
        case .outputs: return try await reads.outputs(call())

        case .set: return try await changes.set(call())
        case .compare: return try await changes.compare(call())
        case .swap: return try await changes.swap(call())
        case .apply: return try await changes.apply(call())
        case .restart: return try await changes.restart(call())
        case .flush: return try await changes.make(.flush, "flush", "", for: call())
        case .stop: return try await changes.make(.stop, "stop", "", for: call())
        case .sendPortrait: return try await changes.sendPortrait(call())
        case .choosePortrait: return try await changes.choosePortrait(call())
        case .addOutput: return try await changes.addOutput(call())
        case .removeOutput: return try await changes.removeOutput(call())
        }
    }

    private func kinds() -> HTTPResponse {
        let registry = options.plugins(options.graph).registry
        return .bytes(
            Data(NodeListing(registry.specs).json.serialized().utf8), type: "application/json")
    }

    private struct Start: Decodable {
        var settings: [String: String]?
        /// What a browser calls itself, to get a run of its own, and the one that it had.
        var browser: String?
        var run: String?
    }

    /// The longest name of a browser.
    private static let longestName = 64

    /// Another run of the studio's graph. Only that one: a path in a request would be any file.
    private func start(_ request: HTTPRequest, _ role: Gate.Role, _ address: String) async throws
        -> HTTPResponse
    {
        guard let graph = options.graph else {
            throw StudioError.refused(
                "this studio was started without a graph, so it starts none: personalive studio GRAPH")
        }
        let body = try await request.json(Start.self), settings = body.settings ?? [:]
        guard body.browser?.utf8.count ?? 1 <= Self.longestName, body.browser != "" else {
            throw StudioError.malformed("'browser' has 1 to \(Self.longestName) bytes")
        }
        func note(_ run: String, _ result: String) {
            audit.write(address: address, role: role, "start", run: run, graph, result: result)
        }
        do {
            let (name, isNew) = try await waiting { [runs] in
                guard let browser = body.browser else {
                    return (try runs.start(graph, settings: settings), true)
                }
                return try runs.session(
                    of: browser, last: body.run, graph: graph, settings: settings)
            }
            if isNew { note(name, "done") }
            return .json(["name": name], status: isNew ? 201 : 200)
        } catch {
            note("", "refused")
            throw error
        }
    }
}
