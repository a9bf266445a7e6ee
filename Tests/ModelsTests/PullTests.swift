import Foundation
import Glibc
import Models
import Testing

/// What is asked of a hub, here a server of the test's own, and where its answers go.
@Suite(.timeLimit(.minutes(2))) struct PullTests {
    private let folder = TemporaryFolder()

    @Test func `files go into the shared cache, and links in the authors' layout lead there`() {
        let server = HubServer(HostedFile.answer)
        defer { server.stop() }

        #expect(folder.pull(server) == [])

        let (large, small) = (HostedFile.large, HostedFile.small)
        #expect(folder.content("weights/b/large.bin") == large.bytes)
        #expect(folder.content("weights/b/small.json") == small.bytes)
        let repository = "hub/models--a--b"
        #expect(folder.content("\(repository)/blobs/\(large.etag)") == large.bytes)
        #expect(folder.content("\(repository)/snapshots/c0ffee/sub/small.json") == small.bytes)
        #expect(folder.content("\(repository)/refs/main") == Array("c0ffee".utf8))
        #expect(folder.content("\(repository)/blobs/\(large.etag).incomplete") == nil)
    }

    @Test func `what is in the cache is not fetched again`() {
        let server = HubServer(HostedFile.answer)
        defer { server.stop() }
        #expect(folder.pull(server) == [])

        #expect(folder.pull(server) == [])

        #expect(server.requests.count { $0.method == "GET" } == 2)
    }

    @Test func `a fetch that ended is taken up by the next`() throws {
        let server = HubServer(HostedFile.answer)
        defer { server.stop() }
        let blobs = "\(folder.path)/hub/models--a--b/blobs"
        try FileManager.default.createDirectory(atPath: blobs, withIntermediateDirectories: true)
        try Data(HostedFile.large.bytes.prefix(100_000)).write(
            to: URL(fileURLWithPath: "\(blobs)/\(HostedFile.large.etag).incomplete"))

        #expect(folder.pull(server, [.large]) == [])

        #expect(folder.content("weights/b/large.bin") == HostedFile.large.bytes)
        #expect(server.requests.last?.rangeStart == 100_000)
    }

    @Test func `bytes are those of the commit that was found, though the branch moves on`() {
        let server = HubServer { request in
            if request.method == "GET", request.path == HostedFile.large.path {
                return HubServer.Response(body: HostedFile.small.bytes)
            }
            return HostedFile.answer(request)
        }
        defer { server.stop() }

        #expect(folder.pull(server, [.large]) == [])

        #expect(folder.content("weights/b/large.bin") == HostedFile.large.bytes)
    }

    @Test func `a part that is removed while its lock is awaited is begun again`() throws {
        let server = HubServer(HostedFile.answer)
        defer { server.stop() }
        let path = folder.path + "/hub/.locks/models--a--b/\(HostedFile.large.etag).lock"
        let lock = try HeldLock(path)
        let second = Background { folder.pull(server, [.large]) }

        #expect(lock.isAwaited { second.isDone })
        unlink(folder.path + "/hub/models--a--b/blobs/\(HostedFile.large.etag).incomplete")
        lock.release()

        #expect(second.result == [])
        #expect(folder.content("weights/b/large.bin") == HostedFile.large.bytes)
    }

    @Test func `a lock that is removed when it is let go locks nothing`() throws {
        let server = HubServer(HostedFile.answer)
        defer { server.stop() }
        let path = folder.path + "/hub/.locks/models--a--b/\(HostedFile.large.etag).lock"
        let lock = try HeldLock(path)
        let second = Background { folder.pull(server, [.large]) }
        #expect(lock.isAwaited { second.isDone })

        unlink(path)
        let next = try HeldLock(path)
        lock.release()

        #expect(next.isAwaited { second.isDone })
        next.release()
        #expect(second.result == [])
    }

    @Test func `a redirection to another host does not carry the token`() {
        let store = HubServer { HostedFile.large.response(to: $0) }
        let server = HubServer { request in
            var response = HostedFile.large.response(to: request)
            response.status = 302
            response.headers["Location"] = store.endpoint + "/store?signature=1"
            response.body = []
            return response
        }
        defer {
            server.stop()
            store.stop()
        }

        #expect(folder.pull(server, [.large], token: "secret") == [])

        #expect(folder.content("weights/b/large.bin") == HostedFile.large.bytes)
        #expect(server.requests.allSatisfy { $0.headers["authorization"] == "Bearer secret" })
        #expect(store.requests.map(\.path) == ["/store?signature=1"])
        #expect(store.requests.allSatisfy { $0.headers["authorization"] == nil })
    }

    @Test func `a renamed repository is followed, with the token`() {
        let server = HubServer { request in
            if HostedFile.large.isAsked(by: request) {
                return HubServer.Response(status: 307, headers: ["Location": "/new/place"])
            }
            return HostedFile.large.response(to: request)
        }
        defer { server.stop() }

        #expect(folder.pull(server, [.large], token: "secret") == [])

        #expect(folder.content("weights/b/large.bin") == HostedFile.large.bytes)
        #expect(server.requests.allSatisfy { $0.headers["authorization"] == "Bearer secret" })
    }

    @Test func `two files are fetched at once`() {
        let meeting = Meeting()
        let server = HubServer { request in
            var response = HostedFile.answer(request)
            // Neither body starts before both were asked for.
            if request.method == "GET" { response.waits = { meeting.wait() } }
            return response
        }
        defer { server.stop() }

        #expect(folder.pull(server) == [])

        #expect(meeting.wasComplete)
    }

    @Test func `a file that a person put there is left alone`() throws {
        let server = HubServer(HostedFile.answer)
        defer { server.stop() }
        let own = folder.path + "/weights/b"
        try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
        try Data("mine".utf8).write(to: URL(fileURLWithPath: own + "/large.bin"))

        #expect(folder.pull(server) == [])

        #expect(folder.content("weights/b/large.bin") == Array("mine".utf8))
        #expect(!server.requests.contains { HostedFile.large.isAsked(by: $0) })
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
