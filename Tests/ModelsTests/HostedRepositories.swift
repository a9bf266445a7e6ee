import Foundation
import Models

/// Repositories on a hub of the test's own, whose branch `main` is at some commit.
struct HostedRepositories: Sendable {
    /// What `main` is now.
    var commit = "c0ffee"
    /// Contents by `owner/name/path`, at any commit.
    var files: [String: [UInt8]]
    /// Whether repositories list their files.
    var lists = false

    /// A text by `owner/name/path`.
    init(_ texts: [String: String]) { files = texts.mapValues { Array($0.utf8) } }

    func answer(_ request: HubServer.Request) -> HubServer.Response {
        let path = request.path.removingPercentEncoding ?? request.path
        if lists, path.hasPrefix("/api/models/") { return listing(path) }
        let parts = path.components(separatedBy: "/resolve/")
        guard parts.count == 2, let revision = parts[1].split(separator: "/").first,
            let bytes = files["\(parts[0].dropFirst())\(parts[1].dropFirst(revision.count))"]
        else { return HubServer.Response(status: 404) }
        let asked = revision == "main" || revision == "v1" ? commit : String(revision)
        var response = HostedFile(path: path, bytes: bytes, etag: Self.sum(of: bytes))
            .response(to: request)
        response.headers["X-Repo-Commit"] = asked
        return response
    }

    private func listing(_ path: String) -> HubServer.Response {
        let repository = path.dropFirst("/api/models/".count).components(separatedBy: "/revision/")[
            0]
        let names = files.keys.filter { $0.hasPrefix(repository + "/") }.sorted()
            .map { #"{"rfilename":"\#($0.dropFirst(repository.count + 1))"}"# }
        return HubServer.Response(
            body: Array(#"{"siblings":[\#(names.joined(separator: ","))]}"#.utf8))
    }

    /// SHA-256.
    static func sum(of bytes: [UInt8]) -> String {
        let folder = TemporaryFolder()
        return (try? folder.write(bytes)).flatMap { Checksum.sha256(of: $0) } ?? ""
    }
}
