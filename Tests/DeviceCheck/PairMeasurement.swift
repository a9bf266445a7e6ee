import Foundation
import Layers
import Networks
import Parity
import Tensors

/// A denoiser and a decoder in two processes on one device, which take turns there.
struct PairMeasurement {
    private let check: DeviceCheck

    init(_ check: DeviceCheck) { self.check = check }

    /// One of the two: loads, says so, waits for the other, and counts passes.
    private final class Half {
        private let process = Process()
        private let input = Pipe(), output = Pipe()

        init(_ step: CheckStep, _ check: DeviceCheck) throws {
            process.executableURL = DeviceCheck.own
            process.arguments = check.arguments + ["--step", step.rawValue]
            process.standardInput = input
            process.standardOutput = output
            try process.run()
        }

        /// Waits for the next line.
        func line() -> String {
            var bytes = Data()
            while let byte = try? output.fileHandleForReading.read(upToCount: 1), !byte.isEmpty {
                if byte[0] == 10 { break }
                bytes += byte
            }
            return String(decoding: bytes, as: UTF8.self)
        }

        func go() { try? input.fileHandleForWriting.close() }
    }

    /// - Returns: whether both have counted.
    func run() throws -> Bool {
        let halves = try [CheckStep.pairWindow, .pairDecoder].map { try Half($0, check) }
        for half in halves { _ = half.line() }
        for half in halves { half.go() }
        let rates = halves.map { Double($0.line()) }
        guard let windows = rates[0], let pictures = rates[1] else { return false }
        let frames = windows * Double((check.configuration ?? .full).framesPerChunk)
        CheckLine(
            .pair,
            [
                "denoiser_fps": CheckLine.rounded(frames), "decoder_fps": CheckLine.rounded(pictures),
                "fps": CheckLine.rounded(min(frames, pictures)),
            ]
        ).print()
        return true
    }

    /// Prints `ready`, waits for the end of its input, and prints passes a second.
    static func run(
        _ network: MeasuredNetwork, _ check: DeviceCheck, _ storage: WeightStorage
    ) throws {
        // A pair whose time is over is killed; its halves must not run into the next step.
        let parent = getppid()
        let source = MeasuredWeights(check.configuration ?? .full)
        let pass = try network.load(source, size: source.configuration.imageSize, storage)
        pass.run()
        say("ready")
        // The rest of the step's time is for loading.
        let seconds = 60 * check.minutes * CheckStep.pair.share / 6
        _ = FileHandle.standardInput.readDataToEndOfFile()
        let start = DispatchTime.now()
        var count = 0
        while getppid() == parent, CheckLine.seconds(since: start) < seconds {
            pass.run()
            count += 1
        }
        say("\(Double(count) / CheckLine.seconds(since: start))")
    }

    private static func say(_ text: String) {
        FileHandle.standardOutput.write(Data((text + "\n").utf8))
    }
}
