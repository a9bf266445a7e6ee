import Dataflow
import Foundation
import NodeKit
import Testing

/// The JSON Schema that editors get.
@Suite struct SchemaTests {
    private var schema: String { GraphSchema(TestKinds.registry).json.serialized() }

    private func member(_ value: Any?, _ path: String...) -> Any? {
        path.reduce(value) { ($0 as? [String: Any])?[$1] }
    }

    @Test func `the schema is JSON of draft 2020-12 and closed at every level`() throws {
        let json = try JSONSerialization.jsonObject(with: Data(schema.utf8))

        #expect(
            member(json, "$schema") as? String == "https://json-schema.org/draft/2020-12/schema")
        #expect(member(json, "additionalProperties") as? Bool == false)
        #expect(member(json, "$defs", "node", "additionalProperties") as? Bool == false)
    }

    @Test func `each kind has a condition with its inputs and settings`() throws {
        let json = try JSONSerialization.jsonObject(with: Data(schema.utf8))

        let all = try #require(member(json, "$defs", "node", "allOf") as? [Any])
        #expect(all.count == TestKinds.registry.specs.count)
        let video = try #require(
            all.first {
                member($0, "if", "properties", "use", "const") as? String == "video-file"
            })
        let speed = member(video, "then", "properties", "with", "properties", "speed")
        #expect(member(speed, "default") as? Double == 1)
        let types = try #require(member(speed, "anyOf") as? [Any])
        #expect(member(types[0], "maximum") as? Double == 10)
        #expect(
            member(video, "then", "properties", "with", "required") as? [String] == ["path"])
    }

    @Test(.enabled(if: Self.python("import jsonschema, yaml") == 0))
    func `a validator accepts a good graph and refuses bad ones`() throws {
        let changes = [
            ("use: vae-decoder", "use: vae-decodr"), ("latent: den", "latnt: den"),
            ("keep: all", "keep: al"), ("nodes:", "noodes:"), ("path: /tmp", "pth: /tmp"),
            ("keep: all", "window: 99"), ("nodes:", "latency_budget: 3s\nnodes:"),
            ("nodes:", "machines: { b: {} }\nnodes:"), ("audio: {", "audio: { x: 3,"),
            ("path: \"${driving}\"", "path: x, speed: 3ms"),
        ]
        // YAML itself wants quotes around `${…}` in braces.
        let good = TestKinds.demo.replacing("${driving}", with: "\"${driving}\"")
            .replacing("nodes:", with: "machines: { a: { ssh: b@c, cores: 3 } }\nnodes:")
        let bad = changes.map { good.replacing($0.0, with: $0.1) }
        let unit = good.replacing("path: \"${driving}\"", with: "path: x, speed: 3 fps")

        #expect(try faulty([good] + bad + [unit]) == Array(1...bad.count))
    }

    /// The indices of those graphs that the schema refuses.
    private func faulty(_ graphs: [String]) throws -> [Int] {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("personalive-schema-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data(schema.utf8).write(to: folder.appendingPathComponent("schema.json"))
        for (index, graph) in graphs.enumerated() {
            try Data(graph.utf8).write(to: folder.appendingPathComponent("\(index).yaml"))
        }
        let status = Self.python(
            """
            import json, jsonschema, os, yaml
            os.chdir(r'\(folder.path)')
            schema = json.load(open('schema.json'))
            jsonschema.Draft202012Validator.check_schema(schema)
            validator = jsonschema.Draft202012Validator(schema)
            graphs = [yaml.safe_load(open(f'{i}.yaml')) for i in range(\(graphs.count))]
            faulty = [i for i, graph in enumerate(graphs) if not validator.is_valid(graph)]
            json.dump(faulty, open('faulty.json', 'w'))
            """)
        #expect(status == 0)
        let answer = try Data(contentsOf: folder.appendingPathComponent("faulty.json"))
        return try JSONDecoder().decode([Int].self, from: answer)
    }

    /// Runs a Python program; its exit status, or -1 where there is no Python.
    private static func python(_ program: String) -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", program]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return -1 }
        process.waitUntilExit()
        return process.terminationStatus
    }
}
