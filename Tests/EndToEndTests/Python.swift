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

    static let isComplete = isRequired || run("import numpy") == 0
    /// For programs that speak the protocol themselves, as `plain_node.py` does.
    static let hasZMQ = isRequired || run("import zmq, numpy") == 0
    static let hasSchemas = isRequired || run("import kubernetes_validate, yaml") == 0
    static let hasPrometheus = isRequired || run("import prometheus_client") == 0
    /// Debian's Chromium, and what drives it.
    static let hasBrowser =
        isRequired
        || FileManager.default.isExecutableFile(atPath: "/usr/bin/chromium")
            && run("import playwright") == 0
    static let hasONNX = isRequired || run("import numpy, onnxruntime, onnx") == 0

    /// What the plugin `webrtc-out` needs.
    static let hasWebRTC = isRequired || run("import numpy, aiortc, aiohttp") == 0

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

    /// A folder with a plugin's node.yaml and program.
    private static func folder(
        _ kind: String, command: String, _ inputs: String, _ outputs: String, _ settings: String,
        _ more: String, program: String
    ) throws -> String {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("pl-plugin-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let yaml = """
            kind: \(kind)
            summary: Does something.
            command: [\(command)]
            \(more)
            inputs: { \(inputs) }
            outputs:
              \(outputs)
            settings: { \(settings) }
            """
        try Data(yaml.utf8).write(to: folder.appendingPathComponent("node.yaml"))
        try Data(program.utf8).write(to: folder.appendingPathComponent("plugin.py"))
        return folder.path
    }

    static let picture = "frame: { type: u8, axes: n h w 3, meaning: rgb }"
    static let bytes = "data: { type: u8, axes: bytes, meaning: bytes }"

    /// A plugin on the node library: a file with a `@node`.
    static func node(
        _ kind: String, inputs: String = picture, outputs: String = picture,
        settings: String = "strength: { type: number, default: 1 }", state: String = "none",
        more: String = "", within seconds: Int = 60, _ program: String
    ) throws -> String {
        try folder(
            kind, command: "python3, -m, personalive, ./plugin.py", inputs, outputs, settings,
            "state: \(state)\nstart-within: \(seconds)s\n\(more)",
            program: "from personalive import *\n\n" + program)
    }

    /// One that hands on what it gets; `body` stands first in its function, `before` before that.
    static func passing(
        _ body: String = "pass", before: String = "", kind: String = "passes", within seconds: Int = 60
    ) throws -> String {
        try node(
            kind, inputs: bytes, outputs: bytes, within: seconds,
            """
            import os, subprocess, sys
            \(before)

            @node
            def passes(data):
                \(body)
                return data
            """)
    }

    /// A program that speaks the protocol itself, as `plain_node.py` does, with something changed.
    ///
    /// `change` may call what stands below: it makes one message of the run a bad one.
    static func plugin(
        _ kind: String, inputs: String = picture, outputs: String = picture,
        settings: String = "strength: { type: number, default: 1 }", change: String = "",
        within seconds: Int = 60
    ) throws -> String {
        let own = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path
        let program = """
            import sys
            sys.dont_write_bytecode = True
            sys.path.insert(0, "\(own)")
            from plain_node import *

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
        return try folder(
            kind, command: "python3, ./plugin.py", inputs, outputs, settings,
            "start-within: \(kind == "says-nothing" ? 2 : seconds)s", program: program)
    }
}
