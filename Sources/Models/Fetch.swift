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
            try compare(blob, with: file)
            progress.found(file)
        } else {
            try fetch(file)
        }
        try cache.link(file)
        return cache.snapshot(file.commit, file.file.path, of: file.file.repository)
    }

    /// Bytes that were there before have the sum that is needed, too.
    private func compare(_ blob: String, with file: HubFile) throws(PullError) {
        guard case .differs(let found) = try Checksum(of: blob, needed: file.neededSum) else { return }
        if let locked = file.lockedSum {
            throw .notAsLocked(
                file: file.file.target, expected: locked, found: found, copy: blob)
        }
        throw .damagedCopy(path: blob, expected: file.etag, found: found)
    }

    private func fetch(_ file: HubFile) throws(PullError) {
        let blob = try BlobFile(file, in: cache)
        if blob.isThere {
            blob.discardIfEmpty()
            return progress.found(file)
        }
        progress.resumed(file, at: blob.byteCount)
        var failures = 0, furthest = blob.byteCount
        while file.size == nil || blob.byteCount < file.size! {
            let (outcome, reason) = try transfer(file, into: blob)
            if outcome == .complete { break }
            // A hub that gives something new each time is worth asking again.
            failures = blob.byteCount > furthest ? 1 : failures + 1
            furthest = max(furthest, blob.byteCount)
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
        var failure: PullError?, isFirst = true, isForeign = false
        let result = try hub.fetch(file, from: first) { answer, bytes in
            guard answer.status == 200 || answer.status == 206 else { return true }
            // What is there stays: only a whole file may take its place.
            let isRange = answer.status == 206
            isForeign = isRange ? !Self.goesOn(answer, from: first) : first > 0 && !Self.isWhole(answer, file)
            if isForeign { return false }
            if file.lockedSum != nil, !isRange, !Self.isWhole(answer, file) {
                failure = .notAsLocked(
                    file: file.file.target, expected: "\(file.size ?? 0) bytes",
                    found: "\(answer.headers["content-length"] ?? "other") bytes")
                return false
            }
            do throws(PullError) {
                if isFirst, first > 0, answer.status == 200 {
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
        if isForeign { return (.broken, "it answers with something else than was asked for") }
        return try judge(result, file, blob)
    }

    /// Whether a part of the file starts where we asked for.
    private static func goesOn(_ answer: HTTPExchange.Answer, from first: Int) -> Bool {
        answer.headers["content-range"]?.lowercased().hasPrefix("bytes \(first)-") ?? false
    }

    /// Whether an answer without a range may be the file: a proxy's page has another length.
    private static func isWhole(_ answer: HTTPExchange.Answer, _ file: HubFile) -> Bool {
        guard let length = answer.headers["content-length"].flatMap({ Int($0) }), let size = file.size else {
            return true
        }
        return length == size
    }

    private func judge(
        _ result: Result<HTTPExchange.Answer, HTTPExchange.Failure>, _ file: HubFile,
        _ blob: BlobFile
    ) throws(PullError) -> (Outcome, String) {
        switch result {
        case .success(let answer) where answer.status == 200 || answer.status == 206:
            // A range may be capped, and a proxy may cut a body that the connection's end delimits.
            guard let size = file.size, blob.byteCount < size else { return (.complete, "") }
            return (.broken, "it ended after \(blob.byteCount) of \(size) bytes")
        case .success(let answer) where answer.status == 416:
            // What we have is longer than what the hub has.
            try blob.restart()
            return (.broken, "it has no such range")
        case .success(let answer) where Hub.isPassing(answer.status):
            return (.broken, "it answers \(answer.status)")
        case .success(let answer):
            blob.discardIfEmpty()
            throw hub.refusal(answer.status, file.file, at: file.commit)
        case .failure(.broken(let reason)): return (.broken, reason)
        case .failure(.failed(let reason)):
            throw .unreachable(url: hub.endpoint, reason: reason)
        case .failure(.stopped): return (.broken, "stopped")
        }
    }
}
