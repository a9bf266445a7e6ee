import Foundation

/// A server that keeps models as Hugging Face's does, and what it lets us read.
package struct Hub: Sendable {
    /// Without a slash at its end.
    package let endpoint: String
    private let token: String?

    /// - Parameter token: sent to the endpoint's host and to no other.
    package init(endpoint: String, token: String?) {
        var endpoint = endpoint
        while endpoint.hasSuffix("/") { endpoint.removeLast() }
        self.endpoint = endpoint
        self.token = token.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The hub that the environment names: `HF_ENDPOINT` and `HF_TOKEN`, else huggingface.co and the
    /// token that a login stored.
    package init(environment: [String: String]) {
        let endpoint = environment["HF_ENDPOINT"].flatMap { $0.isEmpty ? nil : $0 }
        let stored =
            environment["HF_TOKEN_PATH"] ?? HubCache.home(environment) + "/token"
        let token =
            environment["HF_TOKEN"]
            ?? (try? String(contentsOfFile: stored, encoding: .utf8))
        self.init(
            endpoint: endpoint ?? "https://huggingface.co",
            token: token?.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    /// Redirections that are followed at most.
    private static let longestWay = 8
    /// How often something is asked for before the hub counts as out of reach.
    static let tries = 6

    /// What the hub has under a name: nothing is fetched.
    ///
    /// - Parameter revision: a branch, a tag or a commit.
    func find(
        _ file: PublishedModel.File, at revision: String
    ) throws(PullError) -> HubFile {
        let url = try url(of: file, at: revision)
        // A file that is kept elsewhere is described in the redirection to it.
        let answer = try patiently { () throws(HTTPExchange.Failure) in
            try request(
                url, ["Accept-Encoding: identity"], isHead: true,
                follows: { $0.headers["x-linked-etag"] == nil && $1.isSameOrigin(as: url) })
        }
        guard (200..<400).contains(answer.status) else {
            throw refusal(answer.status, file, at: revision)
        }
        let headers = answer.headers
        guard let etag = (headers["x-linked-etag"] ?? headers["etag"]).map(Self.plain),
            Self.isName(etag)
        else { throw .badAnswer(url: url.absoluteString, reason: "it names no hash (ETag)") }
        guard let commit = headers["x-repo-commit"], Self.isName(commit) else {
            throw .badAnswer(url: url.absoluteString, reason: "it names no commit (X-Repo-Commit)")
        }
        let length = answer.status == 200 ? headers["content-length"] : nil
        return HubFile(
            file: file, etag: etag, revision: revision, commit: commit,
            size: (headers["x-linked-size"] ?? length).flatMap(Int.init))
    }

    /// The paths of all files that a repository has; nil where the hub does not list them, as a mirror
    /// may.
    func listing(of repository: String, at revision: String) throws(PullError) -> [String]? {
        let url = try url("api/models/\(repository)/revision/\(Self.escaped(revision))")
        nonisolated(unsafe) var body = Data()
        let answer = try patiently { () throws(HTTPExchange.Failure) in
            body = Data()
            return try request(
                url, [], isHead: false, follows: { _, _ in true },
                { answer, bytes in
                    body.append(contentsOf: bytes)
                    return body.count < Self.largestListing
                })
        }
        struct Listing: Decodable {
            struct Sibling: Decodable { let rfilename: String }
            let siblings: [Sibling]
        }
        guard answer.status == 200 else { return nil }
        return (try? JSONDecoder().decode(Listing.self, from: body))?.siblings.map(\.rfilename)
    }

    /// A repository of 10,000 files has 1 MB of names.
    private static let largestListing = 16 << 20

    /// Fetches a file's bytes from some place on, at the commit at which it was found: the branch may
    /// have moved on.
    ///
    /// - Parameter take: gets the answer's status and headers with each piece of the body.
    func fetch(
        _ file: HubFile, from first: Int,
        _ take: @escaping (HTTPExchange.Answer, UnsafeRawBufferPointer) -> Bool
    ) throws(PullError) -> Result<HTTPExchange.Answer, HTTPExchange.Failure> {
        let url = try url(of: file.file, at: file.commit)
        let range = first > 0 ? ["Range: bytes=\(first)-"] : []
        do {
            return .success(
                try request(
                    url, ["Accept-Encoding: identity"] + range, isHead: false,
                    follows: { _, _ in true }, take))
        } catch {
            return .failure(error)
        }
    }

    func refusal(
        _ status: Int, _ file: PublishedModel.File, at revision: String
    ) -> PullError {
        .refused(
            status: status, repository: file.repository, file: file.path, revision: revision,
            endpoint: endpoint, hasToken: token != nil)
    }

    /// Where a person can read a file.
    func page(of path: String, in repository: String, at revision: String) -> String {
        "\(endpoint)/\(repository)/blob/\(revision)/\(path)"
    }

    /// Asks again when a connection breaks or the hub is busy.
    private func patiently(
        _ ask: () throws(HTTPExchange.Failure) -> HTTPExchange.Answer
    ) throws(PullError) -> HTTPExchange.Answer {
        var reason = ""
        for attempt in 1...Self.tries {
            do {
                let answer = try ask()
                guard Self.isPassing(answer.status), attempt < Self.tries else { return answer }
            } catch .broken(let message) {
                reason = message
            } catch .failed(let message) {
                throw .unreachable(url: endpoint, reason: message)
            } catch {
                throw .unreachable(url: endpoint, reason: "stopped")
            }
            if attempt < Self.tries { Self.wait(afterTry: attempt) }
        }
        throw .unreachable(url: endpoint, reason: reason)
    }

    /// Whether a status says that the same question may be answered later.
    static func isPassing(_ status: Int) -> Bool { status == 429 || (500...599).contains(status) }

    /// 0.1, 0.4, 1.6, 6.4 and 10 seconds.
    static func wait(afterTry attempt: Int) {
        Thread.sleep(forTimeInterval: min(0.1 * pow(4, Double(attempt - 1)), 10))
    }

    private func request(
        _ start: URL, _ headers: [String], isHead: Bool,
        follows: (HTTPExchange.Answer, URL) -> Bool,
        _ take: @escaping (HTTPExchange.Answer, UnsafeRawBufferPointer) -> Bool = { _, _ in true }
    ) throws(HTTPExchange.Failure) -> HTTPExchange.Answer {
        var url = start
        for _ in 0..<Self.longestWay {
            var lines = headers + ["User-Agent: personalive"]
            // A redirection may lead to a stranger, who must not see the token.
            if let token, url.isSameOrigin(as: start) {
                lines.append("Authorization: Bearer \(token)")
            }
            let answer = try HTTPExchange.fetch(url, headers: lines, isHead: isHead) {
                (300..<400).contains($0.status) ? true : take($0, $1)
            }
            guard (300..<400).contains(answer.status), let place = answer.headers["location"],
                let next = URL(string: place, relativeTo: url)?.absoluteURL, follows(answer, next)
            else { return answer }
            url = next
        }
        throw .failed("more than \(Self.longestWay) redirections")
    }

    private func url(
        of file: PublishedModel.File, at revision: String
    ) throws(PullError) -> URL {
        let revision = Self.escaped(revision)
        return try url("\(file.repository)/resolve/\(revision)/\(Self.escaped(file.path, slash: true))")
    }

    /// A name as a part of an address, where a branch's slash is none of the address.
    private static func escaped(_ name: String, slash: Bool = false) -> String {
        let plain = CharacterSet.alphanumerics.union(CharacterSet(charactersIn: slash ? "-._~/" : "-._~"))
        return name.addingPercentEncoding(withAllowedCharacters: plain) ?? name
    }

    private func url(_ path: String) throws(PullError) -> URL {
        let text = "\(endpoint)/\(path)"
        guard let url = URL(string: text), url.host != nil else {
            throw .badAnswer(url: text, reason: "HF_ENDPOINT must be like https://huggingface.co")
        }
        return url
    }

    /// An ETag without its quotes and its mark of weakness.
    private static func plain(_ etag: String) -> String {
        (etag.hasPrefix("W/") ? etag.dropFirst(2) : etag[...]).trimmingCharacters(
            in: CharacterSet(charactersIn: "\""))
    }

    /// Whether a word may become a file's name.
    static func isName(_ word: String) -> Bool {
        !word.isEmpty && word.count < 200
            && word.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
    }
}

extension URL {
    fileprivate func isSameOrigin(as other: URL) -> Bool {
        scheme?.lowercased() == other.scheme?.lowercased()
            && host?.lowercased() == other.host?.lowercased() && port == other.port
    }
}
