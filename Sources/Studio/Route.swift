/// Every request that the API answers, as openapi.json writes it, and who may make it.
enum Route: String, CaseIterable, Sendable {
    case role = "GET /api/v1/session"
    case kinds = "GET /api/v1/kinds"
    case runs = "GET /api/v1/runs"
    case start = "POST /api/v1/runs"
    case figures = "GET /metrics"

    // What may be asked of one run.
    case status = "GET /api/v1/runs/{run}"
    case events = "GET /api/v1/runs/{run}/events"
    case live = "GET /api/v1/runs/{run}/live"
    case camera = "GET /api/v1/runs/{run}/camera"
    case preview = "GET /api/v1/runs/{run}/preview"
    case logs = "GET /api/v1/runs/{run}/logs"
    case trace = "GET /api/v1/runs/{run}/trace"
    case graph = "GET /api/v1/runs/{run}/graph"
    case check = "POST /api/v1/runs/{run}/check"
    case portraits = "GET /api/v1/runs/{run}/portraits"
    case portrait = "GET /api/v1/runs/{run}/portraits/{name}"
    case outputs = "GET /api/v1/runs/{run}/outputs"

    // What changes a run.
    case set = "POST /api/v1/runs/{run}/set"
    case swap = "POST /api/v1/runs/{run}/swap"
    case compare = "POST /api/v1/runs/{run}/compare"
    case apply = "POST /api/v1/runs/{run}/apply"
    case restart = "POST /api/v1/runs/{run}/restart"
    case flush = "POST /api/v1/runs/{run}/flush"
    case stop = "POST /api/v1/runs/{run}/stop"
    case sendPortrait = "POST /api/v1/runs/{run}/portraits"
    case choosePortrait = "POST /api/v1/runs/{run}/portraits/{name}"
    case addOutput = "POST /api/v1/runs/{run}/outputs"
    case removeOutput = "DELETE /api/v1/runs/{run}/outputs/{node}"

    /// All that a token for view may ask for; what is not listed here it may not. Not the graph: its
    /// text and settings may hold passwords. Not the check of a text: its faults quote the settings.
    private static let forView: Set<Route> = [
        .role, .kinds, .runs, .figures, .status, .events, .live, .preview, .logs, .trace, .portraits,
        .portrait, .outputs,
    ]

    var isForView: Bool { Self.forView.contains(self) }

    private static let patterns = allCases.map { route in
        let parts = route.rawValue.split(separator: " ").map(String.init)
        return (route: route, method: parts[0], words: parts[1].split(separator: "/").map(String.init))
    }

    /// The route of a request, and the words that stand in it for `{run}` and what follows.
    ///
    /// - Parameter words: of the path, decoded (``Gate/Request/words``).
    static func find(_ method: String, _ words: [String]) -> (route: Route, names: [String])? {
        for pattern in patterns where pattern.method == method && pattern.words.count == words.count {
            let pairs = zip(pattern.words, words)
            if pairs.allSatisfy({ $0.hasPrefix("{") || $0 == $1 }) {
                return (pattern.route, pairs.filter { $0.0.hasPrefix("{") }.map(\.1))
            }
        }
        return nil
    }
}
