import Foundation
import Parity
import Tensors
import Testing

/// Fixtures written for the test, with golden values that are right, wrong or unknown.
@Suite struct ParityRunTests {
    private let folder = FileManager.default.temporaryDirectory
        .appendingPathComponent("personalive-parity-\(UUID().uuidString)")

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    /// A fixture with one golden tensor.
    private func write(
        _ name: String, _ key: String, _ values: [Float], metadata: [String: String]
    ) throws {
        let header: [String: Any] = [
            "__metadata__": metadata,
            key: ["dtype": "F32", "shape": [values.count], "data_offsets": [0, 4 * values.count]],
        ]
        let json = try JSONSerialization.data(withJSONObject: header)
        var data = withUnsafeBytes(of: UInt64(json.count).littleEndian) { Data($0) }
        data.append(json)
        values.withUnsafeBytes { data.append(contentsOf: $0) }
        try data.write(to: folder.appendingPathComponent(name + ".safetensors"))
    }

    private func lines(filter: String? = nil) throws -> [ParityLine] {
        defer { try? FileManager.default.removeItem(at: folder) }
        return try ParityRun(folder: folder.path, filter: filter)() { _ in }
    }

    private let generator = ["weights": "several", "inputs": "{}", "fp32_vs_fp64": "{}"]

    @Test func `right values pass and a wrong last bit fails where values are exact`() throws {
        let golden = SyntheticStream("any").gauss([5]).array
        try write("right", "gauss:any", golden, metadata: generator)
        try write("wrong", "gauss:any", golden.dropLast() + [golden[4].nextUp], metadata: generator)

        let lines = try lines()

        #expect(lines.map(\.fixture) == ["right", "wrong"])
        #expect(lines.map(\.passed) == [true, false])
        #expect(lines[1].largestError > 0)
    }

    @Test func `a fixture that nobody knows fails and says so`() throws {
        try write("new", "out/x", [1], metadata: ["weights": "mini/mystery"])

        let lines = try lines()

        #expect(lines.map(\.passed) == [false])
        #expect(lines[0].note?.contains("mini/mystery") == true)
    }

    @Test func `a golden tensor that nothing computes fails`() throws {
        try write("extra", "surprise:any", [1], metadata: generator)

        let lines = try lines()

        #expect(lines.map(\.note) == ["nothing computes this"])
    }

    @Test func `a damaged fixture fails with the reason`() throws {
        try Data([1, 2, 3]).write(to: folder.appendingPathComponent("bad.safetensors"))

        let lines = try lines()

        #expect(lines[0].note?.contains("cut short") == true)
    }

    @Test func `a folder that is not there is named`() {
        let error = FixtureError.unreadableFolder("/nowhere", reason: "No such file or directory")

        #expect(throws: error) { try ParityRun(folder: "/nowhere") }
    }

    @Test func `a filter picks fixtures by name`() throws {
        try write("one", "gauss:any", [0], metadata: generator)
        try write("two", "gauss:any", [0], metadata: generator)

        #expect(try lines(filter: "tw").map(\.fixture) == ["two"])
    }
}
