import Foundation

/// Fetches one file into the cache, over as many connections as it takes.
struct Fetch {
    let hub: Hub
    let cache: HubCache
    let progress: PullProgress

    /// Fetches what is missing of a file, checks it, and gives its path in the cache.
    func callAsFunction(_ file: HubFile) throws(PullError) -> String {
        let blob = cache.blob(file.etag, of: file.file.repository)
        if FileManager.default.fileExists(atPath: blob) {
            progress.found(file)
        } else {
            try fetch(file)
        }
        try cache.link(file, revision: hub.revision)
        return cache.snapshot(file.commit, file.file.path, of: file.file.repository)
    }

    private func fetch(_ file: HubFile) throws(PullError) {
        let blob = try BlobFile(file, in: cache)
        if blob.isThere {
            blob.discardIfEmpty()
            return progress.found(file)
        }
        progress.resumed(file, at: blob.byteCount)
        var failures = 0
        while file.size == nil || blob.byteCount < file.size! {
            let before = blob.byteCount
            let (outcome, reason) = try transfer(file, into: blob)
            if outcome == .complete { break }
            // A hub that gives something each time is worth asking again.
            failures = blob.byteCount > before ? 1 : failures + 1
            if failures >= Hub.tries {
                blob.discardIfEmpty()
                throw .unreachable(url: hub.endpoint, reason: reason)
            }
            Hub.wait(afterTry: failures)
        }
        try blob.finish(as: file.file.target)
    }

    private enum Outcome { case complete, broken }

    /// One answer's bytes; throws what asking again cannot mend.
    private func transfer(
        _ file: HubFile, into blob: BlobFile
    ) throws(PullError) -> (Outcome, String) {
        let first = blob.byteCount
        var failure: PullError?, isFirst = true
        let result = try hub.fetch(file, from: first) { answer, bytes in
            guard answer.status == 200 || answer.status == 206 else { return true }
            do throws(PullError) {
                if isFirst, !Self.goesOn(answer, from: first) {
                    try blob.restart()
                    progress.resumed(file, at: 0)
                }
                isFirst = false
                try blob.append(bytes)
                progress.received(bytes.count)
            } catch {
                failure = error
            }
            return failure == nil
        }
        if let failure { throw failure }
        return try judge(result, file, blob)
    }

    /// Whether an answer starts where we asked for, rather than at the file's start.
    private static func goesOn(_ answer: HTTPExchange.Answer, from first: Int) -> Bool {
        guard answer.status == 206 else { return first == 0 }
        return answer.headers["content-range"]?.hasPrefix("bytes \(first)-") ?? false
    }

    private func judge(
        _ result: Result<HTTPExchange.Answer, HTTPExchange.Failure>, _ file: HubFile,
        _ blob: BlobFile
    ) throws(PullError) -> (Outcome, String) {
        switch result {
        case .success(let answer) where answer.status == 200 || answer.status == 206:
            return (.complete, "")
        case .success(let answer) where answer.status == 416:
            // What we have is longer than what the hub has.
            try blob.restart()
            return (.broken, "it has no such range")
        case .success(let answer) where Hub.isPassing(answer.status):
            return (.broken, "it answers \(answer.status)")
        case .success(let answer):
            blob.discardIfEmpty()
            throw hub.refusal(answer.status, file.file)
        case .failure(.broken(let reason)): return (.broken, reason)
        case .failure(.failed(let reason)):
            throw .unreachable(url: hub.endpoint, reason: reason)
        case .failure(.stopped): return (.broken, "stopped")
        }
    }
}
