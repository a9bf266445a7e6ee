import ArgumentParser
import Foundation
import Layers
import Networks
import Parity
import Tensors

/// Everything that a GPU should be asked in the ten minutes for which it is lent.
@main
struct DeviceCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "device-check",
        abstract: "Checks and measures the networks on a device, one JSON object a line as it goes.",
        discussion: """
            Every step runs in a process of its own and has its own share of the time: what hangs or \
            crashes costs that step only, and its line says so. Weights are synthetic and inputs always the \
            same, so nothing has to be there but a libtorch; with --fixtures golden values are compared, \
            too. --model mini is for trying the check itself, on the device 'torch'. The exit code is 1 if \
            values are wrong or a step failed.
            """)

    @Argument(help: "cuda, cuda:1, xpu, or torch (libtorch on the processor).")
    var device: Device

    @Option(help: "Whose networks are measured: full (the published dimensions), small or mini.")
    var model = "full"

    @Option(help: "A folder of fixtures with golden values (*.safetensors).")
    var fixtures: String?

    @Option(help: "A Python with PyTorch, which then computes the same window; run in the repository.")
    var python: String?

    @Option(help: "Minutes for all steps together.")
    var minutes = 10.0

    @Option(help: "How often each network is measured, after a quarter as often without measuring.")
    var `repeat` = 20

    @Option(help: ArgumentHelp("Only this step, in this process.", visibility: .hidden))
    var step: CheckStep?

    func validate() throws {
        guard device != .cpu else { throw ValidationError("'cpu' has no libtorch to be checked") }
        guard configuration != nil else { throw ValidationError("there is no model '\(model)'") }
        guard minutes > 0, self.repeat > 0 else {
            throw ValidationError("--minutes and --repeat are more than 0")
        }
    }

    var configuration: ModelConfiguration? {
        ModelConfiguration.named.first { $0.name == model }
    }

    func run() throws {
        if let step { return try runHere(step) }
        var isWell = true
        for step in CheckStep.allCases where has(step) {
            isWell = try runApart(step) && isWell
        }
        if !isWell { throw ExitCode.failure }
    }

    private func has(_ step: CheckStep) -> Bool {
        switch step {
        case .goldenFloats, .goldenHalves: fixtures != nil
        case .pytorch: python != nil
        case .wideValues: model != ModelConfiguration.mini.name
        default: true
        }
    }

    private func runHere(_ step: CheckStep) throws {
        Compute.waitPassively()
        Compute.cores = ProcessInfo.processInfo.activeProcessorCount
        do {
            try TorchLibrary.open(for: device)
            if try !step.run(self) { throw ExitCode.failure }
        } catch let error as ExitCode {
            throw error
        } catch {
            CheckLine(step, ["failed": "\(error)"]).print()
            throw ExitCode.failure
        }
    }

    /// Runs a step in a process of its own, within its share of the time.
    private func runApart(_ step: CheckStep) throws -> Bool {
        let limit = 60 * minutes * step.share
        let process = Process(), ended = DispatchSemaphore(value: 0)
        let start = DispatchTime.now()
        (process.executableURL, process.arguments) = command(for: step)
        process.terminationHandler = { _ in ended.signal() }
        try process.run()
        var facts: [String: Any] = [:]
        if ended.wait(timeout: .now() + limit) == .timedOut {
            kill(process.processIdentifier, SIGKILL)
            ended.wait()
            facts["failed"] = "stopped after its \(Int(limit)) s"
        } else if process.terminationReason == .uncaughtSignal {
            facts["failed"] = "ended by signal \(process.terminationStatus)"
        } else if process.terminationStatus != 0 {
            facts["failed"] = "exit code \(process.terminationStatus)"
        }
        facts["wall_s"] = CheckLine.seconds(since: start)
        CheckLine(step, facts).print()
        return facts["failed"] == nil
    }

    private func command(for step: CheckStep) -> (URL, [String]) {
        if step == .pytorch, let python {
            let script = "Tests/DeviceCheck/window.py"
            return (
                URL(fileURLWithPath: "/usr/bin/env"),
                [python, script, device == .torch ? "cpu" : device.description, model, "\(self.repeat)"]
            )
        }
        return (Self.own, arguments + ["--step", step.rawValue])
    }

    /// This program.
    static var own: URL { URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath() }

    /// The same choices for another process.
    var arguments: [String] {
        [device.description, "--model", model, "--repeat", "\(self.repeat)", "--minutes", "\(minutes)"]
            + (fixtures.map { ["--fixtures", $0] } ?? [])
    }
}

extension Device: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
}
