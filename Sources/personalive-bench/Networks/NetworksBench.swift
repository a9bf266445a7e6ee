import ArgumentParser
import Foundation
import Layers
import Networks
import Parity
import Tensors

/// How long the full-size networks take on this machine.
struct NetworksBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "networks",
        abstract:
            "Networks by themselves, at full size unless said otherwise: time, rate and memory.",
        discussion: """
            Weights are synthetic: times do not depend on them. taesd and vae decode one latent; \
            unet is one frame through the denoiser without motion and temporal modules, the shape \
            in which other runtimes can be measured too; extractor and motion look at one face; window is \
            a whole pass of 16 frames with the portrait's bank, which emits 4. GFLOP are those of the plain algorithms, so the \
            rate may exceed the processor's peak. CPU s is processor time of all threads: with \
            --threads 1 it hardly depends on what else is running.
            """)

    @Option(help: "Networks, separated by commas: extractor, motion, taesd, vae, unet, window.")
    var only = "taesd,vae,unet"

    @Option(
        help: "A folder with config.json and weights, such as Models/small, to measure that model.")
    var weights: String?

    @Option(help: "Rows and columns of the image, a multiple of 64; the model's own by default.")
    var size: Int?

    @Option(help: "Where networks compute: cpu, cuda, cuda:1, xpu, or torch (libtorch on the processor).")
    var device = Device.cpu

    @Option(
        help: ArgumentHelp(
            "What weights are kept as: f32, bf16, which may multiply halves, or on a device f16.",
            discussion: "Without it f32 on cpu and torch, f16 on a GPU."))
    var precision: WeightStorage.Precision?

    @Option(help: "Cores to use.")
    var threads = 2

    @Option(help: "How often each is measured, after a first run that is not.")
    var `repeat` = 3

    @Flag(help: "Print one JSON object.")
    var json = false

    @Flag(help: "Say where one run's time goes, by kind of layer; a device is waited for after each.")
    var kinds = false

    @Option(help: "Write one run's operations to this file, in Chrome's trace format.")
    var profile: String?

    private struct Row: Codable {
        var network: String
        var device: String
        var precision: String
        var threads: Int
        var size: Int
        var medianSeconds: Double
        var minSeconds: Double
        /// Of all threads together, median.
        var processorSeconds: Double
        var gflop: Double
        var gflopPerSecond: Double
        var peakBytes: Int
        var kinds: [Kind]?
    }

    private struct Kind: Codable {
        var kind: String
        var count: Int
        var seconds, processorSeconds, gflop: Double
    }

    private struct Report: Codable {
        var threads: Int
        var peakGflopPerSecond: Double
        var networks: [Row]
    }

    func validate() throws {
        if let size, size <= 0 || size % 64 != 0 {
            throw ValidationError("--size \(size) is no multiple of 64")
        }
        for name in names where MeasuredNetwork(rawValue: name) == nil {
            let all = MeasuredNetwork.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("there is no network '\(name)'; there are \(all)")
        }
        guard self.repeat > 0, threads > 0 else {
            throw ValidationError("--repeat and --threads are at least 1")
        }
        guard device != .cpu || precision != .float16 else {
            throw ValidationError("\(DeviceError.noHalves)")
        }
    }

    private var names: [String] { only.split(separator: ",").map(String.init) }

    func run() throws {
        Compute.waitPassively()
        var measurement = Measurement("networks", json: json)
        Compute.cores = threads
        do { try TorchLibrary.open(for: device) } catch { throw ValidationError("\(error)") }
        var report = Report(
            threads: threads, peakGflopPerSecond: Compute.measuredPeak() / 1e9, networks: [])
        measurement.show(heading(report))
        let source = try MeasuredWeights(folder: weights)
        var trace = ChromeTrace()
        for network in names.compactMap(MeasuredNetwork.init) {
            let row = try measure(network, of: source, &trace)
            report.networks.append(row)
            measurement.show(line(row, peak: report.peakGflopPerSecond))
        }
        if let profile { try trace.write(to: profile) }
        try measurement.finish(report)
    }

    private func measure(
        _ network: MeasuredNetwork, of source: MeasuredWeights, _ trace: inout ChromeTrace
    ) throws -> Row {
        BufferPool.trim()
        ThisMachine.forgetPeakMemory()
        let size = size ?? source.configuration.imageSize
        let storage = WeightStorage(precision ?? device.usualPrecision, device: device)
        let pass = try network.load(source, size: size, storage).run
        pass()
        var (times, processor): ([Double], [Double]) = ([], [])
        for _ in 0..<self.repeat {
            let start = (DispatchTime.now().uptimeNanoseconds, Profile.processorTime())
            pass()
            times.append(Double(DispatchTime.now().uptimeNanoseconds - start.0) / 1e9)
            processor.append(Double(Profile.processorTime() - start.1) / 1e9)
        }
        let isCounted = source.isFull && network.fullGflop(size: size) > 0
        let operations = profile != nil || kinds || !isCounted ? Profile.record(pass) : []
        if profile != nil { trace.append(operations, of: network.rawValue) }
        times.sort()
        processor.sort()
        let gflop =
            isCounted
            ? network.fullGflop(size: size) : Double(operations.reduce(0) { $0 + $1.work }) / 1e9
        let median = times[times.count / 2]
        return Row(
            network: network.rawValue, device: device.description,
            precision: storage.precision.rawValue, threads: threads, size: size,
            medianSeconds: median,
            minSeconds: times[0], processorSeconds: processor[processor.count / 2], gflop: gflop,
            gflopPerSecond: gflop / median,
            peakBytes: ThisMachine.peakMemory,
            kinds: kinds
                ? Profile.shares(of: operations).map {
                    Kind(
                        kind: $0.kind, count: $0.count, seconds: $0.seconds,
                        processorSeconds: $0.processorSeconds, gflop: $0.gflop)
                } : nil)
    }

    private func heading(_ report: Report) -> String {
        "\(threads) threads, peak \(String(format: "%.0f GFLOP/s", report.peakGflopPerSecond))\n"
            + "network   median s  fastest s  CPU s    GFLOP  GFLOP/s  of peak  memory GB"
    }

    private func line(_ row: Row, peak: Double) -> String {
        row.network.padding(toLength: 8, withPad: " ", startingAt: 0)
            + String(
                format: "  %8.3f   %8.3f %6.2f %8.1f %8.0f   %4.0f %%  %9.2f",
                row.medianSeconds,
                row.minSeconds, row.processorSeconds, row.gflop, row.gflopPerSecond,
                100 * row.gflopPerSecond / peak, Double(row.peakBytes) / 1e9)
            + (row.kinds ?? []).map {
                "\n  " + $0.kind.padding(toLength: 28, withPad: " ", startingAt: 0)
                    + String(
                        format: "%5d times %9.3f s, CPU %8.3f s, %6.0f GFLOP/s", $0.count, $0.seconds,
                        $0.processorSeconds, $0.gflop / max($0.seconds, 1e-9))
            }.joined()
    }
}

extension WeightStorage.Precision: ExpressibleByArgument {}
extension Device: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
}
