import Foundation

/// Plugins in Python, where the machine has what they need.
enum Python {
    /// The folder of the plugins that come with the tool.
    static let plugins = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Plugins")
        .path

    /// `make test` installs all that is needed, so there nothing is skipped.
    private static let isRequired =
        ProcessInfo.processInfo.environment["PERSONALIVE_PYTHON"] == "required"

    static let isComplete = isRequired || run("import zmq, numpy") == 0
    static let hasSchemas = isRequired || run("import kubernetes_validate, yaml") == 0
    static let hasPrometheus = isRequired || run("import prometheus_client") == 0
    /// Debian's Chromium, and what drives it.
    static let hasBrowser =
        isRequired
        || FileManager.default.isExecutableFile(atPath: "/usr/bin/chromium")
            && run("import playwright") == 0
    static let hasONNX = isRequired || run("import zmq, numpy, onnxruntime, onnx") == 0

    /// What the plugin `webrtc-out` needs.
    static let hasWebRTC = isRequired || run("import zmq, numpy, aiortc, aiohttp") == 0

    /// The exit code of a program given as text.
    static func run(_ program: String) -> Int32? { start(["-c", program]) }

    /// The exit code of Python with some arguments.
    static func start(_ arguments: [String]) -> Int32? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3"] + arguments
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// A plugin that is the worked example with something changed, in a folder of its own.
    ///
    /// `change` may call what stands below: it makes one message of the run a bad one.
    static func plugin(
        _ kind: String, inputs: String = "frame: { type: u8, axes: n h w 3, meaning: rgb }",
        outputs: String = "frame: { type: u8, axes: n h w 3, meaning: rgb }",
        settings: String = "strength: { type: number, default: 1 }", change: String = "",
        within seconds: Int = 60
    ) throws -> String {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("pl-plugin-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let yaml = """
            kind: \(kind)
            summary: Does something.
            command: [python3, ./plugin.py]
            start-within: \(kind == "says-nothing" ? 2 : seconds)s
            inputs: { \(inputs) }
            outputs:
              \(outputs)
            settings: { \(settings) }
            """
        let program = """
            import sys
            sys.dont_write_bytecode = True
            sys.path.insert(0, "\(plugins)/grayscale-python")
            from grayscale import *

            HOST = None
            made, sent, granted = Host.__init__, Host.publish, Input.done

            def remember(self, *arguments):
                global HOST
                HOST = self
                made(self, *arguments)

            Host.__init__ = remember

            def on_message(number, action):
                def publish(self, arrays, stamp):
                    if stamp.frame == number:
                        action()
                    sent(self, arrays, stamp)
                Host.publish = publish

            encoded = Header.encoded

            def change_header(number, change):
                def bad(self):
                    if self.kind == DATA and self.sequence == number:
                        change(self)
                    return encoded(self)
                Header.encoded = bad

            def change_bytes(number, change):
                def bad(self):
                    data = encoded(self)
                    return change(data) if self.kind == DATA and self.sequence == number else data
                Header.encoded = bad

            def change_grant(number, count):
                def bad(self):
                    if self.kind == GRANT and HOST.ticks >= number:
                        self.count = count
                    return encoded(self)
                Header.encoded = bad

            \(change)
            main()
            """
        try Data(yaml.utf8).write(to: folder.appendingPathComponent("node.yaml"))
        try Data(program.utf8).write(to: folder.appendingPathComponent("plugin.py"))
        return folder.path
    }
}
