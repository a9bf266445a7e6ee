import Foundation
import Glibc
import Launch

/// An RTMP server of this machine (nginx with its RTMP module, from apt) that can be killed and comes back.
final class StreamServer {
    let port: UInt16
    let folder: String
    private var process: Process?

    private static let module = "/usr/lib/nginx/modules/ngx_rtmp_module.so"

    /// Whether the programs are here that the tests of streams need. `make test` installs them, and says
    /// that they are required.
    static var isAvailable: Bool {
        let isThere = [module, "/usr/sbin/nginx", "/usr/bin/ffmpeg"].allSatisfy {
            FileManager.default.fileExists(atPath: $0)
        }
        let isRequired = ProcessInfo.processInfo.environment["PERSONALIVE_SERVERS"] == "required"
        return isThere || isRequired
    }

    /// Prepares a server at a free port; ``start()`` starts it.
    ///
    /// - Parameter refuses: whether it asks somebody about each stream, who always says no.
    init(in folder: String, refuses: Bool = false) throws {
        self.folder = folder
        port = try FreePort.find()
        let judge = try refuses ? FreePort.find() : 0
        let http = """
            http {
                access_log off;
                client_body_temp_path \(folder)/b; proxy_temp_path \(folder)/p; fastcgi_temp_path \(folder)/f;
                uwsgi_temp_path \(folder)/u; scgi_temp_path \(folder)/s;
                server { listen 127.0.0.1:\(judge); location / { return 403; } }
            }
            """
        let asks = "on_publish http://127.0.0.1:\(judge)/; notify_method get;"
        let configuration = """
            daemon off; master_process off;
            pid \(folder)/nginx.pid; error_log \(folder)/nginx.log;
            load_module \(Self.module);
            events { worker_connections 64; }
            \(refuses ? http : "")
            rtmp {
                server {
                    listen 127.0.0.1:\(port);
                    application live { live on; \(refuses ? asks : "") }
                }
            }
            """
        try Data(configuration.utf8).write(to: URL(fileURLWithPath: "\(folder)/nginx.conf"))
    }

    deinit { stop() }

    func start() throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/sbin/nginx")
        process.arguments = ["-c", "\(folder)/nginx.conf", "-p", folder]
        process.standardError = FileHandle.nullDevice
        try process.run()
        self.process = process
    }

    func send(_ signal: Int32) {
        if let process { kill(process.processIdentifier, signal) }
    }

    /// Kills it.
    func stop() {
        send(SIGKILL)
        process?.waitUntilExit()
        process = nil
    }

    /// Whether so many pictures of a stream can be had and decoded.
    func plays(_ key: String, frames: Int) throws -> Bool {
        let reader = Process()
        reader.executableURL = URL(fileURLWithPath: "/usr/bin/ffmpeg")
        reader.arguments = [
            "-v", "error", "-xerror", "-nostdin", "-rw_timeout", "20000000", "-i",
            "rtmp://127.0.0.1:\(port)/live/\(key)", "-frames:v", "\(frames)", "-f", "null", "-",
        ]
        reader.standardError = FileHandle.nullDevice
        try reader.run()
        reader.waitUntilExit()
        return reader.terminationStatus == 0
    }
}
