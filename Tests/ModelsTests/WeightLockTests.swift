import Foundation
import Models
import Testing

/// What a pull remembers, and what later ones take.
@Suite(.timeLimit(.minutes(2))) struct WeightLockTests {
    private let folder = TemporaryFolder()
    private let one = PublishedModel.File(repository: "a/b", path: "one.bin", target: "b/one.bin")
    private let two = PublishedModel.File(repository: "a/b", path: "two.bin", target: "b/two.bin")
    private static let before = HostedRepositories([
        "a/b/one.bin": "first", "a/b/two.bin": "second",
    ])
    private static let after = {
        var after = HostedRepositories(["a/b/one.bin": "other", "a/b/two.bin": "bytes"])
        after.commit = "beef"
        return after
    }()

    private func pull(
        _ hub: HostedRepositories, _ files: [PublishedModel.File],
        _ revisions: PullRevisions = PullRevisions()
    ) -> (faults: [PullError], asked: [String]) {
        let server = HubServer { hub.answer($0) }
        defer { server.stop() }
        let pull = Pull(
            hub: Hub(endpoint: server.endpoint, token: nil), cache: HubCache(folder.path + "/hub"),
            folder: folder.path + "/weights", revisions: revisions)
        let faults = pull(files, progress: PullProgress { _ in })
        return (faults, server.requests.map { "\($0.method) \($0.path)" })
    }

    private func content(_ name: String) -> String? {
        folder.content("weights/b/\(name)").map { String(decoding: $0, as: UTF8.self) }
    }

    private var lock: WeightLock { get throws { try WeightLock(of: folder.path + "/weights") } }

    private func forgetCache() throws {
        try FileManager.default.removeItem(atPath: folder.path + "/hub")
    }

    @Test func `a lock has the commit and the sum of every file`() throws {
        #expect(pull(Self.before, [one, two]).faults == [])

        let entries = try lock.files
        #expect(entries.map(\.target) == ["b/one.bin", "b/two.bin"])
        #expect(entries.map(\.path) == ["one.bin", "two.bin"])
        #expect(entries.allSatisfy { $0.repository == "a/b" && $0.revision == "main" })
        #expect(entries.allSatisfy { $0.commit == "c0ffee" })
        #expect(entries.map(\.size) == [5, 6])
        #expect(
            entries.map(\.sha256)
                == ["first", "second"].map { HostedRepositories.sum(of: Array($0.utf8)) })
        let json = try #require(folder.content("weights/personalive-lock.json"))
        #expect(String(decoding: json, as: UTF8.self).contains(#""commit" : "c0ffee""#))
    }

    @Test func `what a lock holds and the cache has is not asked for`() throws {
        #expect(pull(Self.before, [one, two]).faults == [])

        let again = pull(Self.after, [one, two])

        #expect(again.faults == [])
        #expect(again.asked == [])
        #expect([content("one.bin"), content("two.bin")] == ["first", "second"])
    }

    @Test func `a later pull fetches the lock's commits, for files that are new as well`() throws {
        #expect(pull(Self.before, [one]).faults == [])
        try forgetCache()

        let again = pull(Self.before, [one, two])

        #expect(again.faults == [])
        #expect(again.asked.allSatisfy { $0.contains("/a/b/resolve/c0ffee/") }, "\(again.asked)")
        #expect(try lock.files.map(\.commit) == ["c0ffee", "c0ffee"])
        #expect(try lock.files.map(\.revision) == ["main", "main"])
    }

    @Test func `other bytes than the lock's are refused, and what was there stays`() throws {
        #expect(pull(Self.before, [one]).faults == [])
        let held = try lock
        try forgetCache()

        // The same number of bytes, at the same commit.
        let again = pull(HostedRepositories(["a/b/one.bin": "FIRST"]), [one])

        let (needed, found) = (
            held.files[0].sha256, HostedRepositories.sum(of: Array("FIRST".utf8))
        )
        #expect(again.faults == [.notAsLocked(file: "b/one.bin", expected: needed, found: found)])
        let text = try #require(again.faults.first).description
        for word in ["b/one.bin", "personalive-lock.json", needed, found, "--update"] {
            #expect(text.contains(word), "\(word) is not in \(text)")
        }
        #expect(try lock == held)
        #expect(content("one.bin") == nil)
    }

    @Test func `a file of another size than the lock's is refused at once`() throws {
        #expect(pull(Self.before, [one]).faults == [])
        try forgetCache()

        let again = pull(HostedRepositories(["a/b/one.bin": "1st"]), [one])

        #expect(
            again.faults == [.notAsLocked(file: "b/one.bin", expected: "5 bytes", found: "3 bytes")]
        )
        #expect(again.asked.count == 1)
    }

    @Test func `a copy in the cache that is damaged is named, with a lock and without`() throws {
        #expect(pull(Self.before, [one]).faults == [])
        let sum = try lock.files[0].sha256
        let blob = "\(folder.path)/hub/models--a--b/blobs/\(sum)"
        try Data("FIRST".utf8).write(to: URL(fileURLWithPath: blob))
        let found = HostedRepositories.sum(of: Array("FIRST".utf8))

        let locked = pull(Self.before, [one]).faults
        try FileManager.default.removeItem(atPath: folder.path + "/weights/personalive-lock.json")
        let free = pull(Self.before, [one]).faults

        #expect(
            locked == [.notAsLocked(file: "b/one.bin", expected: sum, found: found, copy: blob)])
        #expect(free == [.damagedCopy(path: blob, expected: sum, found: found)])
    }

    @Test(arguments: [
        PullRevisions(isUpdate: true), PullRevisions(all: "main"),
        PullRevisions(single: ["a/b": "v1"]),
    ])
    func `an update or a revision fetches what the hub has now`(revisions: PullRevisions) throws {
        #expect(pull(Self.before, [one, two]).faults == [])

        #expect(pull(Self.after, [one], revisions).faults == [])

        #expect(content("one.bin") == "other")
        // What was not fetched again is not of this commit.
        #expect(try lock.files.map(\.target) == ["b/one.bin"])
        #expect(try lock.files.map(\.commit) == ["beef"])
        #expect(content("two.bin") == nil)
    }

    @Test func `a revision of one repository leaves the others at the lock's commits`() throws {
        let other = PublishedModel.File(repository: "x/y", path: "z.bin", target: "y/z.bin")
        var hub = HostedRepositories(["a/b/one.bin": "first", "x/y/z.bin": "last"])
        #expect(pull(hub, [one, other]).faults == [])
        hub.commit = "beef"

        #expect(pull(hub, [one, other], PullRevisions(single: ["x/y": "v1"])).faults == [])

        #expect(try lock.files.map(\.commit) == ["c0ffee", "beef"])
        #expect(try lock.files.map(\.revision) == ["main", "v1"])
    }

    @Test func `a branch with a slash is asked for as one name`() throws {
        let asked = pull(Self.before, [one], PullRevisions(all: "refs/pr/1")).asked

        #expect(asked.first == "HEAD /a/b/resolve/refs%2Fpr%2F1/one.bin")
    }

    @Test func `files of a repository that moves on meanwhile are of one commit`() throws {
        let server = HubServer { request in
            // The branch moves between the two questions.
            let isLate = request.path.hasSuffix("/main/two.bin") || request.path.contains("/beef/")
            return (isLate ? Self.after : Self.before).answer(request)
        }
        defer { server.stop() }

        #expect(folder.pull(server, [one, two]) == [])

        #expect(Set(try lock.files.map(\.commit)).count == 1)
    }

    @Test(arguments: [
        "", "{", "[]", #"{"version":2,"files":[]}"#,
        #"{"version":1,"files":[{"repository":"a/b","revision":"main","commit":"../../x","path":"p","#
            + #""target":"t","size":1,"sha256":"00","etag":"e"}]}"#,
    ])
    func `a lock that cannot be read is named, and nothing is fetched`(text: String) throws {
        let path = folder.path + "/weights/personalive-lock.json"
        try FileManager.default.createDirectory(
            atPath: folder.path + "/weights", withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))

        let (faults, asked) = pull(Self.before, [one])

        #expect(faults.count == 1)
        #expect(faults.first?.description.hasPrefix("\(path) is no lock of weights") == true)
        #expect(asked == [])
    }

    @Test(
        arguments: [
            ("main", nil, "main"), ("a/b=v1.0", "a/b", "v1.0"), ("refs/pr/1", nil, "refs/pr/1"),
        ] as [(String, String?, String)])
    func `a revision is a name, or a repository and a name`(
        text: String, repository: String?, revision: String
    ) throws {
        let parsed = try #require(PullRevisions.parse(text))

        #expect(parsed.repository == repository)
        #expect(parsed.revision == revision)
    }

    @Test(arguments: ["", "a/b=", "../x", "a..b", "-x", "a//b", "/a", "a b", "a?b"])
    func `what Git calls nothing is no revision`(text: String) {
        #expect(PullRevisions.parse(text) == nil)
    }

    @Test func `a file of the folder is compared with the lock`() throws {
        #expect(pull(Self.before, [one]).faults == [])
        let weights = folder.path + "/weights", entry = try lock.files[0]
        func fault(_ text: String?, fast: Bool = false) throws -> WeightLock.Fault? {
            try FileManager.default.removeItem(atPath: weights + "/b/one.bin")
            if let text {
                try Data(text.utf8).write(to: URL(fileURLWithPath: weights + "/b/one.bin"))
            }
            return WeightLock.fault(of: entry, in: weights, fast: fast)
        }

        #expect(WeightLock.fault(of: entry, in: weights, fast: false) == nil)
        #expect(try fault("1st") == .size(found: 3))
        #expect(try fault("FIRST") == .sum(found: HostedRepositories.sum(of: Array("FIRST".utf8))))
        #expect(try fault("FIRST", fast: true) == nil)
        #expect(try fault(nil) == .missing)
    }
}
