import Foundation
import Glibc
import Launch
import Media
import Testing

/// A live graph seen over HTTP: by a browser, by FFmpeg's reader, and through nginx.
@Suite(.serialized, .enabled(if: StreamServer.isAvailable)) struct HLSOutTests {
    private static let sinks = """
          web: { use: hls-out, in: { packet: encoder.packet }, with: { port: 0 } }
          copy: { use: stream-out, in: { packet: encoder.packet }, with: { url: FOLDER/copy.mkv } }
        """

    private func get(_ address: String, _ arguments: String...) throws -> (
        status: Int, body: String
    ) {
        try StudioProcess.curl(arguments + [address])
    }

    private func waitForList(_ run: LiveRun, _ address: String) {
        #expect(
            run.tool.waitUntil {
                (try? get("\(address)/live.m3u8").body.contains("#EXTINF")) == true
            })
    }

    /// The last part that a list names.
    private func lastPart(_ list: String) throws -> HLSPlaylist.Place {
        let match = list.matches(of: /EXT-X-PART:.*URI="part-(\d+)\.(\d+)\.m4s"/).last
        let found = try #require(match, "\(list)")
        return .init(segment: Int(found.1)!, part: Int(found.2)!)
    }

    /// What the list says when a part is there that comes two after its last.
    private func wait(on address: String) throws -> (list: String, isThere: Bool) {
        var place = try lastPart(get("\(address)/live.m3u8").body)
        place.part += 2
        let query = "?_HLS_msn=\(place.segment)&_HLS_part=\(place.part)"
        let list = try get("\(address)/live.m3u8\(query)").body
        let last = try lastPart(list)
        return (list, last >= place)
    }

    @Test(.enabled(if: Python.hasBrowser))
    func `a browser is less than a second and a half behind the camera`() throws {
        let run = try LiveRun(Self.sinks)
        let address = try run.address(of: "web")
        waitForList(run, address)

        let seen = try LiveRun.watch("page", "\(address)/", "6")
        let (outcome, sinks) = run.stop()

        #expect(seen["faults"] as? [String] == [], "\(seen)")
        #expect((seen["rate"] as? Double ?? 0) > 20, "\(seen)")
        #expect((seen["p95"] as? Double ?? .infinity) < 1500, "\(seen)")
        // The picture cannot be here before it was taken.
        #expect((seen["p50"] as? Double ?? 0) > 100, "\(seen)")
        #expect(outcome.status == 130, "\(outcome.errors)")
        for sink in ["web", "copy"] {
            #expect(sinks[sink]?["frames_unaccounted"] as? Int == 0)
            #expect(sinks[sink]?.lostBehindEncoder == 0, "\(sinks)")
        }
    }

    @Test(.enabled(if: MarkTests.library != nil))
    func `what is kept of a stream is signed, segment by segment, and a changed one is found out`() throws {
        let run = try LiveRun(
            """
              web: { use: hls-out, in: { packet: encoder.packet }, with: { port: 0, folder: FOLDER/air } }
              copy: { use: stream-out, in: { packet: encoder.packet }, with: { url: FOLDER/copy.mkv } }
            """)
        let list = "\(run.tool.folder)/air/live.m3u8"
        let isThere = run.tool.waitUntil {
            ((try? String(contentsOfFile: list, encoding: .utf8)) ?? "").matches(of: /EXTINF/).count >= 2
        }
        #expect(isThere)
        _ = run.stop()
        run.tool.process.environment?["PERSONALIVE_C2PA"] = MarkTests.library
        func verify() throws -> (status: Int32, signature: [String: Any]) {
            let outcome = try run.tool.ask("verify", list, "--json")
            return (outcome.status, outcome.object["signature"] as? [String: Any] ?? [:])
        }

        let whole = try verify()
        let text = try String(contentsOfFile: list, encoding: .utf8)
        let name = try #require(text.firstMatch(of: /segment-[0-9]+.m4s/)).0
        let file = URL(fileURLWithPath: "\(run.tool.folder)/air/\(name)")
        var bytes = try Data(contentsOf: file)
        bytes[bytes.count - 9] ^= 1
        try bytes.write(to: file)
        let changed = try verify()

        #expect(whole.status == 0 && whole.signature["state"] as? String == "holds", "\(whole)")
        #expect(whole.signature["own"] as? Bool == true)
        #expect((whole.signature["segments_holding"] as? Int ?? 0) >= 2)
        #expect(changed.status == 3 && changed.signature["state"] as? String == "broken", "\(changed)")
    }

    @Test func `a plain reader gets whole segments, and a request for a part waits for it`() throws
    {
        let run = try LiveRun(Self.sinks)
        let address = try run.address(of: "web")
        waitForList(run, address)

        // Asked for what is to come: the answer comes when it is there, and not before.
        let waited = try wait(on: address)
        #expect(waited.isThere, "\(waited.list)")
        let far = try lastPart(waited.list).segment + 9
        #expect(try get("\(address)/live.m3u8?_HLS_msn=\(far)").status == 400)
        // The part that the list hints at.
        let hint = try #require(waited.list.firstMatch(of: /PRELOAD-HINT:TYPE=PART,URI="([^"]+)"/))
            .1
        #expect(try get("\(address)/\(hint)", "-o", "/dev/null").status == 200)
        #expect(try get("\(address)/segment-1.m4s").status == 404)
        #expect(try get("\(address)/../../etc/passwd", "--path-as-is").status == 404)
        // A page of a stranger whose name points here.
        #expect(try get("\(address)/live.m3u8", "-H", "Host: evil.example").status == 421)

        let reader = try StudioProcess.run([
            "ffmpeg", "-v", "error", "-xerror", "-nostdin", "-i", "\(address)/live.m3u8",
            "-frames:v",
            "60", "-f", "null", "-",
        ])
        #expect(reader.status == 0, "\(reader.output)")
        #expect(run.stop().outcome.status == 130)
    }

    @Test func `nginx in front passes waiting requests on`() throws {
        let run = try LiveRun(Self.sinks)
        let address = try run.address(of: "web")
        waitForList(run, address)
        let (folder, port) = (run.tool.folder, try FreePort.find())
        let configuration = """
            daemon off; error_log \(folder)/nginx.log; pid \(folder)/nginx.pid;
            events { worker_connections 64; }
            http {
                access_log off;
                client_body_temp_path \(folder)/b; proxy_temp_path \(folder)/p; fastcgi_temp_path \(folder)/f;
                uwsgi_temp_path \(folder)/u; scgi_temp_path \(folder)/s;
                server {
                    listen 127.0.0.1:\(port);
                    location /portrait/ {
                        proxy_pass \(address)/;
                        proxy_http_version 1.1;
                        proxy_buffering off;
                    }
                }
            }
            """
        try Data(configuration.utf8).write(to: URL(fileURLWithPath: "\(folder)/nginx.conf"))
        let proxy = Process()
        proxy.executableURL = URL(fileURLWithPath: "/usr/sbin/nginx")
        proxy.arguments = ["-c", "\(folder)/nginx.conf", "-p", folder]
        try proxy.run()
        defer {
            proxy.terminate()
            proxy.waitUntilExit()
        }
        let front = "http://127.0.0.1:\(port)/portrait"
        #expect(run.tool.waitUntil { (try? get("\(front)/live.m3u8").status) == 200 })

        let waited = try wait(on: front)

        #expect(waited.isThere, "\(waited.list)")
        #expect(try get("\(front)/", "-o", "/dev/null").status == 200)
        #expect(run.stop().outcome.status == 130)
    }

    @Test
    func `a folder holds a list that can be played, and a full disk costs nobody else anything`()
        throws
    {
        let run = try LiveRun(
            """
              files: { use: hls-out, in: { packet: encoder.packet }, with: { serve: false, folder: FOLDER/hls, segment: 1 } }
              disk: { use: hls-out, in: { packet: encoder.packet }, with: { serve: false, folder: FOLDER/disk, segment: 1 } }
              copy: { use: stream-out, in: { packet: encoder.packet }, with: { url: FOLDER/copy.mkv } }
            """)
        let disk = "\(run.tool.folder)/disk"
        mkdir(disk, 0o755)
        // Needs root; without, there is nothing to test on.
        let isFull = mount("tmpfs", disk, "tmpfs", 0, "size=16k") == 0
        defer { if isFull { umount(disk) } }

        let list = "\(run.tool.folder)/hls/live.m3u8"
        #expect(
            run.tool.waitUntil {
                let text = (try? String(contentsOfFile: list, encoding: .utf8)) ?? ""
                return text.split(separator: "\n").count { $0.hasSuffix(".m4s") } >= 3
            })
        if isFull {
            #expect(
                run.tool.waitUntil { run.state(of: "disk").contains("No space left on device") })
        }
        let (outcome, sinks) = run.stop()

        #expect(outcome.status == 130, "\(outcome.errors)")
        for sink in ["files", "copy"] { #expect(sinks[sink]?.lostBehindEncoder == 0) }
        let reader = try StudioProcess.run([
            "ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames",
            "-of",
            "csv=p=0", list,
        ])
        let frames = Int(reader.output.split(whereSeparator: \.isNewline).first ?? "") ?? 0
        #expect(frames >= 70, "\(reader.output)")
    }

    @Test func `a port that is taken is said at once`() throws {
        let listener = try LiveRun(Self.sinks)
        let address = try listener.address(of: "web")
        let port = try #require(URL(string: address)?.port)
        let second = try LiveRun(Self.sinks.replacing("port: 0", with: "port: \(port)"))

        let outcome = second.tool.finish()

        #expect(outcome.status != 0)
        #expect(
            outcome.errors.contains("port \(port) of 127.0.0.1 cannot be served"),
            "\(outcome.errors)")
        _ = listener.stop()
    }

    @Test func `its process may be killed: it is back, and nobody else loses a frame`() throws {
        let run = try LiveRun(Self.sinks)
        let before = try run.address(of: "web")
        waitForList(run, before)

        run.tool.kill("web")
        #expect(
            run.tool.waitUntil {
                let state = run.state(of: "web")
                return state.contains("http://") && !state.contains("\(before)/")
            })
        waitForList(run, try run.address(of: "web"))
        let (outcome, sinks) = run.stop()

        #expect(outcome.status == 130, "\(outcome.errors)")
        #expect(sinks["copy"]?.lostBehindEncoder == 0)
        #expect(sinks["web"]?["frames_unaccounted"] as? Int == 0)
    }
}
