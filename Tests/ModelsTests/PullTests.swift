import Foundation
import Glibc
import Models
import Testing

/// Fetching from a server of the test's own.
@Suite(.timeLimit(.minutes(2))) struct PullTests {
    private let folder = TemporaryFolder()

    // Sums by `sha256sum`: of 300000 bytes that count up, and of "small".
    private static let large = HostedFile(
        path: "/a/b/resolve/main/large.bin", bytes: (0..<300_000).map { UInt8($0 % 251) },
        etag: "3c65ea93424a9c362fec0e3a69ea36031e8a358441479dd665cc6110eabe7b08")
    private static let small = HostedFile(
        path: "/a/b/resolve/main/sub/small.json", bytes: Array("small".utf8),
        etag: "81db8ebbbbc69c6c6ad4a6aa92b76e0c08af547da236b9e2c9dbe1d8285a8130")
    private static let files = [
        PublishedModel.File(repository: "a/b", path: "large.bin", target: "b/large.bin"),
        PublishedModel.File(repository: "a/b", path: "sub/small.json", target: "b/small.json"),
    ]

    private func pull(
        _ server: HubServer, _ files: [PublishedModel.File] = files, token: String? = nil,
        cache: String? = nil
    ) -> [PullError] {
        let pull = Pull(
            hub: Hub(endpoint: server.endpoint + "/", token: token),
            cache: HubCache(cache ?? folder.path + "/hub"), folder: folder.path + "/weights")
        return pull(files, progress: PullProgress { _ in })
    }

    private func content(_ path: String) -> [UInt8]? {
        FileManager.default.contents(atPath: "\(folder.path)/\(path)").map { Array($0) }
    }

    private static func hosted(_ request: HubServer.Request) -> HubServer.Response {
        let file = [large, small].first { $0.isAsked(by: request) }
        return file?.response(to: request) ?? HubServer.Response(status: 404)
    }

    @Test func `files go into the shared cache, and links in the authors' layout lead there`() {
        let server = HubServer(Self.hosted)
        defer { server.stop() }

        #expect(pull(server) == [])

        #expect(content("weights/b/large.bin") == Self.large.bytes)
        #expect(content("weights/b/small.json") == Self.small.bytes)
        let repository = "hub/models--a--b"
        #expect(content("\(repository)/blobs/\(Self.large.etag)") == Self.large.bytes)
        #expect(content("\(repository)/snapshots/c0ffee/sub/small.json") == Self.small.bytes)
        #expect(content("\(repository)/refs/main") == Array("c0ffee".utf8))
        #expect(content("\(repository)/blobs/\(Self.large.etag).incomplete") == nil)
    }

    @Test func `what is in the cache is not fetched again`() {
        let server = HubServer(Self.hosted)
        defer { server.stop() }
        #expect(pull(server) == [])

        #expect(pull(server) == [])

        #expect(server.requests.count { $0.method == "GET" } == 2)
    }

    @Test func `a connection that breaks is taken up where it broke`() {
        let server = HubServer { request in
            var response = Self.hosted(request)
            if Self.large.isAsked(by: request) { response.breaksAfter = 120_000 }
            return response
        }
        defer { server.stop() }

        #expect(pull(server, [Self.files[0]]) == [])

        #expect(content("weights/b/large.bin") == Self.large.bytes)
        let starts = server.requests.filter { $0.method == "GET" }.map(\.rangeStart)
        #expect(starts == [nil, 120_000, 240_000])
    }

    @Test func `a fetch that ended is taken up by the next`() throws {
        let server = HubServer(Self.hosted)
        defer { server.stop() }
        let blobs = "\(folder.path)/hub/models--a--b/blobs"
        try FileManager.default.createDirectory(atPath: blobs, withIntermediateDirectories: true)
        try Data(Self.large.bytes.prefix(100_000)).write(
            to: URL(fileURLWithPath: "\(blobs)/\(Self.large.etag).incomplete"))

        #expect(pull(server, [Self.files[0]]) == [])

        #expect(content("weights/b/large.bin") == Self.large.bytes)
        #expect(server.requests.last?.rangeStart == 100_000)
    }

    @Test func `a server without ranges is asked for the whole file`() throws {
        let server = HubServer { request in
            var response = Self.large.response(
                to: HubServer.Request(method: request.method, path: request.path, headers: [:]))
            if request.rangeStart == nil { response.breaksAfter = 50_000 }
            return response
        }
        defer { server.stop() }

        #expect(pull(server, [Self.files[0]]) == [])

        #expect(content("weights/b/large.bin") == Self.large.bytes)
    }

    @Test(arguments: [true, false]) func `an answer that ends early is taken up where it ended`(
        isCapped: Bool
    ) {
        let server = HubServer { request in
            var response = Self.hosted(request)
            guard request.method == "GET" else { return response }
            response.body = Array(response.body.prefix(120_000))
            // Without a length the connection's end is the body's, wherever a proxy cut it.
            if !isCapped { response.headers["Content-Length"] = "" }
            return response
        }
        defer { server.stop() }

        #expect(pull(server, [Self.files[0]]) == [])

        #expect(content("weights/b/large.bin") == Self.large.bytes)
        let starts = server.requests.filter { $0.method == "GET" }.map(\.rangeStart)
        #expect(starts == [nil, 120_000, 240_000])
    }

    /// As a proxy's page with status 200 does not.
    @Test func `a hub that never gives the rest does not cost what it gave`() throws {
        let server = HubServer { request in
            var response = Self.large.response(
                to: HubServer.Request(method: request.method, path: request.path, headers: [:]))
            if request.method == "GET" { response.body = Array(response.body.prefix(120_000)) }
            return response
        }
        defer { server.stop() }

        let faults = pull(server, [Self.files[0]])

        #expect(
            faults == [
                .unreachable(
                    url: server.endpoint, reason: "it answers with something else than was asked for")
            ])
        let part = content("hub/models--a--b/blobs/\(Self.large.etag).incomplete")
        #expect(part == Array(Self.large.bytes.prefix(120_000)))
    }

    @Test(arguments: ["bytes 200000-299999/300000", ""])
    func `another range than was asked for leaves alone what is there`(range: String) {
        let asked = Count()
        let server = HubServer { request in
            var response = Self.hosted(request)
            guard request.method == "GET" else { return response }
            switch asked.next() {
            case 1: response.breaksAfter = 120_000
            case 2:
                response.headers["Content-Range"] = range
                response.body = Array(Self.large.bytes[200_000...])
            default: break
            }
            return response
        }
        defer { server.stop() }

        #expect(pull(server, [Self.files[0]]) == [])

        #expect(content("weights/b/large.bin") == Self.large.bytes)
        let starts = server.requests.filter { $0.method == "GET" }.map(\.rangeStart)
        #expect(starts == [nil, 120_000, 120_000])
    }

    @Test func `bytes are those of the commit that was found, though the branch moves on`() {
        let server = HubServer { request in
            if request.method == "GET", request.path == Self.large.path {
                return HubServer.Response(body: Self.small.bytes)
            }
            return Self.hosted(request)
        }
        defer { server.stop() }

        #expect(pull(server, [Self.files[0]]) == [])

        #expect(content("weights/b/large.bin") == Self.large.bytes)
    }

    @Test func `a part that is removed while its lock is awaited is begun again`() throws {
        let server = HubServer(Self.hosted)
        defer { server.stop() }
        let lock = try HeldLock(folder.path + "/hub/.locks/models--a--b/\(Self.large.etag).lock")
        let second = Background { self.pull(server, [Self.files[0]]) }

        #expect(lock.isAwaited { second.isDone })
        unlink(folder.path + "/hub/models--a--b/blobs/\(Self.large.etag).incomplete")
        lock.release()

        #expect(second.result == [])
        #expect(content("weights/b/large.bin") == Self.large.bytes)
    }

    @Test func `a lock that is removed when it is let go locks nothing`() throws {
        let server = HubServer(Self.hosted)
        defer { server.stop() }
        let path = folder.path + "/hub/.locks/models--a--b/\(Self.large.etag).lock"
        let lock = try HeldLock(path)
        let second = Background { self.pull(server, [Self.files[0]]) }
        #expect(lock.isAwaited { second.isDone })

        unlink(path)
        let next = try HeldLock(path)
        lock.release()

        #expect(next.isAwaited { second.isDone })
        next.release()
        #expect(second.result == [])
    }

    @Test func `a file that cannot be written is told in the system's words`() throws {
        let server = HubServer(Self.hosted)
        defer { server.stop() }
        let place = folder.path + "/hub/models--a--b/refs/main"
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)

        #expect(
            pull(server, [Self.files[0]]) == [
                .system(call: "rename", path: place, reason: "Is a directory")
            ])
    }

    @Test func `bytes with another sum are refused and not kept`() throws {
        var wrong = Self.large
        wrong.etag = String(repeating: "0", count: 64)
        let file = wrong
        let server = HubServer { file.response(to: $0) }
        defer { server.stop() }

        #expect(
            pull(server, [Self.files[0]]) == [
                .wrongSum(file: "b/large.bin", expected: file.etag, found: Self.large.etag)
            ])

        #expect(content("weights/b/large.bin") == nil)
        let blobs = "\(folder.path)/hub/models--a--b/blobs"
        #expect(try FileManager.default.contentsOfDirectory(atPath: blobs) == [])
    }

    @Test func `a redirection to another host does not carry the token`() {
        let store = HubServer { Self.large.response(to: $0) }
        let server = HubServer { request in
            var response = Self.large.response(to: request)
            response.status = 302
            response.headers["Location"] = store.endpoint + "/store?signature=1"
            response.body = []
            return response
        }
        defer {
            server.stop()
            store.stop()
        }

        #expect(pull(server, [Self.files[0]], token: "secret") == [])

        #expect(content("weights/b/large.bin") == Self.large.bytes)
        #expect(server.requests.allSatisfy { $0.headers["authorization"] == "Bearer secret" })
        #expect(store.requests.map(\.path) == ["/store?signature=1"])
        #expect(store.requests.allSatisfy { $0.headers["authorization"] == nil })
    }

    @Test func `a renamed repository is followed, with the token`() {
        let server = HubServer { request in
            if Self.large.isAsked(by: request) {
                return HubServer.Response(status: 307, headers: ["Location": "/new/place"])
            }
            return Self.large.response(to: request)
        }
        defer { server.stop() }

        #expect(pull(server, [Self.files[0]], token: "secret") == [])

        #expect(content("weights/b/large.bin") == Self.large.bytes)
        #expect(server.requests.allSatisfy { $0.headers["authorization"] == "Bearer secret" })
    }

    @Test(
        arguments: [
            (401, nil, "set HF_TOKEN to a token with read access"),
            (401, "old", "refuses the token in HF_TOKEN"), (403, "mine", "accept its terms"),
            (404, nil, "has no file large.bin (404)"),
        ] as [(Int, String?, String)])
    func `a refusal says what to do`(status: Int, token: String?, words: String) throws {
        let server = HubServer { _ in HubServer.Response(status: status) }
        defer { server.stop() }

        let fault = try #require(pull(server, [Self.files[0]], token: token).first)

        #expect(fault.description.contains(words))
        #expect(!fault.description.contains("Bearer"))
        #expect(server.requests.count == 1)
    }

    @Test func `a server that is not there is named, and what to do`() throws {
        let server = HubServer(Self.hosted)
        server.stop()
        let hub = Hub(endpoint: "http://127.0.0.1:1", token: nil)

        let faults = Pull(hub: hub, cache: HubCache(folder.path), folder: folder.path)(
            Self.files, progress: PullProgress { _ in })

        guard case .unreachable(let url, _) = try #require(faults.first) else {
            Issue.record("\(faults)")
            return
        }
        #expect(url == "http://127.0.0.1:1")
        #expect(faults.count == 1)
    }

    @Test func `two files are fetched at once`() {
        let meeting = Meeting()
        let server = HubServer { request in
            var response = Self.hosted(request)
            // Neither body starts before both were asked for.
            if request.method == "GET" { response.waits = { meeting.wait() } }
            return response
        }
        defer { server.stop() }

        #expect(pull(server) == [])

        #expect(meeting.wasComplete)
    }

    @Test func `a full disk is told before anything is fetched`() {
        var huge = HubServer.Response(headers: [
            "X-Repo-Commit": "c", "X-Linked-Etag": String(repeating: "0", count: 64),
        ])
        huge.headers["X-Linked-Size"] = "4000000000000000"
        let response = huge
        let server = HubServer { _ in response }
        defer { server.stop() }

        let faults = pull(server, [Self.files[0]])

        guard case .diskFull(_, 4_000_000_000_000_000, _)? = faults.first else {
            Issue.record("\(faults)")
            return
        }
        #expect(server.requests.count == 1)
    }

    /// A disk of 128 kB needs a mount, and a mount needs root.
    @Test(.enabled(if: SmallDisk.isPossible))
    func `a disk that fills up on the way keeps what arrived`() throws {
        let disk = try SmallDisk(folder.path + "/disk")
        defer { disk.unmount() }
        let server = HubServer { request in
            var response = Self.large.response(to: request)
            // A hub that does not tell the size.
            response.headers["X-Linked-Size"] = ""
            if request.method == "HEAD" { response.headers["Content-Length"] = "" }
            return response
        }
        defer { server.stop() }

        let faults = pull(server, [Self.files[0]], cache: disk.path)

        guard case .diskFull? = faults.first else {
            Issue.record("\(faults)")
            return
        }
        #expect(faults[0].description.contains("HF_HUB_CACHE"))
        #expect(content("weights/b/large.bin") == nil)
    }

    @Test func `a file that a person put there is left alone`() throws {
        let server = HubServer(Self.hosted)
        defer { server.stop() }
        let own = folder.path + "/weights/b"
        try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
        try Data("mine".utf8).write(to: URL(fileURLWithPath: own + "/large.bin"))

        #expect(pull(server) == [])

        #expect(content("weights/b/large.bin") == Array("mine".utf8))
        #expect(!server.requests.contains { Self.large.isAsked(by: $0) })
    }
}

/// A number that grows from 1.
private final class Count: @unchecked Sendable {
    // Unchecked because what changes is used under the lock.
    private let lock = NSLock()
    private var count = 0

    func next() -> Int {
        lock.withLock {
            count += 1
            return count
        }
    }
}

/// Work in a thread of its own.
private final class Background<Result: Sendable>: @unchecked Sendable {
    // Unchecked because what changes is used under the condition.
    private let condition = NSCondition()
    private var found: Result?

    init(_ work: @escaping @Sendable () -> Result) {
        Thread { [self] in
            let result = work()
            condition.withLock {
                found = result
                condition.broadcast()
            }
        }.start()
    }

    var isDone: Bool { condition.withLock { found != nil } }

    /// Waits for the end.
    var result: Result {
        condition.withLock {
            while found == nil { condition.wait() }
            return found!
        }
    }
}

/// A lock as another program holds it.
private final class HeldLock {
    private let descriptor: Int32

    init(_ path: String) throws {
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent,
            withIntermediateDirectories: true)
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        try #require(descriptor >= 0 && flock(descriptor, LOCK_EX | LOCK_NB) == 0)
    }

    /// Waits until somebody waits for it, which the system lists; false if something else comes first.
    func isAwaited(unless isOver: () -> Bool) -> Bool {
        var status = stat()
        fstat(descriptor, &status)
        while !isOver() {
            let locks = (try? String(contentsOfFile: "/proc/locks", encoding: .utf8)) ?? ""
            let isThere = locks.split(separator: "\n").contains {
                $0.contains("-> FLOCK") && $0.contains(":\(status.st_ino) ")
            }
            if isThere { return true }
            usleep(1000)
        }
        return false
    }

    func release() { close(descriptor) }
}

/// Two that wait for each other, half a minute at most.
private final class Meeting: @unchecked Sendable {
    // Unchecked because what changes is used under the condition.
    private let condition = NSCondition()
    private var count = 0

    var wasComplete: Bool { condition.withLock { count == 2 } }

    func wait() {
        condition.withLock {
            count += 1
            condition.broadcast()
            let end = Date(timeIntervalSinceNow: 30)
            while count < 2, condition.wait(until: end) {}
        }
    }
}

/// A disk in memory, of 128 kB.
private struct SmallDisk {
    let path: String

    static var isPossible: Bool {
        let place = "/tmp/personalive-mount-\(getpid())"
        guard geteuid() == 0, let disk = try? SmallDisk(place) else { return false }
        disk.unmount()
        rmdir(place)
        return true
    }

    init(_ path: String) throws {
        self.path = path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard mount("tmpfs", path, "tmpfs", 0, "size=128k") == 0 else {
            throw CocoaError(.fileWriteUnknown)
        }
    }

    func unmount() { umount2(path, Int32(MNT_DETACH)) }
}
