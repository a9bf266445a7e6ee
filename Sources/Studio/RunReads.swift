import Dataflow
import FlyingFox
import Foundation
import Launch
import NodeKit

/// What the API tells of a run. Nothing here changes one.
struct RunReads: Sendable {
    /// The kinds of node for a graph in a file.
    let plugins: @Sendable (_ graph: String?) -> PluginFolders
    private let looks = RunLooks()
    private let taps = PictureTaps()

    private let comparisons: Comparisons

    init(plugins: @escaping @Sendable (String?) -> PluginFolders, comparisons: Comparisons) {
        (self.plugins, self.comparisons) = (plugins, comparisons)
    }

    // MARK: How it stands

    /// For Prometheus.
    func figures(_ call: RunCall) async -> HTTPResponse {
        let answer = await RunFigures(folder: call.folder).response()
        return .bytes(Data(answer.bytes), type: answer.type, status: answer.status)
    }

    func status(_ call: RunCall) async throws -> HTTPResponse { .json(try await view(of: call)) }

    private func view(of call: RunCall) async throws -> RunView {
        try await waiting { [looks, folder = call.folder] in try looks.view(of: folder) }
    }

    func events(_ call: RunCall) -> HTTPResponse {
        HTTPResponse(
            statusCode: .ok, headers: [.contentType: "text/event-stream"],
            body: HTTPBodySequence(from: RunEvents(folder: call.folder, looks: looks).stream))
    }

    func logs(_ call: RunCall) async throws -> HTTPResponse {
        let most = min(max(Int(call.query("lines") ?? "") ?? 200, 1), 5000)
        let lines = try await waiting { [folder = call.folder, node = call.query("node")] in
            guard let log = LogFolder.of(run: folder) else {
                throw StudioError.missing("this run has no log")
            }
            return Array(LogReader(log, node: node).lines().suffix(most))
        }
        return .json(["lines": lines])
    }

    func trace(_ call: RunCall) async throws -> HTTPResponse {
        let seconds = Double(call.query("seconds") ?? "") ?? 3
        guard seconds > 0, seconds <= 60 else {
            throw StudioError.malformed("seconds is between 0 and 60")
        }
        let data = try await waiting { [folder = call.folder] in
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

    // MARK: Pictures

    /// The WebSocket of a page: `?output=decoder.frame` is what it watches, and `&pictures=h264` says that
    /// it decodes video.
    func live(_ call: RunCall, camera: Bool) async throws -> HTTPResponse {
        let folder = try await watched(call)
        let tap = call.query("output").map { taps.tap(folder, $0) }
        let line = camera ? CameraLine(path: "\(call.folder)/camera.socket") : nil
        let layer: PictureLayer
        switch call.query("pictures") ?? "jpeg" {
        case "jpeg": layer = .jpeg
        case "h264": layer = .video
        default: throw StudioError.malformed("pictures is jpeg or h264")
        }
        let socket = LiveSocket(tap: tap, layer: layer, camera: line)
        let handler = WebSocketHTTPHandler(handler: socket)
        var response = try await handler.handleRequest(call.request)
        if call.request.headers[HTTPHeader("Sec-WebSocket-Protocol")] != nil {
            response.headers[HTTPHeader("Sec-WebSocket-Protocol")] = "personalive.v1"
        }
        return response
    }

    /// The folder of the run, or of the trial beside it where `?shadow=true` asks for that.
    private func watched(_ call: RunCall) async throws -> String {
        switch call.query("shadow") ?? "false" {
        case "false": return call.folder
        case "true":
            return try await waiting { [comparisons, folder = call.folder] in
                try comparisons.folder(beside: folder)
            }
        default: throw StudioError.malformed("shadow is true or false")
        }
    }

    func preview(_ call: RunCall) async throws -> HTTPResponse {
        guard let output = call.query("output") else {
            throw StudioError.malformed("say which output: ?output=decoder.frame")
        }
        let folder = try await watched(call)
        let picture = try await waiting { [taps] in
            try taps.picture(folder, output)
        }
        return .bytes(Data(picture), type: "image/jpeg")
    }

    private struct PortraitList: Encodable {
        var portraits: [Portraits.Line]
        /// The one that is shown; absent where the graph has none that can be changed.
        var current: String?
    }

    func portraits(_ call: RunCall) async throws -> HTTPResponse {
        let graph = try await call.graph()
        let kept = Portraits(run: call.folder, of: graph)
        return .json(
            PortraitList(
                portraits: kept.list(), current: Portraits.path(in: graph).flatMap(kept.name)))
    }

    func portrait(_ call: RunCall) async throws -> HTTPResponse {
        let kept = Portraits(run: call.folder, of: try await call.graph())
        let (data, type) = try kept.contents(of: call.name)
        return .bytes(data, type: type)
    }

    // MARK: The graph

    /// Every fault of a text, as `personalive check --format json` prints it.
    func check(_ call: RunCall) async throws -> HTTPResponse {
        let bytes = Array(try await call.request.body(atMost: HTTPRequest.largestText))
        let graph = try await call.graph()
        let json = try await waiting { [plugins] in
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

    private struct Output: Encodable {
        var node, kind, state: String
        /// Why it is down and when it is tried again, or what the node says of itself.
        var note: String?
        var settings: [String: SettingValue]
    }

    func outputs(_ call: RunCall) async throws -> HTTPResponse {
        let graph = try await call.graph()
        let sinks = try await view(of: call).nodes.filter(\.is_sink).map { node in
            Output(
                node: node.name, kind: node.kind, state: node.state, note: node.note,
                // A URL may hold the key of a stream. Who looks on sees no settings at all.
                settings: call.role == .control
                    ? (graph.settings[node.name] ?? [:]).filter { $0.key != "url" } : [:])
        }
        return .json(sinks)
    }
}

extension LogFolder {
    /// The log of a run that lives.
    static func of(run folder: String) -> LogFolder? {
        guard let status = try? RunClient(folder: folder).status(seconds: 3) else { return nil }
        return all.first { $0.path == status.logs }
    }
}
