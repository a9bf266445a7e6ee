import Foundation
import Glibc
import Models
import Testing

/// What a broken answer or a full disk costs, and what is said of it.
@Suite(.timeLimit(.minutes(2))) struct PullFailureTests {
    private let folder = TemporaryFolder()

    @Test func `a connection that breaks is taken up where it broke`() {
        let server = HubServer { request in
            var response = HostedFile.answer(request)
            if HostedFile.large.isAsked(by: request) { response.breaksAfter = 120_000 }
            return response
        }
        defer { server.stop() }

        #expect(folder.pull(server, [.large]) == [])

        #expect(folder.content("weights/b/large.bin") == HostedFile.large.bytes)
        #expect(server.startsOfRanges == [nil, 120_000, 240_000])
    }

    @Test func `a server without ranges is asked for the whole file`() throws {
        let server = HubServer { request in
            var response = HostedFile.large.response(
                to: HubServer.Request(method: request.method, path: request.path, headers: [:]))
            if request.rangeStart == nil { response.breaksAfter = 50_000 }
            return response
        }
        defer { server.stop() }

        #expect(folder.pull(server, [.large]) == [])

        #expect(folder.content("weights/b/large.bin") == HostedFile.large.bytes)
    }

    @Test(arguments: [true, false]) func `an answer that ends early is taken up where it ended`(
        isCapped: Bool
    ) {
        let server = HubServer { request in
            var response = HostedFile.answer(request)
            guard request.method == "GET" else { return response }
            response.body = Array(response.body.prefix(120_000))
            // Without a length the connection's end is the body's, wherever a proxy cut it.
            if !isCapped { response.headers["Content-Length"] = "" }
            return response
        }
        defer { server.stop() }

        #expect(folder.pull(server, [.large]) == [])

        #expect(folder.content("weights/b/large.bin") == HostedFile.large.bytes)
        #expect(server.startsOfRanges == [nil, 120_000, 240_000])
    }

    /// As a proxy's page with status 200 does not.
    @Test func `a hub that never gives the rest does not cost what it gave`() throws {
        let server = HubServer { request in
            var response = HostedFile.large.response(
                to: HubServer.Request(method: request.method, path: request.path, headers: [:]))
            if request.method == "GET" { response.body = Array(response.body.prefix(120_000)) }
            return response
        }
        defer { server.stop() }

        let faults = folder.pull(server, [.large])

        #expect(
            faults == [
                .unreachable(
                    url: server.endpoint, reason: "it answers with something else than was asked for")
            ])
        let part = folder.content("hub/models--a--b/blobs/\(HostedFile.large.etag).incomplete")
        #expect(part == Array(HostedFile.large.bytes.prefix(120_000)))
    }

    @Test(arguments: ["bytes 200000-299999/300000", ""])
    func `another range than was asked for leaves alone what is there`(range: String) {
        let asked = Count()
        let server = HubServer { request in
            var response = HostedFile.answer(request)
            guard request.method == "GET" else { return response }
            switch asked.next() {
            case 1: response.breaksAfter = 120_000
            case 2:
                response.headers["Content-Range"] = range
                response.body = Array(HostedFile.large.bytes[200_000...])
            default: break
            }
            return response
        }
        defer { server.stop() }

        #expect(folder.pull(server, [.large]) == [])

        #expect(folder.content("weights/b/large.bin") == HostedFile.large.bytes)
        #expect(server.startsOfRanges == [nil, 120_000, 120_000])
    }

    @Test func `a file that cannot be written is told in the system's words`() throws {
        let server = HubServer(HostedFile.answer)
        defer { server.stop() }
        let place = folder.path + "/hub/models--a--b/refs/main"
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)

        #expect(
            folder.pull(server, [.large]) == [
                .system(call: "rename", path: place, reason: "Is a directory")
            ])
    }

    @Test func `bytes with another sum are refused and not kept`() throws {
        var wrong = HostedFile.large
        wrong.etag = String(repeating: "0", count: 64)
        let file = wrong
        let server = HubServer { file.response(to: $0) }
        defer { server.stop() }

        #expect(
            folder.pull(server, [.large]) == [
                .wrongSum(file: "b/large.bin", expected: file.etag, found: HostedFile.large.etag)
            ])

        #expect(folder.content("weights/b/large.bin") == nil)
        let blobs = "\(folder.path)/hub/models--a--b/blobs"
        #expect(try FileManager.default.contentsOfDirectory(atPath: blobs) == [])
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

        let fault = try #require(folder.pull(server, [.large], token: token).first)

        #expect(fault.description.contains(words))
        #expect(!fault.description.contains("Bearer"))
        #expect(server.requests.count == 1)
    }

    @Test func `a server that is not there is named, and what to do`() throws {
        let server = HubServer(HostedFile.answer)
        server.stop()
        let hub = Hub(endpoint: "http://127.0.0.1:1", token: nil)

        let faults = Pull(hub: hub, cache: HubCache(folder.path), folder: folder.path)(
            [.large, .small], progress: PullProgress { _ in })

        guard case .unreachable(let url, _) = try #require(faults.first) else {
            Issue.record("\(faults)")
            return
        }
        #expect(url == "http://127.0.0.1:1")
        #expect(faults.count == 1)
    }

    @Test func `a full disk is told before anything is fetched`() {
        var huge = HubServer.Response(headers: [
            "X-Repo-Commit": "c", "X-Linked-Etag": String(repeating: "0", count: 64),
        ])
        huge.headers["X-Linked-Size"] = "4000000000000000"
        let response = huge
        let server = HubServer { _ in response }
        defer { server.stop() }

        let faults = folder.pull(server, [.large])

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
            var response = HostedFile.large.response(to: request)
            // A hub that does not tell the size.
            response.headers["X-Linked-Size"] = ""
            if request.method == "HEAD" { response.headers["Content-Length"] = "" }
            return response
        }
        defer { server.stop() }

        let faults = folder.pull(server, [.large], cache: disk.path)

        guard case .diskFull? = faults.first else {
            Issue.record("\(faults)")
            return
        }
        #expect(faults[0].description.contains("HF_HUB_CACHE"))
        #expect(folder.content("weights/b/large.bin") == nil)
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
