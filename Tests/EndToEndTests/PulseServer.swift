import Foundation
import Glibc

/// A PulseAudio server of a test's own, with one sink that other programs listen to: a virtual microphone.
final class PulseServer {
    private static let program = "/usr/bin/pulseaudio"
    private let process = Process()

    /// Whether the program is here. `make test` installs it, and says that it is required.
    static var isAvailable: Bool {
        FileManager.default.fileExists(atPath: program)
            || ProcessInfo.processInfo.environment["PERSONALIVE_SERVERS"] == "required"
    }

    /// Where programs find the server of a folder, as PULSE_SERVER says it.
    static func address(in folder: String) -> String { "unix:\(folder)/native" }

    /// Starts it.
    ///
    /// - Parameter sink: what the sink is called.
    init(in folder: String, sink: String) throws {
        let script = """
            load-module module-native-protocol-unix auth-anonymous=1 socket=\(folder)/native
            load-module module-null-sink sink_name=\(sink)

            """
        try Data(script.utf8).write(to: URL(fileURLWithPath: "\(folder)/pulse.pa"))
        process.executableURL = URL(fileURLWithPath: Self.program)
        process.arguments = [
            "-n", "-F", "\(folder)/pulse.pa", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no",
        ]
        process.environment = ["HOME": folder, "XDG_RUNTIME_DIR": folder, "PATH": "/usr/bin"]
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    /// Kills it.
    func stop() {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    deinit { stop() }
}
