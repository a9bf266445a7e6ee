import Foundation

/// The files of a new plugin: a node that takes the colour out of frames, until its author changes it.
struct PluginTemplate {
    /// Names and contents, `node.yaml` first.
    let files: [(name: String, text: String)]
    /// Names of those that are started.
    let programs: Set<String>

    static func python(_ kind: String) -> PluginTemplate {
        PluginTemplate(
            files: [
                ("node.yaml", yaml(kind, command: "python3, -m, personalive, ./node.py")),
                (
                    "node.py",
                    """
                    \"""Takes the colour out of frames, until you change it.\"""

                    from personalive import node


                    @node
                    def \(kind.replacing("-", with: "_"))(frame, strength=1.0):
                        grey = frame.mean(axis=-1, keepdims=True)
                        return (frame + (grey - frame) * strength + 0.5).astype("uint8")

                    """
                ),
            ], programs: [])
    }

    static func c(_ kind: String, program: String, header: String) -> PluginTemplate {
        PluginTemplate(
            files: [
                ("node.yaml", yaml(kind, command: "./run")),
                ("node.c", program), ("personalive_node.h", header),
                (
                    "run",
                    """
                    #!/bin/sh
                    # Compiles the program when its source is newer, then becomes it.
                    set -e
                    folder=$(dirname "$0")
                    if [ ! -x "$folder/node" ] || [ "$folder/node.c" -nt "$folder/node" ]; then
                        "${CC:-cc}" -O3 -I "$folder" -o "$folder/node.$$" "$folder/node.c" -L "${LD_LIBRARY_PATH%%:*}" -lpersonalive-node
                        mv "$folder/node.$$" "$folder/node"
                    fi
                    exec "$folder/node" "$@"

                    """
                ),
            ], programs: ["run"])
    }

    /// - Parameter sources: the folder of the package of personalive.
    static func swift(_ kind: String, sources: String) -> PluginTemplate {
        let run = """
            #!/bin/sh
            # Builds the program when its sources are newer, then becomes it.
            set -e
            folder=$(cd "$(dirname "$0")" && pwd)
            (flock 9 && swift build --package-path "$folder" -c release --quiet </dev/null) 9>"$folder/.lock"
            exec "$folder/.build/release/\(kind)" "$@"

            """
        return PluginTemplate(
            files: [
                ("node.yaml", yaml(kind, command: "./run", more: "start-within: 900s   # it is built first\n")),
                (
                    "Package.swift",
                    """
                    // swift-tools-version: 6.2
                    import PackageDescription

                    let package = Package(
                        name: "\(kind)",
                        dependencies: [.package(name: "personalive", path: "\(sources)")],
                        targets: [
                            .executableTarget(
                                name: "\(kind)", dependencies: [.product(name: "NodeKit", package: "personalive")])
                        ],
                        swiftLanguageModes: [.v6]
                    )

                    """
                ),
                ("Sources/\(kind)/main.swift", swiftProgram(kind)), ("run", run),
            ], programs: ["run"])
    }

    private static func yaml(_ kind: String, command: String, more: String = "") -> String {
        """
        # Plugins/README.md of personalive has every key.
        kind: \(kind)
        summary: Takes the colour out of frames, until you change it.
        command: [\(command)]
        state: none
        \(more)inputs:
          frame: { type: u8, axes: n h w 3, meaning: rgb }
        outputs:
          frame: { type: u8, axes: n h w 3, meaning: rgb }
        settings:
          strength: { type: number, minimum: 0, maximum: 1, default: 1, live: true }

        """
    }

    private static func swiftProgram(_ kind: String) -> String {
        """
        import Foundation
        import NodeKit
        import Tensors
        import Wire

        /// Takes the colour out of frames, until you change it.
        struct NewNode: Node {
            static let input = Port("frame", UInt8.self, "n h w 3", meaning: "rgb")
            static let output = Port("frame", UInt8.self, "n h w 3", meaning: "rgb")
            static let strength = Setting("strength", Double.self, type: .number(0...1), default: 1).live()
            static let spec = NodeSpec(
                "\(kind)", "Takes the colour out of frames.", inputs: [input], outputs: [output],
                settings: [strength], state: .none)

            private var strength: Float

            init(settings: Settings) { strength = Float(settings[Self.strength]) }

            mutating func update(settings: Settings) { strength = Float(settings[Self.strength]) }

            mutating func process(_ inputs: Inputs, into outputs: inout Outputs) {
                let frame = inputs[Self.input].array
                let grey = outputs.tensor(for: Self.output, shape: inputs[Self.input].shape)
                for index in frame.indices {
                    let pixel = index - index % 3
                    let mean = Float(Int(frame[pixel]) + Int(frame[pixel + 1]) + Int(frame[pixel + 2])) / 3
                    let own = Float(frame[index])
                    grey.buffer[index] = UInt8(own + strength * (mean - own) + 0.5)
                }
                outputs[Self.output] = grey
            }
        }

        // The supervisor starts this as: \(kind) NAME --kind KIND --folder FOLDER
        let arguments = CommandLine.arguments
        guard arguments.count > 1, let option = arguments.firstIndex(of: "--folder"),
            arguments.indices.contains(option + 1)
        else {
            print("'personalive run' starts this program")
            exit(64)
        }
        exit(NodeHost.run(NewNode.self, name: arguments[1], folder: arguments[option + 1]))

        """
    }
}
