import Foundation
import Models

extension TemporaryFolder {
    /// Fetches into its `weights`, by way of its `hub` or another cache.
    func pull(
        _ server: HubServer, _ files: [PublishedModel.File] = [.large, .small],
        token: String? = nil, cache: String? = nil
    ) -> [PullError] {
        let pull = Pull(
            hub: Hub(endpoint: server.endpoint + "/", token: token),
            cache: HubCache(cache ?? path + "/hub"), folder: path + "/weights")
        return pull(files, progress: PullProgress { _ in })
    }

    func content(_ name: String) -> [UInt8]? {
        FileManager.default.contents(atPath: "\(path)/\(name)").map { Array($0) }
    }
}

/// What is asked for where ``HostedFile/large`` and ``HostedFile/small`` are.
extension PublishedModel.File {
    static let large = Self(repository: "a/b", path: "large.bin", target: "b/large.bin")
    static let small = Self(repository: "a/b", path: "sub/small.json", target: "b/small.json")
}
