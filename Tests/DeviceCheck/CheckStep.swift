import ArgumentParser
import Foundation
import Layers
import Networks
import Parity
import Tensors

/// A question to a device.
enum CheckStep: String, CaseIterable, ExpressibleByArgument {
    case device
    /// Small networks there against those of the processor.
    case values
    case goldenFloats = "golden-f32"
    case goldenHalves = "golden-narrow"
    /// The widths of the model that is measured: heads of 40, 80 and 160 have kernels of their own.
    case wideValues = "wide-values"
    case networks, window
    case windowAsBrain = "window-bf16"
    /// A denoiser and a decoder at the same time, as a graph has them.
    case pair
    /// A half of a pair; asked for by ``pair`` alone.
    case pairWindow = "pair-window"
    case pairDecoder = "pair-decoder"
    /// The same window by PyTorch itself.
    case pytorch

    static var allCases: [CheckStep] {
        [
            .device, .values, .goldenFloats, .goldenHalves, .wideValues, .networks, .window,
            .windowAsBrain, .pair, .pytorch,
        ]
    }

    /// Of the time that there is.
    var share: Double {
        switch self {
        case .device: 0.03
        case .values: 0.06
        case .goldenFloats: 0.12
        case .goldenHalves, .wideValues: 0.1
        case .networks: 0.08
        case .window: 0.19
        case .windowAsBrain: 0.1
        case .pair, .pairWindow, .pairDecoder: 0.1
        case .pytorch: 0.12
        }
    }

    /// - Returns: whether all is as it should be.
    func run(_ check: DeviceCheck) throws -> Bool {
        let storage = WeightStorage(check.device.usualPrecision, device: check.device)
        switch self {
        case .device: return describe(check.device)
        case .values:
            return try compare(MeasuredNetwork.allCases, .mini, check.device, [.float32, .float16, .bfloat16])
        case .wideValues:
            let wide = check.configuration ?? .full
            return try compare([.window], wide, check.device, [.float32, .float16])
        case .goldenFloats: return try compareGolden(check, [.float32])
        case .goldenHalves: return try compareGolden(check, [.float16, .bfloat16])
        case .networks:
            for network in [MeasuredNetwork.extractor, .motion, .taesd, .vae] {
                let source = MeasuredWeights(check.configuration ?? .full)
                let size = source.configuration.imageSize
                let pass = try network.load(source, size: size, storage)
                let gflop = source.isFull ? network.fullGflop(size: size) : 0
                measure(pass, check, storage, gflop: gflop, ["network": network.rawValue])
            }
        case .window: try measureWindows(check, storage)
        case .windowAsBrain:
            try measureWindows(check, WeightStorage(.bfloat16, device: check.device), all: false)
        case .pair: return try PairMeasurement(check).run()
        case .pairWindow, .pairDecoder:
            try PairMeasurement.run(self == .pairWindow ? .window : .vae, check, storage)
        case .pytorch: break
        }
        return true
    }

    // MARK: What it is

    private func describe(_ device: Device) -> Bool {
        let library = try? TorchLibrary.find(for: device)
        var facts: [String: Any] = [
            "device": "\(device)", "date": ISO8601DateFormatter().string(from: Date()),
            "cores": ProcessInfo.processInfo.activeProcessorCount,
            "libtorch": library?.version ?? "unknown", "folder": library?.folder ?? "",
        ]
        if let gpu = GPU(device) { facts["gpu"] = gpu.description }
        CheckLine(self, facts).print()
        return true
    }

    // MARK: Values

    /// What results may differ from the processor's, of their norm: twice what was measured on `torch`.
    private static func limit(_ precision: WeightStorage.Precision) -> Double {
        switch precision {
        case .float32: 1e-4
        case .float16: 1.2e-2
        case .bfloat16: 0.1
        }
    }

    private func compare(
        _ networks: [MeasuredNetwork], _ model: ModelConfiguration, _ device: Device,
        _ precisions: [WeightStorage.Precision]
    ) throws -> Bool {
        let source = MeasuredWeights(model), size = min(model.imageSize, 128)
        var isWell = true
        for network in networks {
            let expected = try network.load(source, size: size, WeightStorage(), keyframes: 1).result()
            for precision in precisions {
                let storage = WeightStorage(precision, device: device)
                let found = try DeviceFailure.catching(on: device) {
                    try network.load(source, size: size, storage, keyframes: 1).result()
                }
                let error = Self.relativeError(found, expected), limit = Self.limit(precision)
                isWell = isWell && error <= limit
                CheckLine(
                    self,
                    [
                        "network": network.rawValue, "model": model.name, "size": size,
                        "precision": precision.rawValue, "relative_error": CheckLine.rounded(error),
                        "limit": limit, "passed": error <= limit,
                    ]
                ).print()
            }
        }
        return isWell
    }

    /// Norm of the difference, of the norm of what was expected.
    private static func relativeError(_ found: Tensor<Float>, _ expected: Tensor<Float>) -> Double {
        guard found.shape == expected.shape else { return .infinity }
        var (difference, whole) = (0.0, 0.0)
        for (one, other) in zip(found.array, expected.array) {
            difference += Double(one - other) * Double(one - other)
            whole += Double(other) * Double(other)
        }
        let error = (difference / max(whole, .leastNormalMagnitude)).squareRoot()
        return error.isNaN ? .infinity : error
    }

    private func compareGolden(
        _ check: DeviceCheck, _ precisions: [WeightStorage.Precision]
    ) throws -> Bool {
        guard let folder = check.fixtures else { return true }
        var isWell = true
        for precision in precisions {
            let filter = check.model == ModelConfiguration.mini.name ? "mini" : nil
            let parity = try ParityRun(
                folder: folder, filter: filter,
                storage: WeightStorage(precision, device: check.device))
            _ = parity { lines in
                let failing = lines.filter { !$0.passed }
                isWell = isWell && failing.isEmpty
                let worst = lines.map(\.relativeError).max() ?? 0
                CheckLine(
                    self,
                    [
                        "fixture": lines.first?.fixture ?? "", "precision": precision.rawValue,
                        "tensors": lines.count, "passed": lines.count - failing.count,
                        "worst_relative_error": CheckLine.rounded(worst),
                        "failing": failing.prefix(5).map(\.tensor),
                    ]
                ).print()
            }
        }
        return isWell
    }

    // MARK: Time

    /// The usual window, then each choice changed by itself, then where its time goes.
    private func measureWindows(
        _ check: DeviceCheck, _ storage: WeightStorage, all: Bool = true
    ) throws {
        let source = MeasuredWeights(check.configuration ?? .full)
        let (model, size) = (source.configuration, source.configuration.imageSize)
        let windows = try MeasuredNetwork.windows(source, size: size, storage)
        func time(keyframes: Int, chunk: Int, _ choice: String = "usual") {
            let pass = windows(keyframes, chunk)
            let gflop = source.isFull && keyframes == 0 && chunk == model.framesPerChunk
                ? MeasuredNetwork.window.fullGflop(size: size) : 0
            measure(
                pass, check, storage, gflop: gflop,
                ["network": "window", "keyframes": keyframes, "chunk": chunk, "choice": choice])
            guard choice == "usual", keyframes == 0, chunk == model.framesPerChunk else { return }
            for share in Profile.shares(of: Profile.record(pass.run)) {
                CheckLine(
                    self,
                    [
                        "kind": share.kind, "count": share.count, "precision": storage.precision.rawValue,
                        "ms": CheckLine.rounded(1e3 * share.seconds),
                        "tflops": CheckLine.rounded(share.gflop / max(share.seconds, 1e-9) / 1e3),
                    ]
                ).print()
            }
        }
        time(keyframes: 0, chunk: model.framesPerChunk)
        guard all else { return }
        time(keyframes: 3, chunk: model.framesPerChunk)
        time(keyframes: 0, chunk: max(1, model.framesPerChunk / 2))
        for (name, choice) in DeviceChoices.all {
            choice.toggle()
            time(keyframes: 3, chunk: model.framesPerChunk, name)
            choice.toggle()
        }
    }

    /// Prints how long a pass takes, and what the GPU has left meanwhile.
    private func measure(
        _ pass: MeasuredNetwork.Pass, _ check: DeviceCheck, _ storage: WeightStorage, gflop: Double,
        _ facts: [String: Any]
    ) {
        for _ in 0..<(check.repeat + 3) / 4 { pass.run() }
        let times = (0..<check.repeat).map { _ in
            let start = DispatchTime.now().uptimeNanoseconds
            pass.run()
            return Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
        }.sorted()
        let median = times[times.count / 2]
        var line: [String: Any] = [
            "precision": storage.precision.rawValue, "model": check.model, "times": times.count,
            "median_ms": CheckLine.rounded(1e3 * median), "fastest_ms": CheckLine.rounded(1e3 * times[0]),
        ]
        if gflop > 0 { line["tflops"] = CheckLine.rounded(gflop / median / 1e3) }
        if let gpu = GPU(check.device), let free = gpu.free {
            line["gpu_used_gb"] = CheckLine.rounded(Double(gpu.total - free) / 1e9)
        }
        CheckLine(self, line.merging(facts) { own, _ in own }).print()
    }
}
