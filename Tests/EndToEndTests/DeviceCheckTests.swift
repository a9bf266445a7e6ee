import Foundation
import Layers
import Testing

/// The script for a borrowed GPU, tried on the processor.
@Suite(.serialized) struct DeviceCheckTests {
    private static let isLibtorchThere =
        ProcessInfo.processInfo.environment["PERSONALIVE_DEVICES"] == "required"
        || (try? TorchLibrary.find(for: .torch)) != nil

    /// The lines of a check of `torch` with the smallest model, by step.
    private func check(
        _ arguments: String..., libtorch: String? = nil
    ) throws -> (status: Int32, lines: [String: [[String: Any]]]) {
        let tool = try Tool(arguments: ["torch", "--model", "mini", "--repeat", "1"] + arguments)
        tool.process.executableURL = tool.program.deletingLastPathComponent()
            .appendingPathComponent("device-check")
        if let libtorch { tool.process.environment?["PERSONALIVE_TORCH"] = libtorch }
        let outcome = try tool.run()
        var lines: [String: [[String: Any]]] = [:]
        for line in outcome.output.split(separator: "\n") {
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
            let facts = try #require(object as? [String: Any])
            lines[try #require(facts["step"] as? String), default: []].append(facts)
        }
        return (outcome.status, lines)
    }

    @Test(.enabled(if: isLibtorchThere, "no libtorch here: 'make test-training' installs one"))
    func `every step prints its figures, and values agree with the processor's`() throws {
        let (status, lines) = try check("--minutes", "8")

        #expect(status == 0, "\(lines)")
        #expect(
            lines.keys.sorted() == ["device", "networks", "pair", "values", "window", "window-bf16"])
        let values = (lines["values"] ?? []).filter { $0["network"] != nil }
        #expect(values.count == 6 * 3)
        #expect(values.allSatisfy { $0["passed"] as? Bool == true }, "\(values)")
        // F32 is nearer than halves, and these are nearer than BF16.
        let errors = values.compactMap { $0["relative_error"] as? Double }
        for first in stride(from: 0, to: errors.count, by: 3) {
            #expect(errors[first] < errors[first + 1] && errors[first + 1] < errors[first + 2])
        }
        let kinds = (lines["window"] ?? []).compactMap { $0["kind"] as? String }
        #expect(Set(kinds).isSuperset(of: ["attention", "linear", "group norm", "convolution 3x3 device"]))
        #expect((lines["window"] ?? []).compactMap { $0["choice"] as? String }.contains("other banks"))
        #expect((lines["pair"]?.first?["fps"] as? Double ?? 0) > 0)
    }

    @Test(.enabled(if: isLibtorchThere, "no libtorch here: 'make test-training' installs one"))
    func `a step is stopped when its share of the time is over, and the next one begins`() throws {
        let (status, lines) = try check("--minutes", "0.001")

        #expect(status == 1)
        #expect(lines.count == 6)
        for (step, facts) in lines {
            let said = facts.last?["failed"] as? String
            #expect(said?.hasPrefix("stopped after its") == true, "\(step): \(facts)")
        }
    }

    @Test func `a device that cannot be used is said by every step`() throws {
        let (status, lines) = try check("--minutes", "8", libtorch: "/nowhere")

        #expect(status == 1)
        #expect(lines.count == 6)
        for (step, facts) in lines {
            let said = facts.first?["failed"] as? String
            #expect(said?.contains("/nowhere has no libtorch_cpu.so") == true, "\(step): \(facts)")
        }
    }
}
