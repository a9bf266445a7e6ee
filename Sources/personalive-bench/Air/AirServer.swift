import Foundation
import Glibc
import Launch

/// nginx with its RTMP module, which is killed and comes back.
final class AirServer {
    let port: UInt16
    private let folder: String
    private var process: Process?

    private static let module = "/usr/lib/nginx/modules/ngx_rtmp_module.so"

    /// Prepares it at a free port.
    init(in folder: String) throws {
        guard [Self.module, FlashFilm.ffmpeg].allSatisfy(FileManager.default.fileExists) else {
            throw MeasurementError(
                "nginx with its RTMP module and ffmpeg are needed: apt install nginx-light "
                    + "libnginx-mod-rtmp ffmpeg")
        }
        self.folder = folder
        port = try FreePort.find()
        let configuration = """
            daemon off; master_process off;
            pid \(folder)/nginx.pid; error_log \(folder)/nginx.log;
            load_module \(Self.module);
            events { worker_connections 64; }
            rtmp { server { listen 127.0.0.1:\(port); application live { live on; } } }
            """
        try Data(configuration.utf8).write(to: URL(fileURLWithPath: "\(folder)/nginx.conf"))
    }

    deinit { kill() }

    var address: String { "rtmp://127.0.0.1:\(port)/live" }

    func start() throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/sbin/nginx")
        process.arguments = ["-c", "\(folder)/nginx.conf", "-p", folder]
        process.standardError = FileHandle.nullDevice
        try process.run()
        self.process = process
    }

    func kill() {
        guard let process else { return }
        Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        self.process = nil
    }
}
