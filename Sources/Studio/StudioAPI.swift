import Dataflow
import FlyingFox
import Foundation
import Launch
import NodeKit
import Synchronization

/// The API below /api/v1: what openapi.json describes and docs/studio.md shows with a line of curl each.
struct StudioAPI: Sendable {
    private let options: StudioServer.Options
    private let audit: AuditLog
    let runs: Runs
    private let looks = RunLooks()
    private let taps = PictureTaps()

    /// Bytes of a graph file or of a JSON body.
    private static let largestText = 1_000_000

    init(_ options: StudioServer.Options, audit: AuditLog) {
        (self.options, self.audit) = (options, audit)
        runs = Runs(
            executable: options.executable, most: options.sessions, launcher: options.launcher)
    }

    /// Who asks, for what.
    private struct Call {
        let request: HTTPRequest
        /// Of the path, as the gate judged them.
        let words: [String]
        let role: Gate.Role
        let address: String
        var run = "-"
        var method: String { request.method.rawValue }
        func query(_ name: String) -> String? { request.query[name] }

        func json<Value: Decodable>(_: Value.Type) async throws -> Value {
            let data = try await request.body(atMost: StudioAPI.largestText)
            do {
                return try JSONDecoder().decode(Value.self, from: data)
            } catch {
                throw StudioError.malformed(
                    "the body is not the JSON that is needed; /openapi.json says what is")
            }
        }
    }

    func respond(_ request: HTTPRequest, words: [String], role: Gate.Role, address: String) async
        -> HTTPResponse
    {
        do {
            return try await route(
                Call(request: request, words: words, role: role, address: address))
        } catch let error as StudioError {
            return .fault(error.status, error.description)
        } catch let error as RunClientError {
            if case .silent = error { return .fault(503, error.description) }
            return .fault(404, error.description)
        } catch {
            return .fault(500, "\(error)")
        }
    }

    private func route(_ call: Call) async throws -> HTTPResponse {
        if call.method == "GET", call.words == Gate.figures {
            let folder = try await folder(call.query("run") ?? "-")
            let answer = await RunFigures(folder: folder).response()
            return .bytes(Data(answer.body.utf8), type: answer.type, status: answer.status)
        }
        let words = Array(call.words.dropFirst(2))
        guard call.words.starts(with: ["api", "v1"]), let first = words.first else {
            throw StudioError.missing("there is no '\(call.request.path)'; /openapi.json lists what is")
        }
        switch (call.method, first, words.count) {
        case ("GET", "session", 1): return .json(["role": call.role])
        case ("GET", "kinds", 1): return kinds()
        case ("GET", "runs", 1): return .json(try await waiting { [runs] in runs.list() })
        case ("POST", "runs", 1): return try await start(call)
        case (_, "runs", 2...):
            var call = call
            call.run = words[1]
            return try await run(call, words.dropFirst(2).first ?? "", Array(words.dropFirst(3)))
        default:
            throw StudioError.missing(
                "there is no \(call.method) of '\(call.request.path)'; /openapi.json lists what is")
        }
    }

    private func run(_ call: Call, _ what: String, _ rest: [String]) async throws -> HTTPResponse {
        guard rest.isEmpty || ["portraits", "outputs"].contains(what) else {
            throw StudioError.missing(
                "there is no '\(call.request.path)'; /openapi.json lists what is")
        }
        let folder = try await folder(call.run)
        switch (call.method, what) {
        case ("GET", ""):
            return .json(try await waiting { [looks] in try looks.view(of: folder) })
        case ("GET", "events"): return events(folder)
        case ("GET", "live"): return try await live(call, folder, camera: false)
        case ("GET", "camera"): return try await live(call, folder, camera: true)
        case ("GET", "preview"): return try await preview(call, folder)
        case ("GET", "graph"): return .json(try await graph(folder))
        case ("POST", "check"): return try await check(call, folder)
        case ("POST", "set"): return try await set(call, folder)
        case ("POST", "swap"): return try await swap(call, folder)
        case ("POST", "apply"): return try await apply(call, folder)
        case ("POST", "restart"): return try await restart(call, folder)
        case ("POST", "flush"): return try await change(call, folder, .flush, "flush", "")
        case ("POST", "stop"): return try await change(call, folder, .stop, "stop", "")
        case ("GET", "logs"): return try await logs(call, folder)
        case ("GET", "trace"): return try await trace(call, folder)
        case (_, "portraits"): return try await portraits(call, folder, rest)
        case (_, "outputs"): return try await outputs(call, folder, rest)
        default:
            throw StudioError.missing(
                "there is no \(call.method) of '\(call.request.path)'; /openapi.json lists what is")
        }
    }

    private func folder(_ run: String) async throws -> String {
        try await waiting { [runs] in try runs.folder(run) }
    }

    // MARK: How it stands

    private func kinds() -> HTTPResponse {
        let registry = options.plugins(options.graph).registry
        return .bytes(
            Data(NodeListing(registry.specs).json.serialized().utf8), type: "application/json")
    }

    /// Twice a second how the run stands, lines of its log as they come, and at the end a reason.
    private func events(_ folder: String) -> HTTPResponse {
        let looks = looks
        let stream = EventStream { events in
            let reader = try? await waiting { Self.log(of: folder).map(Lines.init) }
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            var isFirst = true
            while !Task.isCancelled {
                do {
                    let view = try await waiting { try looks.view(of: folder) }
                    events.yield(EventStream.event("status", Self.text(view, encoder)))
                } catch {
                    events.yield(EventStream.event("over", Self.text(["error": "\(error)"], encoder)))
                    return
                }
                let lines = (try? await waiting { reader?.next() ?? [] }) ?? []
                for line in isFirst ? lines.suffix(20) : lines.suffix(50) {
                    events.yield(EventStream.event("log", Self.text(["line": line], encoder)))
                }
                isFirst = false
                try? await Task.sleep(for: .milliseconds(500))
            }
        }
        return HTTPResponse(
            statusCode: .ok, headers: [.contentType: "text/event-stream"],
            body: HTTPBodySequence(from: stream))
    }

    private static func text(_ value: some Encodable, _ encoder: JSONEncoder) -> String {
        (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    /// The log of a run that lives.
    private static func log(of folder: String) -> LogFolder? {
        guard let status = try? RunClient(folder: folder).status(seconds: 3) else { return nil }
        return LogFolder.all.first { $0.path == status.logs }
    }

    /// Reads a log in several threads, one after the other.
    private final class Lines: Sendable {
        private let reader: Mutex<LogReader>
        init(_ log: LogFolder) { reader = Mutex(LogReader(log)) }
        func next() -> [String] { reader.withLock { $0.lines() } }
    }

    /// The WebSocket of a page: `?output=decoder.frame` is what it watches.
    private func live(_ call: Call, _ folder: String, camera: Bool) async throws -> HTTPResponse {
        let tap = call.query("output").map { taps.tap(folder, $0) }
        let line = camera ? CameraLine(path: "\(folder)/camera.socket") : nil
        let handler = WebSocketHTTPHandler(handler: LiveSocket(tap: tap, camera: line))
        var response = try await handler.handleRequest(call.request)
        if call.request.headers[HTTPHeader("Sec-WebSocket-Protocol")] != nil {
            response.headers[HTTPHeader("Sec-WebSocket-Protocol")] = "personalive.v1"
        }
        return response
    }

    private func preview(_ call: Call, _ folder: String) async throws -> HTTPResponse {
        guard let output = call.query("output") else {
            throw StudioError.malformed("say which output: ?output=decoder.frame")
        }
        let shot = try await waiting { [taps] in try taps.picture(folder, output) }
        return .bytes(Data(shot.jpeg), type: "image/jpeg")
    }

    private func logs(_ call: Call, _ folder: String) async throws -> HTTPResponse {
        let most = min(max(Int(call.query("lines") ?? "") ?? 200, 1), 5000)
        let node = call.query("node")
        let lines = try await waiting {
            guard let log = Self.log(of: folder) else {
                throw StudioError.missing("this run has no log")
            }
            return Array(LogReader(log, node: node).lines().suffix(most))
        }
        return .json(["lines": lines])
    }

    private func trace(_ call: Call, _ folder: String) async throws -> HTTPResponse {
        let seconds = Double(call.query("seconds") ?? "") ?? 3
        guard seconds > 0, seconds <= 60 else {
            throw StudioError.malformed("seconds is between 0 and 60")
        }
        let data = try await waiting {
            let client = try RunClient(folder: folder)
            var trace = RunTrace()
            let deadline = ContinuousClock.now + .seconds(seconds)
            repeat {
                trace.take(try client.status())
                usleep(100_000)
            } while ContinuousClock.now < deadline
            return try trace.json()
        }
        var response = HTTPResponse.bytes(data, type: "application/json")
        response.headers[.contentDisposition] = "attachment; filename=\"trace.json\""
        return response
    }

    // MARK: The graph

    private func graph(_ folder: String) async throws -> RunGraph {
        try await waiting {
            switch try RunClient(folder: folder).ask(.graph) {
            case .graph(let graph): return graph
            case .refused(let reason): throw StudioError.refused(reason)
            default: throw StudioError.refused("the run answers something else")
            }
        }
    }

    /// Every fault of a text, as `personalive check --format json` prints it.
    private func check(_ call: Call, _ folder: String) async throws -> HTTPResponse {
        let bytes = Array(try await call.request.body(atMost: Self.largestText))
        let graph = try await graph(folder)
        let plugins = options.plugins
        let json = try await waiting {
            let check = GraphFile.check(
                bytes: bytes, name: graph.path,
                overrides: graph.overrides.map { (name: $0.key, value: $0.value) },
                registry: plugins(graph.path).registry)
            return JSONValue.object([
                ("faults", .array(check.json)), ("errors", .integer(check.errorCount)),
            ]).serialized()
        }
        return .bytes(Data(json.utf8), type: "application/json")
    }

    // MARK: Changes

    private struct Change: Encodable {
        var done: String
        var notes: [String]
    }

    /// Asks for a change, waits for what comes of it, and notes it.
    private func change(
        _ call: Call, _ folder: String, _ request: RunRequest, _ action: String, _ detail: String
    ) async throws -> HTTPResponse {
        let isDry = if case .change(_, isDry: let isDry) = request { isDry } else { false }
        func note(_ result: String) {
            audit.write(
                address: call.address, role: call.role, action, run: call.run, detail,
                result: isDry ? "dry, \(result)" : result)
        }
        let answer: (reply: RunReply, notes: [String])
        do {
            answer = try await waiting {
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
            return .fault(500, "the run answers something else")
        }
    }

    private static let patience = 600.0

    private struct Values: Decodable {
        var values: [String: String]
        var dry: Bool?
    }

    private func set(_ call: Call, _ folder: String) async throws -> HTTPResponse {
        let body = try await call.json(Values.self)
        guard !body.values.isEmpty else { throw StudioError.malformed("'values' is empty") }
        return try await change(
            call, folder, .change(.settings(body.values), isDry: body.dry ?? false), "set",
            body.values.keys.sorted().joined(separator: " "))
    }

    private struct Replacement: Decodable {
        var node: String
        var kind: String?
        var settings: [String: String]?
        var machine: String?
        var dry: Bool?
    }

    private func swap(_ call: Call, _ folder: String) async throws -> HTTPResponse {
        let body = try await call.json(Replacement.self)
        let replacement = NodeReplacement(
            node: body.node, kind: body.kind, settings: body.settings ?? [:], machine: body.machine)
        return try await change(
            call, folder, .change(.replace(replacement), isDry: body.dry ?? false), "swap",
            "\(body.node)=\(body.kind ?? "the same kind")")
    }

    private struct NodeName: Decodable { var node: String }

    /// Another process of the same kind takes a node's place, without a frame lost.
    private func restart(_ call: Call, _ folder: String) async throws -> HTTPResponse {
        let node = try await call.json(NodeName.self).node
        let replacement = NodeReplacement(node: node, kind: nil, settings: [:])
        return try await change(call, folder, .change(.replace(replacement)), "restart", node)
    }

    private struct Text: Decodable {
        var text: String
        var dry: Bool?
    }

    private func apply(_ call: Call, _ folder: String) async throws -> HTTPResponse {
        let body = try await call.json(Text.self)
        return try await change(
            call, folder, .change(.text(body.text), isDry: body.dry ?? false), "apply",
            "\(body.text.utf8.count) bytes")
    }

    // MARK: Sessions

    private struct Start: Decodable { var settings: [String: String]? }

    /// Another run of the studio's graph. Only that one: a path in a request would be any file.
    private func start(_ call: Call) async throws -> HTTPResponse {
        guard let graph = options.graph else {
            throw StudioError.refused(
                "this studio was started without a graph, so it starts none: personalive studio GRAPH")
        }
        let body = try await call.json(Start.self)
        do {
            let name = try await waiting { [runs] in
                try runs.start(graph, settings: body.settings ?? [:])
            }
            audit.write(
                address: call.address, role: call.role, "start", run: name, graph, result: "done")
            return .json(["name": name], status: 201)
        } catch {
            audit.write(
                address: call.address, role: call.role, "start", run: "", graph, result: "refused")
            throw error
        }
    }

    // MARK: Portraits

    private struct PortraitList: Encodable {
        var portraits: [Portraits.Line]
        /// The one that is shown; null where the graph has none that can be changed.
        var current: String?
    }

    /// What the node that reads the portrait is called, and the graph's setting for its file.
    private static let portraitSetting = "portrait"

    private func portraits(_ call: Call, _ folder: String, _ rest: [String]) async throws
        -> HTTPResponse
    {
        let kept = Portraits(run: folder)
        if case .text(let path) = try await graph(folder).settings[Self.portraitSetting]?["path"] {
            kept.remember(original: path)
        }
        switch (call.method, rest.count) {
        case ("GET", 0):
            let current = try await graph(folder).settings[Self.portraitSetting]?["path"]
            return .json(
                PortraitList(
                    portraits: kept.list(), current: current.flatMap { kept.name(of: $0) }))
        case ("GET", 1):
            let (data, type) = try kept.contents(of: rest[0])
            return .bytes(data, type: type)
        case ("POST", 0):
            let data = try await call.request.body(atMost: Portraits.largest)
            let name = try kept.keep(data)
            let response = try await use(kept, name, call, folder)
            // A picture that cannot be used is not kept.
            if response.statusCode.code != 200 { kept.remove(name) }
            return response
        case ("POST", 1): return try await use(kept, rest[0], call, folder)
        default: throw StudioError.missing("portraits are listed (GET), sent (POST) and chosen (POST /NAME)")
        }
    }

    private func use(_ kept: Portraits, _ name: String, _ call: Call, _ folder: String) async throws
        -> HTTPResponse
    {
        let values = [Self.portraitSetting: try kept.path(of: name)]
        return try await change(call, folder, .change(.settings(values)), "portrait", name)
    }

    // MARK: Outputs

    private struct Output: Encodable {
        var node, kind, state: String
        var settings: [String: SettingValue]
    }

    private struct NewOutput: Decodable {
        var node: String?
        var kind: String?
        /// What it is fed: the output of a node, `decoder.frame`.
        var from: String
        var settings: [String: String]?
        var dry: Bool?
    }

    private func outputs(_ call: Call, _ folder: String, _ rest: [String]) async throws -> HTTPResponse {
        let graph = try await graph(folder)
        switch (call.method, rest.count) {
        case ("GET", 0):
            let view = try await waiting { [looks] in try looks.view(of: folder) }
            let sinks = view.nodes.filter(\.is_sink).map { node in
                Output(
                    node: node.name, kind: node.kind, state: node.state,
                    // A URL may hold the key of a stream. Who looks on sees no settings at all.
                    settings: call.role == .control
                        ? (graph.settings[node.name] ?? [:]).filter { $0.key != "url" } : [:])
            }
            return .json(sinks)
        case ("POST", 0):
            let body = try await call.json(NewOutput.self)
            var text = GraphText(graph.text)
            let node = body.node ?? "recording"
            try text.add(
                node, kind: body.kind ?? "video-encoder", inputs: ["frame": body.from],
                settings: body.settings ?? [:])
            return try await change(
                call, folder, .change(.text(text.text, keepsSwaps: true), isDry: body.dry ?? false), "output",
                "\(node) from \(body.from)")
        case ("DELETE", 1):
            var text = GraphText(graph.text)
            try text.remove(rest[0])
            return try await change(call, folder, .change(.text(text.text, keepsSwaps: true)), "output off",
                rest[0])
        default: throw StudioError.missing("outputs are listed (GET), added (POST) and removed (DELETE /NODE)")
        }
    }
}
