import FlyingFox
import Launch

/// A request about one run: who asks, and for what.
struct RunCall: Sendable {
    let request: HTTPRequest
    let role: Gate.Role
    let address: String
    /// The run as the path names it: a name, or `-`.
    let run: String
    /// The run's folder.
    let folder: String
    /// The portrait or the node that the path names; empty where it names none.
    let name: String

    func query(_ name: String) -> String? { request.query[name] }

    /// The run's graph as it is now.
    func graph() async throws -> RunGraph {
        try await waiting { [folder] in
            switch try RunClient(folder: folder).ask(.graph) {
            case .graph(let graph): return graph
            case .refused(let reason): throw StudioError.refused(reason)
            default: throw StudioError.refused(StudioError.unknownAnswer)
            }
        }
    }
}
