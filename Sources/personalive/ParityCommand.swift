import ArgumentParser
import Foundation
import Layers
import Parity
import Tensors

/// `personalive parity`: compares the networks with golden values.
struct ParityCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "parity",
        abstract: "Compares the networks with golden values, tensor by tensor.",
        discussion: """
            Each fixture in the folder describes weights and inputs, which are computed, and holds \
            the values that a network must give. The exit code is 1 if any differs by more than \
            its tolerance, or cannot be checked.
            """)

    @Argument(help: "A folder of fixtures (*.safetensors).")
    var folder: String

    @Option(help: "Only fixtures whose file name contains this.")
    var filter: String?

    @Option(help: "Where networks compute: cpu, cuda, cuda:1, xpu, or torch (libtorch on the processor).")
    var device = Device.cpu

    @Option(
        help: ArgumentHelp(
            "What networks keep their weights as: f32, bf16, or on a device f16; each has its tolerance.",
            discussion: "Without it f32 on cpu and torch, f16 on a GPU."))
    var precision: WeightStorage.Precision?

    @Flag(help: "Print one JSON array instead of a table.")
    var json = false

    func run() throws {
        Compute.waitPassively()
        let parity: ParityRun
        do {
            let precision = precision ?? device.usualPrecision
            guard device != .cpu || precision != .float16 else { throw DeviceError.noHalves }
            try TorchLibrary.open(for: device)
            parity = try ParityRun(
                folder: folder, filter: filter, storage: WeightStorage(precision, device: device))
        } catch {
            throw ValidationError("\(error)")
        }
        guard parity.count > 0 else {
            let which = filter.map { " whose name contains '\($0)'" } ?? ""
            throw ValidationError("\(folder) has no fixture (*.safetensors)\(which)")
        }
        if !json { print(Self.heading) }
        let lines = parity { if !json { Self.show($0) } }
        if json { try Self.showJSON(lines) } else { Self.summarise(lines, fixtures: parity.count) }
        if lines.contains(where: { !$0.passed }) { throw ExitCode.failure }
    }

    private static let heading =
        "fixture".padded(29) + "tensor".padded(46) + "relative".padded(10) + "largest".padded(10)
        + "tolerance"

    private static func show(_ lines: [ParityLine]) {
        for line in lines {
            var text = line.fixture.padded(29) + line.tensor.padded(46)
            if line.passed || line.note == nil || line.relativeTolerance > 0 {
                text += number(line.relativeError).padded(10) + number(line.largestError).padded(10)
                text +=
                    (number(line.relativeTolerance) + " " + number(line.largestTolerance)).padded(
                        18)
            }
            print(text + (line.passed ? "pass" : "FAIL") + (line.note.map { ": " + $0 } ?? ""))
        }
        fflush(nil)
    }

    private static func number(_ value: Double) -> String {
        value == 0 ? "exact" : String(format: "%.1e", value)
    }

    private static func summarise(_ lines: [ParityLine], fixtures: Int) {
        let failed = lines.filter { !$0.passed }
        let passed =
            "\(lines.count - failed.count) of \(lines.count) tensors of \(fixtures) fixtures pass"
        let names = Set(failed.map(\.fixture)).sorted().joined(separator: ", ")
        print(failed.isEmpty ? passed : "\(passed); failing: \(names)")
    }

    private static func showJSON(_ lines: [ParityLine]) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        print(String(decoding: try encoder.encode(lines), as: UTF8.self))
    }
}

extension WeightStorage.Precision: ExpressibleByArgument {}
extension Device: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
}
